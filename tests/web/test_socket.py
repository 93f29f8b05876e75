"""The WebSocket class over ASGI in memory; real sockets are met in the tests of the sinks."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.connections.inbox import Inbox
from netra_actors.connections.sinks import EXTENSION, ExtensionSink
from netra_actors.web.socket import FrameTooLarge, NetraWebSocket, Socket, SocketClosed

Handler = Callable[[Socket], Awaitable[None]]


@attrs.define
class Frames:
    """What our server offers as its extension."""

    log: list[Any]
    gone: trio.Event = attrs.field(factory=trio.Event)
    tail_bytes: int = 0
    last_heard: float = 0.0
    is_stuck: bool = False

    def write(self, payloads: list[bytes]) -> bool:
        self.log.extend(payloads)
        return True

    async def drain(self) -> None:
        self.log.append("drained")
        await trio.lowlevel.checkpoint()
        if self.is_stuck:
            await trio.sleep_forever()

    def ping(self, data: bytes = b"") -> bool:
        self.log.append(("ping", data))
        return True

    def hang_up(self) -> None:
        self.log.append("hung up")


class Line:
    """The server's side of one ASGI WebSocket."""

    def __init__(self, handler: Handler, *, extended: bool = False, path: str = "/ws") -> None:
        self.log: list[Any] = []
        self.inbox = Inbox()
        self.frames = Frames(self.log) if extended else None
        self.answers_http = True
        self._path = path
        self._app = type("App", (), {"netra_socket_handler": staticmethod(handler)})()

    async def send(self, message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        kind = message["type"].removeprefix("websocket.")
        detail = {key: value for key, value in message.items() if key != "type"}
        self.log.append((kind, detail))

    def come(self, **message: Any) -> None:
        """Bring a message from the peer."""
        self.inbox._events.append(({"type": "websocket.receive", **message}, 1))
        self.inbox._filled.unpark()

    def leave(self, code: int = 1005) -> None:
        self.inbox.finish({"type": "websocket.disconnect", "code": code})
        if self.frames is not None:
            self.frames.gone.set()

    async def run(self) -> None:
        extensions: dict[str, Any] = {}
        if self.frames is not None:
            extensions[EXTENSION] = self.frames
        if self.answers_http:
            extensions["websocket.http.response"] = {}
        scope = {
            "type": "websocket",
            "path": self._path,
            "query_string": b"a=1",
            "headers": [(b"host", b"here")],
            "subprotocols": ["netra.v1"],
            "client": ("127.0.0.1", 5),
            "scheme": "ws",
            "http_version": "1.1",
            "extensions": extensions,
        }
        self.inbox._events.appendleft(({"type": "websocket.connect"}, 0))
        await NetraWebSocket(self._app, scope)(self.inbox.receive, self.send)

    def closes(self) -> list[int]:
        return [detail["code"] for kind, detail in pairs(self.log) if kind == "close"]

    def statuses(self) -> list[int]:
        return [d["status"] for kind, d in pairs(self.log) if kind == "http.response.start"]


def pairs(log: list[Any]) -> list[tuple[str, Any]]:
    return [entry for entry in log if isinstance(entry, tuple)]


both = pytest.mark.parametrize("extended", [True, False])


@both
async def test_a_handler_sees_the_upgrade_and_answers_it(extended: bool) -> None:
    async def handler(socket: Socket) -> None:
        assert (socket.path, socket.query, socket.scheme) == ("/ws", "a=1", "ws")
        assert socket.headers.get("host") == "here"
        assert socket.subprotocols == ["netra.v1"]
        assert socket.client == ("127.0.0.1", 5)
        await socket.accept("netra.v1")
        socket.sink.write([b"hello"])
        await socket.sink.drain()
        line.leave()

    line = Line(handler, extended=extended)
    await line.run()
    assert pairs(line.log)[0] == ("accept", {"subprotocol": "netra.v1", "headers": []})
    assert b"hello" in line.log or ("send", {"text": "hello"}) in line.log


@both
async def test_messages_come_as_text_or_bytes_and_empty_ones_too(extended: bool) -> None:
    got: list[str | bytes] = []

    async def handler(socket: Socket) -> None:
        await socket.accept()
        line.leave()  # what came before it is still there
        while True:
            got.append(await socket.receive())

    line = Line(handler, extended=extended)
    line.come(text="a", bytes=None)
    line.come(text=None, bytes=b"b")
    line.come(text="", bytes=None)
    line.come(text=None, bytes=b"")
    await line.run()
    assert got == ["a", b"b", "", b""]


@both
async def test_a_peer_that_left_is_told_with_its_code_and_logged_nowhere(extended: bool) -> None:
    codes: list[int] = []

    async def handler(socket: Socket) -> None:
        await socket.accept()
        line.leave(4711)
        try:
            await socket.receive()
        except SocketClosed as closed:
            codes.append(closed.code)
            raise

    line = Line(handler, extended=extended)
    with structlog.testing.capture_logs() as logs:
        await line.run()
    assert codes == [4711]
    assert logs == []
    assert line.closes() == []


@both
async def test_a_busy_handler_sees_that_the_peer_has_gone(
    extended: bool, nursery: trio.Nursery
) -> None:
    seen = trio.Event()

    async def handler(socket: Socket) -> None:
        await socket.accept()
        await socket.gone.wait()
        seen.set()

    line = Line(handler, extended=extended)
    nursery.start_soon(line.run)
    await wait_all_tasks_blocked()
    line.leave()
    await seen.wait()


@both
async def test_a_handler_that_returns_closes_1000(
    extended: bool, autojump_clock: MockClock
) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()

    line = Line(handler, extended=extended)
    await line.run()
    assert line.closes() == [1000]


@both
async def test_a_crash_closes_4050_and_is_logged(extended: bool, autojump_clock: MockClock) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        raise RuntimeError("boom")

    line = Line(handler, extended=extended)
    with structlog.testing.capture_logs() as logs:
        await line.run()
    assert line.closes() == [4050]
    assert [entry["event"] for entry in logs] == ["socket_crashed"]


async def test_a_crash_beside_a_cancellation_is_not_lost(autojump_clock: MockClock) -> None:
    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("in the cleanup")

    async def handler(socket: Socket) -> None:
        await socket.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    line = Line(handler, extended=True)
    with structlog.testing.capture_logs() as logs, trio.move_on_after(1) as scope:
        await line.run()
    assert scope.cancelled_caught
    assert [entry["event"] for entry in logs] == ["socket_crashed"]


async def test_a_crash_before_the_accept_answers_500() -> None:
    async def handler(socket: Socket) -> None:
        raise RuntimeError(socket.path)

    line = Line(handler, extended=True)
    with structlog.testing.capture_logs():
        await line.run()
    assert line.statuses() == [500]


async def test_a_handler_that_does_not_answer_the_upgrade_refuses_it() -> None:
    async def handler(socket: Socket) -> None:
        del socket

    line = Line(handler, extended=True)
    await line.run()
    assert line.statuses() == [403]


async def test_a_rejection_carries_status_headers_and_body() -> None:
    async def handler(socket: Socket) -> None:
        await socket.reject(401, b"no", [(b"x-why", b"token")])
        with pytest.raises(SocketClosed):
            await socket.accept()

    line = Line(handler, extended=True)
    await line.run()
    start, body = pairs(line.log)
    assert start[1]["status"] == 401
    assert (b"x-why", b"token") in start[1]["headers"]
    assert (b"content-length", b"2") in start[1]["headers"]
    assert body[1]["body"] == b"no"


async def test_a_server_that_cannot_answer_http_closes_instead() -> None:
    async def handler(socket: Socket) -> None:
        await socket.reject(401)

    line = Line(handler)
    line.answers_http = False
    await line.run()
    assert [kind for kind, _ in pairs(line.log)] == ["close"]


async def test_another_path_answers_404() -> None:
    async def handler(socket: Socket) -> None:
        raise AssertionError(socket.path)

    line = Line(handler, path="/other", extended=True)
    await line.run()
    assert line.statuses() == [404]


@both
@pytest.mark.parametrize("message", [{"bytes": b"x" * 65_537}, {"text": "é" * 32_769}])
async def test_a_message_over_64_kib_closes_4413(
    extended: bool, message: dict[str, Any], autojump_clock: MockClock
) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        await socket.receive()

    line = Line(handler, extended=extended)
    line.come(**message)
    await line.run()
    assert line.closes() == [4413]


async def test_the_servers_word_for_an_oversized_message_is_taken() -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        with pytest.raises(FrameTooLarge):
            await socket.receive()
        line.leave()

    line = Line(handler, extended=True)
    line.come(**{EXTENSION: "too_large"})
    await line.run()


async def test_a_close_drains_first_and_happens_once(autojump_clock: MockClock) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        await socket.close(4001, "draining")
        await socket.close(4008)
        assert socket.close_code == 4001
        with pytest.raises(SocketClosed):
            await socket.receive()

    line = Line(handler, extended=True)
    started = trio.current_time()
    await line.run()
    assert line.log[1:] == ["drained", ("close", {"code": 4001, "reason": "draining"}), "hung up"]
    assert trio.current_time() - started == pytest.approx(1)


async def test_a_close_does_not_wait_for_a_peer_that_answers(autojump_clock: MockClock) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(socket.close, 4001)
            await wait_all_tasks_blocked()
            line.leave()

    line = Line(handler, extended=True)
    started = trio.current_time()
    await line.run()
    assert trio.current_time() == started


async def test_a_close_gives_up_a_tail_that_does_not_leave(autojump_clock: MockClock) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        await socket.close(4001)

    line = Line(handler, extended=True)
    assert line.frames is not None
    line.frames.is_stuck = True
    started = trio.current_time()
    await line.run()
    assert trio.current_time() - started == pytest.approx(5)
    assert line.log[-1] == "hung up"


async def test_a_close_ends_a_receive_that_waits(autojump_clock: MockClock) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(socket.close, 4012)
            with pytest.raises(SocketClosed) as caught:
                await socket.receive()
        assert caught.value.code == 4012

    line = Line(handler)
    await line.run()
    assert line.closes() == [4012]


async def test_a_flood_to_a_busy_handler_waits_in_the_server(nursery: trio.Nursery) -> None:
    async def handler(socket: Socket) -> None:
        await socket.accept()
        await trio.sleep_forever()

    line = Line(handler)
    for _ in range(200):
        line.come(text="x", bytes=None)
    nursery.start_soon(line.run)
    await wait_all_tasks_blocked()
    assert len(line.inbox) == 200 - 64 - 1
    nursery.cancel_scope.cancel()


async def test_there_is_no_sink_before_the_accept() -> None:
    async def handler(socket: Socket) -> None:
        with pytest.raises(RuntimeError, match="not accepted"):
            _ = socket.sink
        await socket.accept()
        assert isinstance(socket.sink, ExtensionSink)
        line.leave()

    line = Line(handler, extended=True)
    await line.run()
