"""The committer: one task that makes the worker's logs durable, all sessions in one batch.

A batch is as large as the load makes it: while one is being written the next one gathers. There
is no timer. When the record is down the frozen batch is sent again with back-off until the
record takes it; nothing of it is visible before, and emitters wait at their bounds.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, final

import attrs
import structlog
import trio

from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.log.port import Append, Outcome, Record
from netra_actors.log.session_log import SessionLog

log = structlog.get_logger(__name__)

MIB: Final = 1024 * 1024
WAKES_PER_TURN: Final = 64
"""Cursors woken before the other tasks get a turn."""


@attrs.frozen(kw_only=True)
class CommitterConfig:
    """Bounds of the committer."""

    batch_bytes: int = 4 * MIB
    """What one batch may hold; what does not fit goes with the next one."""
    worker_bytes: int = 64 * MIB
    """Uncommitted bytes of the whole worker above which every emitter waits."""
    retry_first_s: float = 0.05
    retry_most_s: float = 1.0
    unavailable_after_s: float = 1.0
    """Without a successful commit for that long, commands are refused."""


@final
@attrs.define(eq=False, kw_only=True)
class CommitterStatistics:
    """What the committer has done since it started; plain counters, read at will."""

    batches: int = 0
    events: int = 0
    bytes: int = 0
    retries: int = 0
    lost: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    """Spent in the record, all batches together."""


@attrs.define(eq=False)
class _Batch:
    """What is under way: sent again byte for byte after a failure or a restart of the task."""

    sessions: list[SessionLog]
    appends: list[Append]
    outcomes: Sequence[Outcome] | None = None
    """What the record said, once it has."""
    settled: int = 0
    """How many of the sessions have been told."""


@final
@attrs.define(eq=False, kw_only=True)
class Committer:
    """Gathers dirty logs and commits them; `run` is its one task."""

    record: Record
    config: CommitterConfig = attrs.field(factory=CommitterConfig)
    on_batch: Callable[[int, int, float], None] | None = None
    """Told of each batch: events, bytes, seconds."""
    statistics: CommitterStatistics = attrs.field(factory=CommitterStatistics, init=False)
    _dirty: deque[SessionLog] = attrs.field(factory=deque, init=False)
    _work: trio.Event = attrs.field(factory=trio.Event, init=False)
    _room: trio.Event | None = attrs.field(default=None, init=False)
    _idle: trio.Event = attrs.field(factory=trio.Event, init=False)
    _busy: bool = attrs.field(default=False, init=False)
    _failing: bool = attrs.field(default=False, init=False)
    _sent_at: float = attrs.field(default=math.inf, init=False)
    """When the batch under way was first sent; infinite while there is none."""
    _batch: _Batch | None = attrs.field(default=None, init=False)
    uncommitted_bytes: int = attrs.field(default=0, init=False)
    """Of all sessions; the logs count it up and down."""

    def mark(self, session: SessionLog) -> None:
        """Commit *session* with the next batch. Each log marks itself once a batch."""
        self._dirty.append(session)
        if not self._work.is_set():
            self._work.set()

    @property
    def full(self) -> bool:
        """Whether the worker as a whole has too much uncommitted."""
        return self.uncommitted_bytes > self.config.worker_bytes

    @property
    def available(self) -> bool:
        """Whether a commit went through within the last second (or none was needed).

        A record that does not answer counts like one that refuses.
        """
        return trio.current_time() - self._sent_at < self.config.unavailable_after_s

    async def wait_room(self) -> None:
        """Wait while the worker has too much uncommitted."""
        while self.full:
            if self._room is None:
                self._room = trio.Event()
            await self._room.wait()

    async def wait_idle(self) -> None:
        """Wait until everything that was appended is durable (or lost).

        Cancellation: nothing happened. For draining: give it a deadline.
        """
        while self._busy or self._dirty:
            if self._idle.is_set():
                self._idle = trio.Event()
            await self._idle.wait()

    async def run(self) -> None:
        """Commit until cancelled; owned by the service.

        Cancellation: a batch that is being written is finished or was never begun, as the
        record's `commit` says; what was not written was never visible.
        """
        while True:
            await self._work.wait()
            # All that became ready in this pass of the scheduler goes into one batch.
            await trio.lowlevel.checkpoint()
            self._busy = True
            if self._batch is None:
                self._batch = self._gather()
            if self._batch.sessions:
                await self._commit(self._batch)
            self._batch = None
            self._busy = False
            if not self._dirty:
                self._work = trio.Event()
                self._idle.set()

    def _gather(self) -> _Batch:
        batch = _Batch([], [])
        size = 0
        while self._dirty and size < self.config.batch_bytes:
            session = self._dirty.popleft()
            append = session.take()
            if append is not None:
                batch.sessions.append(session)
                batch.appends.append(append)
                size += len(append.body)
        return batch

    async def _commit(self, batch: _Batch) -> None:
        if batch.outcomes is None:
            batch.outcomes = await self._store(batch.appends)
        woken = 0
        while batch.settled < len(batch.sessions):
            index = batch.settled
            # Before it is told: a restart goes on with the next one and tells nobody twice.
            batch.settled += 1
            woken += self._settle(
                batch.sessions[index], batch.appends[index], batch.outcomes[index]
            )
            if woken >= WAKES_PER_TURN:
                woken = 0
                await trio.lowlevel.checkpoint()
        if self._room is not None and not self.full:
            self._room.set()
            self._room = None

    def _settle(self, session: SessionLog, append: Append, outcome: Outcome) -> int:
        """Tell the log and its cursors; return how many were woken."""
        self._count(append, outcome)
        session.settle(outcome)
        cursors = tuple(session.cursors)
        for cursor in cursors:
            # One that was woken before may have detached it.
            if cursor in session.cursors:
                cursor.wake()
        return len(cursors)

    async def _store(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        pause = self.config.retry_first_s
        self._sent_at = min(self._sent_at, trio.current_time())
        while True:
            started = trio.current_time()
            try:
                outcomes = await self.record.commit(batch)
            except RecordUnavailable as error:
                self._note_failure(error)
                await trio.sleep(pause)
                pause = min(2 * pause, self.config.retry_most_s)
            else:
                if len(outcomes) != len(batch):
                    raise RecordCorrupt(f"{len(outcomes)} outcomes for {len(batch)} sessions")
                self._note_success(batch, trio.current_time() - started)
                return outcomes

    def _note_failure(self, error: RecordUnavailable) -> None:
        self.statistics.retries += 1
        if not self._failing:
            self._failing = True
            log.error("record_unavailable", error=str(error))

    def _note_success(self, batch: Sequence[Append], seconds: float) -> None:
        self.statistics.batches += 1
        self.statistics.seconds += seconds
        if self.on_batch is not None:
            self.on_batch(*_size(batch), seconds)
        if self._failing:
            self._failing = False
            log.info("record_is_back", down_s=trio.current_time() - self._sent_at)
        self._sent_at = math.inf

    def _count(self, append: Append, outcome: Outcome) -> None:
        statistics = self.statistics
        if outcome is Outcome.COMMITTED:
            statistics.events += len(append.events)
            statistics.bytes += len(append.body)
        elif outcome is Outcome.LOST:
            statistics.lost += 1
            log.warning("log_lost", user_id=append.user_id, term=append.term)
        else:
            statistics.quarantined += 1
            log.error("log_quarantined", user_id=append.user_id, seq_from=append.seq_from)


def _size(batch: Sequence[Append]) -> tuple[int, int]:
    return sum(len(a.events) for a in batch), sum(len(a.body) for a in batch)
