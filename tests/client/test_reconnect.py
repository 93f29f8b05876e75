import math
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from netra_actors.client import FoldFailed, Refused, Unreachable, connect
from netra_actors.client.link import LOST, Ending
from netra_actors.errors import Unauthorized
from netra_actors.protocol.state import State


async def accept(service: Any, mode: str = "fresh", **fields: Any) -> tuple[Any, dict[str, Any]]:
    wire = await service.accept()
    hello = await wire.expect("hello")
    wire.welcome(mode, **fields)
    return wire, hello


async def live(service: Any, task_status: Any = trio.TASK_STATUS_IGNORED, **options: Any) -> None:
    """Hold a session open; failures of the session itself come out of its iterator."""
    options.setdefault("token", "t")
    async with connect("service:1", opener=service.open, **options) as session:
        task_status.started(session)
        async for _ in session.events():
            pass


async def test_nobody_there_at_first_is_unreachable_at_once(
    autojump_clock: MockClock, service: Any
) -> None:
    service.refusals.append(Ending(LOST, "refused"))
    with pytest.raises(Unreachable, match="no answer from ws://service:1/ws: 1006 refused"):
        await live(service)
    assert len(service.attempts) == 1


async def test_a_patient_client_waits_for_the_service(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    service.refusals.extend([Ending(LOST, "refused")] * 3)
    nursery.start_soon(lambda: live(service, wait_for_service=True))
    await accept(service)
    assert len(service.attempts) == 4
    nursery.cancel_scope.cancel(reason="done")


async def test_a_connection_once_had_is_looked_for_until_patience_ends(
    autojump_clock: MockClock, service: Any
) -> None:
    async def serve() -> None:
        wire, _ = await accept(service)
        service.refusals.extend([Ending(LOST, "refused")] * 1000)
        wire.close(LOST)

    with pytest.RaisesGroup(pytest.RaisesExc(Unreachable, match="for 60 s")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await live(service, give_up_after_s=60.0)
    assert service.attempts[-1] <= 60
    assert len(service.attempts) > 3


async def test_silence_ends_the_connection_and_the_next_resumes(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    nursery.start_soon(live, service)
    wire, _ = await accept(service)
    wire.event(1, "thread_created", {"title": "x"})
    start = trio.current_time()
    wire, hello = await accept(service, "resumed")
    assert trio.current_time() - start == pytest.approx(33)
    assert hello["cursor"] == {"epoch": "e_1", "seq": 1}
    nursery.cancel_scope.cancel(reason="done")


async def test_heartbeats_keep_a_quiet_connection(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    nursery.start_soon(live, service)
    wire, _ = await accept(service)
    for _ in range(5):
        await trio.sleep(25)
        wire.say({"type": "heartbeat", "head": 0, "sent": 0})
    assert not wire.left
    nursery.cancel_scope.cancel(reason="done")


async def test_a_hole_in_a_heartbeat_is_healed_by_one_resync(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    nursery.start_soon(live, service)
    wire, _ = await accept(service)
    wire.say({"type": "heartbeat", "head": 2, "sent": 2})
    assert (await wire.expect("resync"))["from"] == 0
    wire.event(1, "thread_created", {"title": "x"})
    wire.event(2, "thread_created", {"title": "y"})
    assert (await wire.expect("ack"))["seq"] == 2
    nursery.cancel_scope.cancel(reason="done")


async def test_acks_are_sent_a_second_after_the_first_event(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    nursery.start_soon(live, service)
    wire, _ = await accept(service)
    start = trio.current_time()
    wire.event(1, "thread_created", {"title": "x"})
    await trio.sleep(0.5)
    wire.event(2, "thread_created", {"title": "y"})
    assert (await wire.expect("ack"))["seq"] == 2
    assert trio.current_time() - start == pytest.approx(1)
    nursery.cancel_scope.cancel(reason="done")


async def test_draining_says_when_to_come_back(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    nursery.start_soon(live, service)
    wire, _ = await accept(service)
    wire.say({"type": "draining", "reconnect_after_ms": 2500})
    start = trio.current_time()
    wire.close(4001)
    await accept(service, "resumed")
    assert trio.current_time() - start == pytest.approx(2.5)
    nursery.cancel_scope.cancel(reason="done")


async def test_an_impossible_cursor_is_dropped_with_its_state(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    nursery.start_soon(live, service)
    wire, _ = await accept(service)
    wire.event(1, "thread_created", {"title": "x"})
    await trio.testing.wait_all_tasks_blocked()
    wire.close(4409)
    _, hello = await accept(service, "snapshot")
    assert "cursor" not in hello
    nursery.cancel_scope.cancel(reason="done")


async def test_a_refused_token_is_renewed_once_by_its_provider(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    tokens = iter(["old", "new"])
    nursery.start_soon(lambda: live(service, token=lambda: next(tokens)))
    wire = await service.accept()
    assert wire.headers["Authorization"] == "Bearer old"
    wire.say({"type": "error", "error": "unauthorized", "message": "expired"})
    wire.close(4401)
    wire, _ = await accept(service)
    assert wire.headers["Authorization"] == "Bearer new"
    nursery.cancel_scope.cancel(reason="done")


@pytest.mark.parametrize("by_upgrade", [True, False])
async def test_a_plain_token_that_is_refused_ends_the_session(
    autojump_clock: MockClock, service: Any, by_upgrade: bool
) -> None:
    async def serve() -> None:
        wire = await service.accept()
        wire.say({"type": "error", "error": "unauthorized", "message": "it is expired"})
        wire.close(4401)

    if by_upgrade:
        service.refusals.append(Ending(LOST, "", http_status=401))
        with pytest.raises(Unauthorized, match="refuses the token"):
            await live(service)
        return
    with pytest.RaisesGroup(pytest.RaisesExc(Unauthorized, match="it is expired")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await live(service)


async def test_a_provider_whose_new_token_is_refused_too_is_not_asked_for_ever(
    autojump_clock: MockClock,
    service: Any,
) -> None:
    service.refusals.extend([Ending(LOST, "", http_status=401)] * 2)
    with pytest.raises(Unauthorized, match="new token too"):
        await live(service, token=lambda: "bad")
    assert len(service.attempts) == 2


async def test_a_token_about_to_expire_is_replaced_on_the_open_connection(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    tokens = iter(["old", "new"])
    nursery.start_soon(lambda: live(service, token=lambda: next(tokens)))
    wire, _ = await accept(service)
    wire.say({"type": "token_expiring", "in_s": 60})
    assert (await wire.expect("auth"))["token"] == "new"
    assert not wire.left
    nursery.cancel_scope.cancel(reason="done")


@pytest.mark.parametrize("code", [1000, 4403, 4413, 4429])
async def test_what_would_be_refused_again_is_not_tried_again(
    autojump_clock: MockClock, service: Any, code: int
) -> None:
    async def serve() -> None:
        wire, _ = await accept(service)
        wire.close(code, "why")

    with pytest.RaisesGroup(pytest.RaisesExc(Refused, match="why", check=lambda e: e.code == code)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await live(service)
    assert len(service.attempts) == 1


async def test_a_fold_that_throws_ends_the_session_and_says_so(
    autojump_clock: MockClock, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_self: State, _event: object) -> None:
        raise KeyError("run_9")

    async def serve() -> None:
        wire, _ = await accept(service)
        wire.event(1, "thread_created", {"title": "x"})

    monkeypatch.setattr(State, "apply", explode)
    with pytest.RaisesGroup(pytest.RaisesExc(FoldFailed, match="event 1")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await live(service)


async def test_a_service_that_throws_every_connection_out_is_not_hammered(
    autojump_clock: MockClock, service: Any, nursery: trio.Nursery
) -> None:
    nursery.start_soon(live, service)
    start = trio.current_time()
    for _ in range(12):
        wire, _ = await accept(service)
        wire.close(4050)
    assert trio.current_time() - start > 10
    nursery.cancel_scope.cancel(reason="done")


async def test_cancelling_leaves_at_once(autojump_clock: MockClock, service: Any) -> None:
    with trio.move_on_after(1) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live, service)
            wire, _ = await accept(service)
            await trio.sleep(math.inf)
    assert scope.cancelled_caught
    assert wire.left
    assert trio.current_time() == pytest.approx(service.attempts[0] + 1)
