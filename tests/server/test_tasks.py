from typing import Any

import trio
from hypercorn.config import Config
from trio.testing import wait_all_tasks_blocked

from netra_actors.server.tasks import AppTasks
from netra_actors.server.throttled import ThrottledLog


async def test_events_reach_the_application_and_the_end_does_not_wait() -> None:
    got: list[str] = []
    sent: list[Any] = []
    hold = trio.Event()

    async def app(scope: Any, receive: Any, send: Any, sync_spawn: Any, call_soon: Any) -> None:
        del scope, send, sync_spawn, call_soon
        await hold.wait()
        while True:
            event = await receive()
            got.append(event["type"])
            if event["type"] == "http.disconnect":
                return

    async def send(message: Any) -> None:
        sent.append(message)

    async with trio.open_nursery() as nursery:
        tasks = AppTasks(nursery, ThrottledLog())
        scope: Any = {"type": "http", "path": "/"}
        put: Any = await tasks.spawn_app(app, Config(), scope, send)
        for _ in range(4):
            await put({"type": "http.request", "body": bytes(64 * 1024)})
        nursery.start_soon(put, {"type": "http.request", "body": b"waits"})
        await wait_all_tasks_blocked()
        await put({"type": "http.disconnect"})
        hold.set()
    assert got == ["http.request"] * 4 + ["http.disconnect"]
    assert sent == [None]


async def test_a_fault_of_the_application_stays_with_its_request() -> None:
    sent: list[Any] = []
    throttled = ThrottledLog()

    async def fail(*_: Any) -> None:
        raise ExceptionGroup("both", [RuntimeError("boom"), ValueError("boom")])

    async def send(message: Any) -> None:
        sent.append(message)

    async with trio.open_nursery() as nursery:
        scope: Any = {"type": "http", "path": "/"}
        app: Any = fail
        await AppTasks(nursery, throttled).spawn_app(app, Config(), scope, send)
    assert sent == [None]
    assert throttled.counts == {"application_fault": 1}
