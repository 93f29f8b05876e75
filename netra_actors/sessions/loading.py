"""Loading a session: from what the record has to a log that can be appended to.

The state is the newest stored snapshot and the events after it. Runs that had no terminal are
found again: those that had started are closed, `interrupted` or, when a stop was under way,
`cancelled`; those that waited wait again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, final

import attrs
import msgspec
import trio

from netra_actors.agents.run import MAX_INLINE
from netra_actors.identity import MessageID, RunID, ThreadID, UserExecutionContext, UserID
from netra_actors.log.committer import Committer
from netra_actors.log.limits import LogLimits
from netra_actors.log.port import Record, RunRow, SessionRow
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.batching import lines_of
from netra_actors.protocol.closing import Closer, Closing
from netra_actors.protocol.events import Event, SubagentStarted, UserMessage, decode_event
from netra_actors.protocol.lifecycle import Lifecycle
from netra_actors.protocol.state import State
from netra_actors.protocol.text import cut_encoded
from netra_actors.sessions.queue import RunRequest

READ_BYTES: Final = 512 * 1024


@final
@attrs.frozen(kw_only=True)
class Loading:
    """What loading needs."""

    record: Record
    committer: Committer
    clock: Callable[[], int]
    new_epoch: Callable[[], str]
    limits: LogLimits
    default_plan: str


@final
@attrs.frozen
class Loaded:
    """A session as it was found."""

    log: SessionLog
    waiting: Sequence[RunRequest]
    """Runs to be queued again."""
    interrupted: Sequence[RunID]
    """Runs that were closed here."""


async def load_session(loading: Loading, user_id: UserID) -> Loaded:
    """Return the user's log; a new one if nothing is stored.

    Cancellation: nothing happened.

    Raises:
        RecordUnavailable: the record cannot be read now.
    """
    row = await loading.record.session(user_id)
    if row is None:
        log = SessionLog(
            user_id=user_id,
            epoch=loading.new_epoch(),
            clock=loading.clock,
            committer=loading.committer,
            limits=loading.limits,
        )
        return Loaded(log, (), ())
    open_runs = await loading.record.open_runs(user_id)
    reader = _Reader(loading, row, open_runs)
    await reader.read()
    log = reader.log()
    interrupted = close_started(log)
    return Loaded(log, reader.waiting(log), interrupted)


@attrs.define(eq=False)
class _Reader:
    """Reads the stored events once, for the fold and for the grammar of the open runs."""

    loading: Loading
    row: SessionRow
    open_runs: Sequence[RunRow]
    state: State = attrs.field(factory=State)
    lifecycle: Lifecycle = attrs.field(factory=Lifecycle)
    messages: dict[str, Event] = attrs.field(factory=dict)
    at: int = 0

    async def read(self) -> None:
        stored = await self.loading.record.snapshot(self.row.user_id)
        if stored is not None and stored[0] <= self.row.head:
            self.at = stored[0]
            self.state = State.from_snapshot(msgspec.json.decode(stored[1]))
        first_open = min((run.seq_first for run in self.open_runs), default=self.row.head + 1)
        open_ids = {str(run.run_id) for run in self.open_runs}
        after = min(max(self.at, self.row.tail), first_open - 1)
        async for event in _events(self.loading.record, self.row, after):
            if event.seq > self.at:
                self.state.apply(event)
            if event.run_id in open_ids:
                self._advance(event, open_ids)

    def _advance(self, event: Event, open_ids: set[str]) -> None:
        self.lifecycle.advance(
            event.payload,
            run_id=event.run_id,
            parent_run_id=event.parent_run_id,
            thread_id=event.thread_id,
            message_id=event.message_id,
        )
        if isinstance(event.payload, UserMessage) and event.run_id is not None:
            self.messages[event.run_id] = event
        if isinstance(event.payload, SubagentStarted):
            open_ids.add(event.payload.subagent_run_id)

    def log(self) -> SessionLog:
        return SessionLog(
            user_id=self.row.user_id,
            epoch=self.row.epoch,
            clock=self.loading.clock,
            committer=self.loading.committer,
            head=self.row.head,
            oldest=self.row.tail + 1,
            term=self.row.term + 1,
            limits=self.loading.limits,
            lifecycle=self.lifecycle,
            state=self.state,
        )

    def waiting(self, log: SessionLog) -> list[RunRequest]:
        return [
            self._request(self.messages[state.run_id])
            for state in log.lifecycle.runs.values()
            if not state.started and state.run_id in self.messages
        ]

    def _request(self, event: Event) -> RunRequest:
        payload = event.payload
        assert isinstance(payload, UserMessage)  # noqa: S101  # that is what `messages` holds
        context = UserExecutionContext(user_id=self.row.user_id, plan=self.loading.default_plan)
        return RunRequest(
            run_id=RunID(event.run_id or ""),
            thread_id=ThreadID(event.thread_id or ""),
            message_id=MessageID(event.message_id or ""),
            agent=payload.agent or "",
            content=payload.content,
            context=context,
            attachments=payload.attachments or (),
            priority=payload.priority,
            queued_at=trio.current_time(),
        )


async def _events(record: Record, row: SessionRow, after: int) -> AsyncIterator[Event]:
    while after < row.head:
        chunks = await record.chunks(row.user_id, after=after, upto=row.head, max_bytes=READ_BYTES)
        if not chunks:
            return
        for chunk in chunks:
            for line in lines_of(chunk.body):
                event = decode_event(line)
                if after < event.seq <= row.head:
                    after = event.seq
                    yield event
        # A very long tail is decoded in turns: others are served in between.
        await trio.lowlevel.checkpoint()


def close_started(log: SessionLog, reason: str = "the service stopped") -> list[RunID]:
    """Append what closes every run that a stopped owner left open; return those runs.

    A run that was being cancelled ends `cancelled`: the stop is honoured, also for a run that
    waited. Tools without a result are `unknown`.
    """
    texts = {run.run_id: run.text for run in log.fold()[1].view().runs if run.text}

    def text_so_far(run_id: str) -> str | None:
        return cut_encoded(texts[run_id], MAX_INLINE) if run_id in texts else None

    closing = Closing(
        status="interrupted", tool_status="unknown", reason=reason, text_so_far=text_so_far
    )
    closed = []
    for state in tuple(log.lifecycle.runs.values()):
        if state.parent_run_id is None and (state.started or state.cancelling):
            append_closers(log, closing.close(log.lifecycle.runs, state.run_id))
            closed.append(RunID(state.run_id))
    return closed


def append_closers(log: SessionLog, closers: Sequence[Closer]) -> None:
    """Append what `Closing` says, each in the name of its run."""
    for closer in closers:
        log.append(
            closer.payload,
            thread_id=closer.run.thread_id,
            run_id=closer.run.run_id,
            parent_run_id=closer.run.parent_run_id,
            message_id=closer.run.message_id,
        )
