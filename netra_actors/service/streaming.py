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
from netra_actors.connections.opening import Carrier, Opening
from netra_actors.errors import Conflict, RecordUnavailable, Unavailable
from netra_actors.identity import UserExecutionContext
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.events import PAYLOADS
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
    entry = await worker.sessions.entry(context)
    if entry.state != "running":
        raise Unavailable(f"the session is {entry.state}", retry_after_s=5.0)
    if worker.pool.draining:
        raise Unavailable("the service is leaving", retry_after_s=1.0)
    known = cursor is not None and cursor.epoch == entry.log.epoch
    after = cursor.seq if cursor is not None and known else None
    if after is not None and after > entry.log.committed:
        raise Conflict("this cursor is beyond the end of the log", recovery="Begin without one.")
    worker.pool.make_room(context)
    sink = StreamSink(entry.log.epoch)
    connection_id = worker.ids.generate_websocket_connection_id()
    opening = worker.edge.opening
    async with trio.open_nursery() as nursery:
        carrier = Carrier(
            sink=sink,
            spawn=nursery.start_soon,
            hang_up=sink.close,
            batched=False,
            beats=True,
            device="sse",
        )
        connection = opening.connection(
            context.bind(connection_id=connection_id),
            connection_id,
            entry,
            carrier,
            expires_at=NEVER,
        )
        with opening.attached(connection):
            nursery.start_soon(_start, opening, connection, cursor)
            try:
                yield sink
            finally:
                worker.pool.note_close(connection.close_code or CloseCode.NORMAL)
                nursery.cancel_scope.cancel(reason="the listener has gone")


async def _start(opening: Opening, connection: Connection, cursor: Cursor | None) -> None:
    try:
        await opening.start(connection, cursor, expires_in_s=None)
    except (trio.BrokenResourceError, trio.TooSlowError):
        connection.end(CloseCode.TOO_SLOW)
    except RecordUnavailable:
        connection.end(CloseCode.INTERNAL)
