"""A connection that only listens: the log as server-sent events, for clients without a socket.

It is a connection like any other (limits, heartbeat, drain), whose sink is a bounded buffer that
the HTTP response empties.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, final

import attrs
import msgspec
import trio

from netra_actors.connections.connection import Connection
from netra_actors.connections.delivery import Delivery
from netra_actors.errors import Conflict
from netra_actors.identity import UserExecutionContext
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.controls import Limits, Mode, Welcome
from netra_actors.protocol.events import PAYLOADS
from netra_actors.sessions.entry import SessionEntry
from netra_actors.web.ports import StreamItem

if TYPE_CHECKING:
    from netra_actors.service.worker import Worker

MAX_WAITING_BYTES: Final = 1024 * 1024
NO_PROGRESS_S: Final = 10.0
NEVER: Final = 1 << 53
"""Unix milliseconds; the HTTP side ends the stream itself when the token does."""


class _Head(msgspec.Struct):
    type: str
    seq: int = 0


_read_head = msgspec.json.Decoder(_Head).decode


@final
@attrs.define(eq=False)
class StreamSink:
    """A `FrameSink` whose frames wait until the response takes them; *disconnect* at 1 MiB."""

    _epoch: str
    tail_bytes: int = attrs.field(default=0, init=False)
    _frames: deque[bytes] = attrs.field(factory=deque, init=False)
    _filled: trio.Event = attrs.field(factory=trio.Event, init=False)
    _emptied: trio.Event = attrs.field(factory=trio.Event, init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @property
    def last_heard(self) -> float:
        """Now: a listener says nothing; the server notices when its connection ends."""
        return trio.current_time()

    def write(self, payloads: Sequence[bytes]) -> bool:
        """See `FrameSink`; False while the response has not taken what was written."""
        size = sum(map(len, payloads))
        if self._closed or (self.tail_bytes and self.tail_bytes + size > MAX_WAITING_BYTES):
            raise trio.BrokenResourceError(f"{self.tail_bytes} bytes wait for the listener")
        self._frames.extend(payloads)
        self.tail_bytes += size
        self._filled.set()
        return False

    async def drain(self) -> None:
        """See `FrameSink`."""
        await trio.lowlevel.checkpoint()
        while self._frames and not self._closed:
            self._emptied = trio.Event()
            with trio.fail_after(NO_PROGRESS_S):
                await self._emptied.wait()
        if self._closed:
            raise trio.BrokenResourceError("the listener is gone")

    def ping(self, data: bytes = b"") -> bool:  # noqa: ARG002  # there is none over HTTP
        """Do nothing; see `last_heard`."""
        return True

    def close(self) -> None:
        """End the stream once what is written was taken; idempotent."""
        self._closed = True
        self._filled.set()
        self._emptied.set()

    def __aiter__(self) -> "StreamSink":
        return self

    async def __anext__(self) -> Sequence[StreamItem]:
        """Return all that waits."""
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            self._filled = trio.Event()
            await self._filled.wait()
        items = [self._item(frame) for frame in self._frames]
        self._frames.clear()
        self.tail_bytes = 0
        self._emptied.set()
        return items

    def _item(self, frame: bytes) -> StreamItem:
        head = _read_head(frame)
        if head.type in PAYLOADS:
            return StreamItem(data=frame, cursor=Cursor(epoch=self._epoch, seq=head.seq))
        return StreamItem(data=frame, name=head.type)


@asynccontextmanager
async def open_stream(
    worker: "Worker", context: UserExecutionContext, cursor: Cursor | None
) -> AsyncIterator[AsyncIterator[Sequence[StreamItem]]]:
    """Serve one listener for the length of the block; see `netra_actors.web.ports.Worker`."""
    worker.pool.make_room(context)
    entry = await worker.sessions.entry(context)
    known = cursor is not None and cursor.epoch == entry.log.epoch
    after = cursor.seq if cursor is not None and known else None
    if after is not None and after > entry.log.committed:
        raise Conflict("this cursor is beyond the end of the log", recovery="Begin without one.")
    sink = StreamSink(entry.log.epoch)
    async with trio.open_nursery() as nursery:
        connection = _connection(worker, context, entry, sink, nursery)
        worker.pool.add(connection)
        entry.attach(connection)
        try:
            nursery.start_soon(_start, worker, connection, after)
            yield sink
        finally:
            worker.pool.remove(connection)
            worker.pool.note_close(connection.close_code or CloseCode.NORMAL)
            connection.delivery.stop()
            entry.detach(connection)
            nursery.cancel_scope.cancel(reason="the listener has gone")


def _connection(
    worker: "Worker",
    context: UserExecutionContext,
    entry: SessionEntry,
    sink: StreamSink,
    nursery: trio.Nursery,
) -> Connection:
    connection_id = worker.ids.generate_websocket_connection_id()

    def end(code: CloseCode) -> None:
        connection.end(code)

    delivery = Delivery(
        log=entry.log,
        record=worker.record,
        sink=sink,
        batched=False,
        spawn=nursery.start_soon,
        end=end,
        window_bytes=worker.settings.sockets.window_bytes,
        counts=worker.delivered,
    )
    connection = Connection(
        context=context.bind(connection_id=connection_id),
        connection_id=connection_id,
        entry=entry,
        sink=sink,
        delivery=delivery,
        config=worker.connections,
        batched=False,
        expires_at=NEVER,
        hang_up=sink.close,
        beats=True,
        device="sse",
    )
    return connection


async def _start(worker: "Worker", connection: Connection, after: int | None) -> None:
    log, sockets = connection.entry.log, worker.settings.sockets

    def welcome(mode: Mode, head: int) -> bytes:
        worker.metrics.resumes.add(mode)
        return Welcome(
            connection_id=connection.connection_id,
            user_id=connection.context.user_id,
            epoch=log.epoch,
            head=head,
            mode=mode,
            heartbeat_s=sockets.heartbeat_s,
            expires_in_s=None,
            limits=Limits(
                max_message_bytes=sockets.max_message_bytes, window_bytes=sockets.window_bytes
            ),
            plan=connection.context.plan,
            server_time=worker.ids.clock(),
        ).encode()

    try:
        await connection.delivery.start(after, welcome)
    except (trio.BrokenResourceError, trio.TooSlowError):
        connection.end(CloseCode.TOO_SLOW)
