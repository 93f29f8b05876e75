"""One session's log: the only place where an event gets its `seq`.

`append` is synchronous: it encodes once, checks the grammar, and marks the session for the next
commit. Nothing that was appended is shown before `committed` has reached it. Between two awaits
a task is alone, so there is no lock: whoever appends two events in one step has them side by
side in the log.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

import attrs
import trio

from netra_actors.errors import LogFull
from netra_actors.identity import UserID
from netra_actors.log.limits import EventTooLarge, LogLimits, LogStatus
from netra_actors.log.port import Answer, Append, Outcome
from netra_actors.log.tail import Tail
from netra_actors.log.waiters import CommitWaiters
from netra_actors.protocol.events import Event, Payload, encode_event
from netra_actors.protocol.lifecycle import Lifecycle
from netra_actors.protocol.state import State

if TYPE_CHECKING:
    from netra_actors.log.committer import Committer
    from netra_actors.log.cursor import Cursor

CLOSING: Final = frozenset(
    "run_cancelling tool_completed agent_error agent_started agent_completed "
    "subagent_completed".split()
)
"""Types that may use the reserve above the bound, so that a run can always be closed."""


@final
@attrs.define(eq=False, kw_only=True)
class SessionLog:
    """The ordered events of one session.

    Attributes:
        user_id: whose it is; there is no way from one user's log to another's.
        epoch: the log's identity; another one means that history was lost.
        head: seq of the newest appended event.
        committed: seq of the newest durable event: what clients may see.
        oldest: seq of the oldest event that the record keeps.
        lifecycle: the grammar's state of every open run, as of `head`.
        uncommitted_bytes: what waits for the record.
        discarded: events that were refused a place because the log was lost.
        on_close: called once when the log is lost or quarantined.
    """

    user_id: UserID
    epoch: str
    clock: Callable[[], int]
    committer: "Committer"
    head: int = 0
    oldest: int = 1
    term: int = 1
    takes_term: bool = True
    limits: LogLimits = attrs.field(factory=LogLimits)
    lifecycle: Lifecycle = attrs.field(factory=Lifecycle)
    state: State = attrs.field(factory=State)
    on_close: Callable[[LogStatus], None] | None = None
    status: LogStatus = attrs.field(default=LogStatus.OPEN, init=False)
    discarded: int = attrs.field(default=0, init=False)
    uncommitted_bytes: int = attrs.field(default=0, init=False)
    cursors: "dict[Cursor, None]" = attrs.field(factory=dict, init=False)
    committed: int = attrs.field(init=False)
    _tail: Tail = attrs.field(init=False)
    _answers: list[Answer] = attrs.field(factory=list, init=False)
    _taken: Append | None = attrs.field(default=None, init=False)
    _dirty: bool = attrs.field(default=False, init=False)
    _waiters: CommitWaiters = attrs.field(factory=CommitWaiters, init=False)
    _breath_events: int = attrs.field(default=0, init=False)
    _breath_bytes: int = attrs.field(default=0, init=False)
    _room: trio.Event | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.committed = self.head
        self._tail = Tail(self.head + 1, state=self.state)

    def append(
        self,
        payload: Payload,
        *,
        thread_id: str | None = None,
        run_id: str | None = None,
        parent_run_id: str | None = None,
        message_id: str | None = None,
    ) -> Event:
        """Give *payload* the next seq, or refuse it; it becomes visible with its commit.

        Returns the event; with seq 0, and stored nowhere, once the log is lost.

        Raises:
            IllegalTransition: the grammar forbids it here.
            LogFull: too much is uncommitted.
            EventTooLarge: over 64 KiB encoded.
        """
        lost = self.status is not LogStatus.OPEN
        event = Event(
            type=payload.type,
            seq=0 if lost else self.head + 1,
            timestamp=self.clock(),
            thread_id=thread_id,
            run_id=run_id,
            parent_run_id=parent_run_id,
            message_id=message_id,
            payload=payload,
        )
        line = encode_event(event)
        size = len(line)
        self._check_room(event.type, size)
        self.lifecycle.advance(
            payload,
            run_id=run_id,
            parent_run_id=parent_run_id,
            thread_id=thread_id,
            message_id=message_id,
        )
        if lost:
            self.discarded += 1
            return event
        self.head = event.seq
        self._tail.push(event, line)
        self.uncommitted_bytes += size
        self.committer.uncommitted_bytes += size
        self._breath_events += 1
        self._breath_bytes += size
        if not self._dirty:
            self._mark()
        return event

    def _check_room(self, kind: str, size: int) -> None:
        limits = self.limits
        if size > limits.event_bytes:
            raise EventTooLarge(f"{kind} has {size} bytes; at most {limits.event_bytes}")
        excess = self.uncommitted_bytes + size - limits.full_bytes
        if excess > (limits.reserve_bytes if kind in CLOSING else 0):
            raise LogFull(f"{self.uncommitted_bytes} bytes of {self.user_id} wait for the record")

    def keep_answer(self, answer: Answer) -> None:
        """Store *answer* in the commit that holds the newest event, or in one of its own."""
        if self.status is LogStatus.OPEN:
            self._answers.append(answer)
            if not self._dirty:
                self._mark()

    def _mark(self) -> None:
        self._dirty = True
        self.committer.mark(self)

    def take(self) -> Append | None:
        """Freeze what waits into one `Append`; None if nothing does. For the committer."""
        self._dirty = False
        if self.status is not LogStatus.OPEN or (self.committed == self.head and not self._answers):
            return None
        lines, events = self._tail.since(self.committed)
        answers, self._answers = tuple(self._answers), []
        lines.append(b"")
        self._taken = Append(
            user_id=self.user_id,
            epoch=self.epoch,
            term=self.term,
            takes_term=self.takes_term,
            seq_from=self.committed + 1,
            seq_to=self.head,
            body=b"\n".join(lines),
            events=tuple(events),
            answers=answers,
        )
        return self._taken

    def settle(self, outcome: Outcome) -> None:
        """Note what became of the last `take`.

        Whoever waited for the commit is called in the same step. For the committer.
        """
        taken = self._taken
        if taken is None:
            raise RuntimeError("settle without take")
        self._taken = None
        if outcome is not Outcome.COMMITTED:
            lost = outcome is Outcome.LOST
            self._close(LogStatus.LOST if lost else LogStatus.QUARANTINED)
            return
        self.takes_term = False
        self.committed = taken.seq_to
        size = len(taken.body) - len(taken.events)
        self._release(size)
        if self._tail.size - self.uncommitted_bytes > self.limits.tail_bytes:
            self._tail.trim(self.committed, self.limits.tail_bytes // 2, self.uncommitted_bytes)
        self._waiters.committed(self.committed)
        if self.uncommitted_bytes <= self.limits.wait_bytes:
            self._give_room()

    def _release(self, size: int) -> None:
        self.uncommitted_bytes -= size
        self.committer.uncommitted_bytes -= size

    def _close(self, status: LogStatus) -> None:
        self.status = status
        self._release(self.uncommitted_bytes)
        self.discarded += self.head - self.committed
        self._waiters.lost()
        self._give_room()
        if self.on_close is not None:
            self.on_close(status)

    def _give_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    @property
    def first_in_memory(self) -> int:
        """The seq of the oldest event that needs no read from the record."""
        return self._tail.first

    def lines(self, after: int) -> list[bytes]:
        """Return the committed events after *after*, from memory.

        Raises:
            LookupError: they are not in memory any more; read the record.
        """
        return self._tail.read(after, self.committed)

    def fold(self) -> tuple[int, State]:
        """Return (committed, the state after it). The state stays the log's own."""
        return self.committed, self._tail.fold(self.committed)

    @property
    def settled(self) -> bool:
        """Whether nothing waits: all is committed, no answer is unsaved, nobody listens."""
        return self.committed == self.head and not (
            self._answers or self._waiters or self._taken or self.cursors
        )

    def when_committed(self, seq: int, callback: Callable[[bool], None]) -> None:
        """Call *callback(True)* once *seq* is durable; with False if the log is lost before.

        At once if that is so already. What the callback raises later is logged.
        """
        if seq <= self.committed or self.status is not LogStatus.OPEN:
            callback(seq <= self.committed)
            return
        self._waiters.add(seq, callback)

    async def wait_committed(self, seq: int) -> bool:
        """Wait until *seq* is durable (True), or the log is lost (False).

        Cancellation: nothing happened; the event is committed all the same.
        """
        done, verdict = trio.Event(), [False]

        def note(durable: bool) -> None:
            verdict[0] = durable
            done.set()

        self.when_committed(seq, note)
        await done.wait()
        return verdict[0]

    @property
    def must_breathe(self) -> bool:
        """Whether an emitter should give the others a turn before its next event."""
        return (
            self._breath_events >= self.limits.breath_events
            or self._breath_bytes >= self.limits.breath_bytes
            or self.uncommitted_bytes > self.limits.wait_bytes
            or self.committer.full
        )

    async def breathe(self) -> None:
        """Let others run; wait while too much of the session or the worker is uncommitted.

        Cancellation: nothing happened.
        """
        self._breath_events = self._breath_bytes = 0
        await trio.lowlevel.checkpoint()
        while self.uncommitted_bytes > self.limits.wait_bytes:
            if self._room is None:
                self._room = trio.Event()
            await self._room.wait()
        await self.committer.wait_room()
