"""One suite over both sinks, on real sockets and our server, with and without its extension."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import attrs
import pytest
import trio
from quart_trio import QuartTrio

from netra_actors.connections import sinks
from netra_actors.connections.sinks import EXTENSION, ExtensionSink, FrameSink, QueueSink
from netra_actors.server import writer
from netra_actors.server.hypercorn import make_config, serve
from netra_actors.server.listener import open_listeners
from netra_actors.web.socket import NetraWebSocket, Socket

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
Kind = Literal["extension", "queue"]
pytestmark = pytest.mark.parametrize("kind", ["extension", "queue"])


@attrs.define
class Peer:
    """The client's end: a raw stream that reads only when it is told to."""

    stream: trio.SocketStream
    read: bytes = b""

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload."""
        start = await self._exactly(2)
        length = start[1]
        if length > 125:
            length = int.from_bytes(await self._exactly(2 if length == 126 else 8), "big")
        return start[0] & 0x0F, await self._exactly(length)

    async def _exactly(self, count: int) -> bytes:
        while len(self.read) < count:
            more = await self.stream.receive_some(1 << 20)
            assert more, "the stream has ended"
            self.read += more
        got, self.read = self.read[:count], self.read[count:]
        return got

    async def head(self) -> bytes:
        while b"\r\n\r\n" not in self.read:
            self.read += await self.stream.receive_some(4096)
        head, _, self.read = self.read.partition(b"\r\n\r\n")
        return head


@asynccontextmanager
async def connected(kind: Kind) -> AsyncIterator[tuple[Socket, Peer]]:
    """Serve one accepted socket and yield both ends of it."""
    sockets: list[Socket] = []
    ready, done = trio.Event(), trio.Event()

    async def handler(socket: Socket) -> None:
        await socket.accept()
        sockets.append(socket)
        ready.set()
        await done.wait()

    app = QuartTrio("sinks")
    app.asgi_websocket_class = NetraWebSocket  # type: ignore[assignment]
    app.netra_socket_handler = handler  # type: ignore[attr-defined]

    async def offered(scope: Any, receive: Any, send: Any) -> None:
        if kind == "queue":
            scope.get("extensions", {}).pop(EXTENSION, None)
        await app(scope, receive, send)

    listeners = open_listeners("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    async with trio.open_nursery() as nursery:
        config = make_config(graceful_timeout_s=0.1)
        await nursery.start(partial(serve, offered, config, listeners, shutdown_trigger=done.wait))
        client = trio.socket.socket()
        client.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
        await client.connect(("127.0.0.1", port))
        async with trio.SocketStream(client) as stream:
            peer = Peer(stream)
            await stream.send_all(UPGRADE)
            assert (await peer.head()).startswith(b"HTTP/1.1 101")
            await ready.wait()
            yield sockets[0], peer
        done.set()


async def drained(sink: FrameSink) -> None:
    while sink.tail_bytes:
        await sink.drain()


async def test_each_kind_of_server_gets_its_sink(kind: Kind) -> None:
    async with connected(kind) as (socket, _):
        assert type(socket.sink) is (ExtensionSink if kind == "extension" else QueueSink)


async def test_frames_arrive_whole_and_in_order(kind: Kind) -> None:
    payloads = [b"a" * size for size in (0, 1, 125, 126, 65535, 65536, 200_000)]
    async with connected(kind) as (socket, peer), trio.open_nursery() as nursery:
        socket.sink.write(payloads[:1])
        socket.sink.write(payloads[1:])
        nursery.start_soon(drained, socket.sink)
        assert [await peer.frame() for _ in payloads] == [(1, payload) for payload in payloads]
    assert not socket.sink.tail_bytes


async def test_a_drain_returns_when_the_tail_is_empty(kind: Kind) -> None:
    async with connected(kind) as (socket, peer):
        if not socket.sink.write([b"hello"]):
            await socket.sink.drain()
        assert socket.sink.tail_bytes == 0
        assert await peer.frame() == (1, b"hello")


async def test_the_tail_refuses_at_its_bound_and_keeps_what_it_took(kind: Kind) -> None:
    taken = 0
    payload = b"x" * 50_000

    def fill(sink: FrameSink) -> None:
        nonlocal taken
        while taken < 1000:
            sink.write([payload])
            taken += 1

    async with connected(kind) as (socket, peer):
        with pytest.raises(trio.BrokenResourceError, match="bytes wait"):
            fill(socket.sink)
        assert 900_000 < socket.sink.tail_bytes <= 1_048_576
        for _ in range(taken):
            assert await peer.frame() == (1, payload)
        await socket.sink.drain()
        socket.sink.write([b"after"])
        assert await peer.frame() == (1, b"after")


async def test_an_empty_tail_takes_a_call_of_any_size(kind: Kind) -> None:
    large = b"x" * 2_000_000
    async with connected(kind) as (socket, peer):
        assert not socket.sink.write([large])
        assert await peer.frame() == (1, large)


async def test_a_cancelled_drain_loses_nothing(kind: Kind) -> None:
    payload = b"x" * 900_000
    async with connected(kind) as (socket, peer):
        socket.sink.write([payload])
        with trio.move_on_after(0.02) as scope:
            await socket.sink.drain()
        assert scope.cancelled_caught
        assert await peer.frame() == (1, payload)


async def test_a_peer_that_left_breaks_write_and_drain(kind: Kind) -> None:
    async with connected(kind) as (socket, peer):
        socket.sink.write([b"x" * 900_000])
        await peer.stream.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await socket.sink.drain()
        await socket.gone.wait()
        with pytest.raises(trio.BrokenResourceError):
            socket.sink.write([b"late"])
        with pytest.raises(trio.BrokenResourceError):
            socket.sink.ping()


async def test_a_closed_socket_takes_no_more_frames(kind: Kind) -> None:
    async with connected(kind) as (socket, peer), trio.open_nursery() as nursery:
        socket.sink.write([b"last"])
        nursery.start_soon(socket.close, 4001)
        assert await peer.frame() == (1, b"last")
        assert await peer.frame() == (8, (4001).to_bytes(2, "big"))
        await peer.stream.send_all(b"\x88\x82\0\0\0\0" + (4001).to_bytes(2, "big"))
    with pytest.raises(trio.BrokenResourceError):
        socket.sink.write([b"late"])


async def test_a_peer_that_takes_nothing_is_too_slow(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "NO_PROGRESS_S", 0.05 if kind == "extension" else 10)
    monkeypatch.setattr(sinks, "NO_PROGRESS_S", 0.05)
    async with connected(kind) as (socket, _):
        socket.sink.write([b"x" * 3_000_000])
        with pytest.raises(trio.TooSlowError):
            await socket.sink.drain()
        with pytest.raises(trio.BrokenResourceError):
            socket.sink.write([b"late"])


async def test_what_comes_from_the_peer_is_heard(kind: Kind) -> None:
    async with connected(kind) as (socket, peer):
        before = socket.sink.last_heard
        await peer.stream.send_all(b"\x82\x80\0\0\0\0")
        assert await socket.receive() == b""
        assert socket.sink.last_heard > before


async def test_a_ping_goes_behind_the_tail_where_there_is_one(kind: Kind) -> None:
    async with connected(kind) as (socket, peer):
        before = socket.sink.last_heard
        assert socket.sink.ping(b"now")
        if kind == "queue":  # ASGI has no ping: an empty queue counts as an answer.
            assert socket.sink.last_heard > before
        else:
            assert await peer.frame() == (9, b"now")
