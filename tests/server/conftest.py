"""Our server in this process, under plain ASGI applications, and a raw client."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from netra_actors.server.connection import Host, Limits
from netra_actors.server.hypercorn import make_config, serve
from netra_actors.server.listener import open_listeners

App = Callable[[Any, Any, Any], Awaitable[None]]
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a client's frame; a mask of zeros leaves the payload readable."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + len(payload).to_bytes(8, "big")
    return head + bytes(4) + payload


async def until(check: Callable[[], bool]) -> None:
    """Wait for what another task does with a real socket, at most a second."""
    with trio.fail_after(1):
        while not check():  # noqa: ASYNC110 - it has no event of its own
            await trio.sleep(0.001)


@attrs.define
class Peer:
    """The client's end: a raw stream that reads only when it is told to."""

    stream: trio.SocketStream
    read: bytes = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def head(self) -> bytes:
        """Return the head of an answer; what there is if the stream ends."""
        while b"\r\n\r\n" not in self.read:
            more = await self.stream.receive_some(65536)
            if not more:
                break
            self.read += more
        head, _, self.read = self.read.partition(b"\r\n\r\n")
        return head

    async def ends(self) -> bool:
        """Whether the stream ends, with nothing before its end."""
        try:
            return not self.read and not await self.stream.receive_some(1)
        except trio.BrokenResourceError:
            return True

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload."""
        start = await self.exactly(2)
        length = start[1]
        if length > 125:
            length = int.from_bytes(await self.exactly(2 if length == 126 else 8), "big")
        return start[0] & 0x0F, await self.exactly(length)

    async def exactly(self, count: int) -> bytes:
        while len(self.read) < count:
            more = await self.stream.receive_some(1 << 20)
            assert more, "the stream has ended"
            self.read += more
        got, self.read = self.read[:count], self.read[count:]
        return got


@attrs.define
class Served:
    """A running server."""

    host: Host
    port: int
    stop: trio.Event
    stopped: trio.Event

    @asynccontextmanager
    async def peer(self, *, receive_buffer: int | None = None) -> AsyncIterator[Peer]:
        client = trio.socket.socket()
        if receive_buffer is not None:
            client.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_buffer)
        await client.connect(("127.0.0.1", self.port))
        async with trio.SocketStream(client) as stream:
            yield Peer(stream)


@asynccontextmanager
async def _serving(
    app: App, *, limits: Limits | None = None, **options: Any
) -> AsyncIterator[Served]:
    listeners = open_listeners("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    stop, stopped = trio.Event(), trio.Event()

    async def run(task_status: trio.TaskStatus[Host]) -> None:
        try:
            await serve(
                app,
                make_config(**{"graceful_timeout_s": 0.1, **options}),
                listeners,
                shutdown_trigger=stop.wait,
                limits=limits,
                task_status=task_status,
            )
        finally:
            stopped.set()

    async with trio.open_nursery() as nursery:
        host = await nursery.start(run)
        with trio.fail_after(5):
            yield Served(host, port, stop, stopped)
        stop.set()


Serving = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serving() -> Serving:
    """Serves an application; the options are those of `make_config`."""
    return _serving


async def answer(send: Any, body: bytes = b"here", status: int = 200) -> None:
    """Answer an HTTP request."""
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def http_app(body: bytes = b"here") -> App:
    """Return an application without lifespan that answers every request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        del receive
        await answer(send, body)

    return app
