import importlib
import importlib.metadata
import sys
from typing import Any

import pytest
import structlog
import trio

from netra_actors.errors import ConfigurationError
from netra_actors.server.hypercorn import make_config, serve
from netra_actors.server.listener import open_listeners
from tests.server.conftest import GET, Serving, http_app


def test_another_hypercorn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "netra_actors.server.hypercorn"
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.19.0")
    with pytest.raises(ConfigurationError, match=r"pip install hypercorn==0\.18\.0"):
        importlib.import_module(name)


async def test_tls_is_refused() -> None:
    config = make_config()
    config.certfile = config.keyfile = "some.pem"
    with pytest.raises(ConfigurationError, match="proxy"):
        await serve(http_app(), config, [], shutdown_trigger=trio.sleep_forever)


async def test_the_lifespan_runs_around_the_serving(serving: Serving) -> None:
    steps: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            steps.append("request")
            await http_app()(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            steps.append(step)
            await send({"type": f"lifespan.{step}.complete"})

    async with serving(app) as served, served.peer() as peer:
        await peer.send(GET)
        await peer.head()
        served.stop.set()
        await served.stopped.wait()
    assert steps == ["startup", "request", "shutdown"]


async def test_a_start_that_fails_ends_the_server() -> None:
    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    listeners = open_listeners("127.0.0.1", 0)
    with pytest.RaisesGroup(Exception, match=None) as caught:
        await serve(app, make_config(), listeners, shutdown_trigger=trio.sleep_forever)
    assert "no database" in str(caught.value.exceptions[0])
    listeners[0].close()


async def test_an_application_whose_lifespan_dies_ends_the_server() -> None:
    die = trio.Event()

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await die.wait()
        raise RuntimeError("a background task has died")

    async def run() -> None:
        listeners = open_listeners("127.0.0.1", 0)
        await serve(app, make_config(), listeners, shutdown_trigger=trio.sleep_forever)

    with (
        structlog.testing.capture_logs() as logs,
        trio.fail_after(2),
        pytest.RaisesGroup(pytest.RaisesGroup(RuntimeError)),
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(0.02)
            die.set()
    assert "hypercorn_says" in [entry["event"] for entry in logs]


async def test_the_listeners_are_closed_when_the_server_stops(serving: Serving) -> None:
    async with serving(http_app()) as served:
        served.stop.set()
        await served.stopped.wait()
        with pytest.raises(OSError, match="failed"):
            await trio.open_tcp_stream("127.0.0.1", served.port)
