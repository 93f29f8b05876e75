"""One TCP connection: one task that reads it, bounded in time and memory, that never fails upwards.

    NEW ──bytes──> HEAD ──whole request head──> BUSY ──answered──> IDLE ──bytes──> HEAD ...

A connection that is NEW or in HEAD for 10 s, or IDLE for the keep-alive time, is closed. A
WebSocket stays BUSY.
"""

import enum
import math
import socket
import sys
from typing import final

import attrs
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState, LifespanState
from hypercorn.utils import parse_socket_addr

from netra_actors.server.frames import Frames
from netra_actors.server.http1 import Http1Protocol
from netra_actors.server.listener import UNSENT_BYTES
from netra_actors.server.tasks import AppTasks
from netra_actors.server.throttled import ThrottledLog
from netra_actors.server.writer import Writer

_READ_BYTES = 64 * 1024
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


@attrs.frozen(kw_only=True)
class Limits:
    """What one worker grants to strangers; times in seconds."""

    max_connections: int = 10_000
    """More are answered 503 and closed; over a tenth more, closed without an answer."""
    head_s: float = 10.0
    """For a request head to arrive whole."""
    linger_s: float = 1.0
    """For the last bytes to leave and the peer to end, so that a reset does not eat them."""


@final
@attrs.define(eq=False)
class Host:
    """What the connections of one server share."""

    app: AppWrapper
    config: Config
    context: WorkerContext
    state: LifespanState
    limits: Limits
    throttled: ThrottledLog = attrs.field(factory=ThrottledLog)
    has_lifespan: bool = attrs.field(default=False, init=False)
    connections: "set[Connection]" = attrs.field(factory=set, init=False)

    async def handle(self, stream: trio.SocketStream) -> None:
        """Serve one accepted connection until its end; nothing but cancellation comes out."""
        connection = Connection(self, stream)
        over = len(self.connections) - self.limits.max_connections
        self.connections.add(connection)
        try:
            if over < 0:
                await connection.serve()
            elif over <= self.limits.max_connections // 10:
                await connection.refuse()
        # The crash boundary of a connection: whatever a stranger can provoke ends his alone.
        # A part of the group that is a cancellation goes on.
        except* Exception as faults:  # noqa: BLE001
            self.throttled.warning("connection_fault_contained", exc_info=faults)
        finally:
            self.connections.discard(connection)
            stream.socket.close()

    def close_idle(self) -> None:
        """Close every connection that has no request under way: the server is stopping."""
        for connection in list(self.connections):
            connection.close_if_idle()


class _Phase(enum.Enum):
    NEW = enum.auto()
    HEAD = enum.auto()
    BUSY = enum.auto()
    IDLE = enum.auto()


@final
class Connection:
    """One accepted connection; see the module."""

    def __init__(self, host: Host, stream: trio.SocketStream) -> None:
        self._host = host
        self._stream = stream
        self._phase = _Phase.NEW
        self._reading = trio.CancelScope()
        self._is_finishing = False

    async def refuse(self) -> None:
        """Answer 503 without reading anything."""
        self._host.throttled.warning(
            "connection_refused_full", limit=self._host.limits.max_connections
        )
        with trio.move_on_after(self._host.limits.linger_s):
            await self._stream.send_all(_FULL)
            await self._discard_until_eof()

    async def serve(self) -> None:
        """Read until either side ends the connection; then let the application finish."""
        if sys.platform == "linux":  # trio sets a smaller mark on what it accepts.
            self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        async with trio.open_nursery() as nursery:
            self._tasks = AppTasks(nursery, self._host.throttled)
            self._writer = Writer(self._stream.socket, self._tasks.spawn, self._reading.cancel)
            self._frames = Frames(self._writer, self._finish)
            try:
                await self._talk()
            finally:
                self._writer.stop()
                self._stream.socket.close()

    def close_if_idle(self) -> None:
        """End the connection unless a request is under way."""
        if self._phase is not _Phase.BUSY:
            self._finish()

    async def _talk(self) -> None:
        try:
            self._protocol = self._make_protocol()
        except OSError:
            return  # It had gone before we looked.
        try:
            with self._reading:
                self._reading.deadline = trio.current_time() + self._host.limits.head_s
                await self._read()
        finally:
            # Never waits: the disconnect has its own place in the application's inbox.
            await self._protocol.handle(Closed())
        if self._is_finishing:
            await self._linger()
        elif self._reading.cancelled_caught and self._phase is _Phase.HEAD:
            self._host.throttled.warning("request_head_too_slow")

    def _make_protocol(self) -> Http1Protocol:
        host, connected = self._host, self._stream.socket
        return Http1Protocol(
            host.app,
            host.config,
            host.context,
            self._tasks,
            ConnectionState(host.state.copy()),
            False,
            parse_socket_addr(connected.family, connected.getpeername()),
            parse_socket_addr(connected.family, connected.getsockname()),
            self._send,
            writer=self._writer,
            frames=self._frames,
            throttled=host.throttled,
        )

    async def _read(self) -> None:
        while True:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            now = self._frames.last_heard = trio.current_time()
            if self._phase in {_Phase.NEW, _Phase.IDLE}:
                self._phase = _Phase.HEAD
                self._reading.deadline = now + self._host.limits.head_s
            await self._protocol.handle(RawData(bytes(data)))
            if not data:
                return

    async def _send(self, event: Event) -> None:
        """Do what the protocol asks for."""
        if isinstance(event, RawData):
            try:
                await self._writer.send_all(event.data)
            except (trio.BrokenResourceError, trio.TooSlowError):
                # The reader was told, and tells the application, once it gets its turn.
                await trio.lowlevel.checkpoint()
        elif isinstance(event, Closed):
            self._finish()
        elif isinstance(event, Updated):
            self._turn(is_idle=event.idle)

    def _turn(self, *, is_idle: bool) -> None:
        host = self._host
        if not is_idle:
            self._phase, seconds = _Phase.BUSY, math.inf
        elif self._protocol.has_begun_head:  # The next request did not wait for the answer.
            self._phase, seconds = _Phase.HEAD, host.limits.head_s
        else:
            self._phase, seconds = _Phase.IDLE, host.config.keep_alive_timeout
        self._reading.deadline = trio.current_time() + seconds
        if is_idle and host.context.terminated.is_set():
            self._finish()

    def _finish(self) -> None:
        """Stop reading requests; the reader closes once the last bytes have left."""
        self._is_finishing = True
        self._reading.cancel()

    async def _linger(self) -> None:
        with trio.move_on_after(self._host.limits.linger_s):
            try:
                await self._writer.drain()
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.TooSlowError):
                return
            await self._discard_until_eof()

    async def _discard_until_eof(self) -> None:
        try:
            while await self._stream.receive_some(_READ_BYTES):
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # A reset is an end too.
