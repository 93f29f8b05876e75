"""From the log to one peer: a cursor, a sink, and what happens between them.

On the fast path the committer wakes the cursor and the events are written in the same call. A
task exists only while the peer is behind: it waits for the kernel, reads what was missed, or
replaces it by a snapshot. Bounds: the sink's tail (1 MiB), the window of a client that acks, and
what `catchup` reads; a peer that takes nothing for 10 s is closed 4008.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, final

import attrs
import structlog
import trio

from netra_actors.connections.catchup import read_missed, seq_of
from netra_actors.connections.sinks import FrameSink
from netra_actors.errors import RecordUnavailable
from netra_actors.log.cursor import Cursor
from netra_actors.log.port import Record
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.batching import frames
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.controls import Mode, ReplayEnd, encode_snapshot
from netra_actors.protocol.snapshots import encode_state

logger = structlog.get_logger(__name__)

SLICE_BYTES: Final = 128 * 1024
"""What a replay writes before it lets the kernel take it."""
RETRY_S: Final = 0.5
WINDOW_STALL_S: Final = 30.0
"""A client whose window stays full for that long is too slow."""

Spawn = Callable[[Callable[[], Awaitable[None]]], None]


@final
@attrs.define(eq=False, kw_only=True)
class DeliveryCounts:
    """What was written, over all connections of a worker; plain counters."""

    events: int = 0
    frames: int = 0
    bytes: int = 0
    snapshots: int = 0


@final
@attrs.define(eq=False, kw_only=True)
class Delivery:
    """Brings one session's events to one peer, each once and in order.

    Attributes:
        cursor: how far it is.
        sink: where frames go.
        batched: whether a frame may be an array of events.
        live: whether the replay has ended.
        spawn: starts a task in the connection's nursery.
        end: asks for the connection to be closed with a code.
    """

    log: SessionLog
    record: Record
    sink: FrameSink
    batched: bool
    spawn: Spawn
    end: Callable[[CloseCode], None]
    window_bytes: int
    counts: DeliveryCounts
    cursor: Cursor = attrs.field(init=False)
    live: bool = attrs.field(default=False, init=False)
    windowed: bool = attrs.field(default=False, init=False)
    stalled_since: float | None = attrs.field(default=None, init=False)
    _pumping: bool = attrs.field(default=False, init=False)
    _pump_scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _pump_ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    _unacked: deque[tuple[int, int]] = attrs.field(factory=deque, init=False)
    _unacked_bytes: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.cursor = Cursor(self.log, 0, self._on_commit)

    async def start(
        self, after: int | None, welcome: Callable[[Mode, int], bytes] | None = None
    ) -> None:
        """Replay what follows *after* (None: begin with a snapshot), then go live.

        Live events are held back until `replay_end` is written. *welcome* makes the first
        frame from the mode and the head; a resync has none. The window does not hold a replay
        back, since nobody reads acks meanwhile; what was replayed counts in it.

        Cancellation: the connection is over.

        Raises:
            RecordUnavailable: what was missed cannot be read now; a connection that was live
                goes on from where it was.
            trio.BrokenResourceError: the peer is gone.
            trio.TooSlowError: the peer takes nothing.
        """
        was_live, self.live = self.live, False
        await self._end_pump()
        self._pumping = True
        try:
            await self._replay(after, welcome)
            self.live = True
            self.cursor.attach()
        except RecordUnavailable:
            self.live = was_live
            raise
        finally:
            self._pumping = False
            self.wake()

    async def _replay(
        self, after: int | None, welcome: Callable[[Mode, int], bytes] | None
    ) -> None:
        missed = None
        if after is not None:
            missed = await read_missed(self.record, self.log, after)
        if after is None or missed is None:
            self._write_snapshot(welcome)
        else:
            self._empty_window()
            self._welcome(welcome, "resumed" if self.log.committed else "fresh", missed.upto)
            self.cursor.sent = after
            await self._write_slices(missed.lines)
        if not self._write([ReplayEnd(seq=self.cursor.sent).encode()]):
            await self.sink.drain()

    def _welcome(self, welcome: Callable[[Mode, int], bytes] | None, mode: Mode, at: int) -> None:
        if welcome is not None:
            self._write([welcome(mode, at)])

    def _write_snapshot(self, welcome: Callable[[Mode, int], bytes] | None) -> None:
        at, state = self.log.fold()
        self._welcome(welcome, "snapshot" if at else "fresh", at)
        if at:
            self._write([encode_snapshot(at, encode_state(state))])
            self.counts.snapshots += 1
        self.cursor.sent = at
        self._empty_window()

    def _empty_window(self) -> None:
        self._unacked.clear()
        self._unacked_bytes = 0
        self.stalled_since = None

    def stop(self) -> None:
        """Deliver nothing any more; a second call does nothing."""
        self.live = False
        self.cursor.detach()

    def _on_commit(self) -> None:
        written = False
        try:
            self.wake()
            written = True
        finally:
            if not written:  # The cursor logs the fault; the peer must not wait for ever.
                self.stop()
                self.end(CloseCode.INTERNAL)

    def wake(self) -> None:
        """Write what is new, if the peer can take it; called at each commit. Never waits."""
        if not self.live or self._pumping or self.cursor.lag <= 0 or self.stalled_since is not None:
            return
        if not self.cursor.in_memory:
            self._start_pump()
            return
        lines = self._take()
        try:
            whole = not lines or self._write_lines(lines)
        except trio.BrokenResourceError:
            self._broken()
            return
        if not whole or (self.cursor.lag > 0 and self.stalled_since is None):
            self._start_pump()

    def _take(self) -> list[bytes]:
        """Take what is in memory, as far as the window has room."""
        if not self.windowed:
            return self.cursor.take()
        if not self._has_room(0, len(self.log.lines(self.cursor.sent)[0])):
            return []
        room = self.window_bytes - self._unacked_bytes
        # Small takes, so that an ack in the middle of them frees something.
        return self.cursor.take(min(room, SLICE_BYTES))

    def _broken(self) -> None:
        """Stop: the peer is gone, or its tail is at the bound and it reads nothing."""
        slow = self.sink.tail_bytes > 0
        self.stop()
        self.end(CloseCode.TOO_SLOW if slow else CloseCode.INTERNAL)

    def _write(self, payloads: list[bytes]) -> bool:
        self.counts.frames += len(payloads)
        self.counts.bytes += sum(map(len, payloads))
        return self.sink.write(payloads)

    def _write_lines(self, lines: list[bytes]) -> bool:
        self.counts.events += len(lines)
        if self.windowed:
            size = sum(map(len, lines))
            self._unacked.append((self.cursor.sent, size))
            self._unacked_bytes += size
        return self._write(frames(lines, as_array=self.batched))

    async def _write_slices(self, lines: list[bytes]) -> None:
        """Write *lines* slice by slice, each when the kernel has the one before it.

        On a live connection it ends early where the window is full.
        """
        part: list[bytes] = []
        size = 0
        for line in lines:
            if self.live and not self._has_room(size, len(line)):
                break
            part.append(line)
            size += len(line)
            if size >= SLICE_BYTES:
                await self._write_slice(part)
                part, size = [], 0
        if part:
            await self._write_slice(part)

    async def _write_slice(self, part: list[bytes]) -> None:
        self.cursor.sent = seq_of(part[-1])
        if not self._write_lines(part):
            await self.sink.drain()

    def _start_pump(self) -> None:
        self._pumping = True
        self._pump_scope, self._pump_ended = trio.CancelScope(), trio.Event()
        self.spawn(self._pump)

    async def _end_pump(self) -> None:
        """Have the pump task end before somebody else writes; at most one writes at a time."""
        if self._pumping:
            self._pump_scope.cancel(reason="a replay begins")
            await self._pump_ended.wait()

    async def _pump(self) -> None:
        """Wait for the peer, then bring it up to date; ends when the fast path can go on."""
        try:
            with self._pump_scope:
                await self.sink.drain()
                while self.live and self.cursor.lag > 0 and self.stalled_since is None:
                    await self._catch_up()
                    await self.sink.drain()
        except trio.BrokenResourceError:
            self._broken()
        except trio.TooSlowError:
            self.stop()
            self.end(CloseCode.TOO_SLOW)
        finally:
            self._pumping = False
            self._pump_ended.set()
        self.wake()

    async def _catch_up(self) -> None:
        try:
            missed = await read_missed(self.record, self.log, self.cursor.sent)
        except RecordUnavailable as error:
            logger.warning("catch_up_waits", user_id=self.log.user_id, error=str(error))
            await trio.sleep(RETRY_S)
            return
        if missed is None:
            self._write_snapshot(None)
        else:
            await self._write_slices(missed.lines)

    def _has_room(self, before: int, size: int) -> bool:
        """Whether *size* bytes may follow *before* more; an event too large goes alone."""
        used = self._unacked_bytes + before
        if not self.windowed or not used or used + size <= self.window_bytes:
            return True
        self.stalled_since = trio.current_time()
        return False

    def ack(self, seq: int) -> None:
        """Note that the client has applied everything up to *seq*; from now on it is windowed."""
        self.windowed = True
        while self._unacked and self._unacked[0][0] <= seq:
            self._unacked_bytes -= self._unacked.popleft()[1]
            self.stalled_since = None
        self.wake()

    @property
    def is_stalled(self) -> bool:
        """Whether the window has been full for too long."""
        since = self.stalled_since
        return since is not None and trio.current_time() - since > WINDOW_STALL_S
