"""One user's part of the memory record: plain dictionaries, changed by the writes of `rows`."""

from collections.abc import Container, Sequence
from typing import assert_never, final

import attrs

from netra_actors.identity import MessageID, RunID, ThreadID, UserID
from netra_actors.log.port import Answer, Chunk, FileRow, MessageRow, RunRow, ThreadRow
from netra_actors.record.rows import (
    OPEN_STATUSES,
    AddMessage,
    AddThread,
    DropMessages,
    DropThread,
    HideRuns,
    MarkRun,
    QueueRun,
    RenameThread,
    StartRun,
    TouchThread,
    Write,
)


def _refuse_second(kind: str, name: str, stored: Container[str]) -> None:
    if name in stored:
        raise ValueError(f"{kind} {name} is stored already")


@final
@attrs.define(eq=False)
class Shelf:
    """What is stored for one user. It grows with the user's log: nothing is ever dropped."""

    user_id: UserID
    epoch: str = ""
    head: int = 0
    tail: int = 0
    term: int = 0
    chunks: list[Chunk] = attrs.field(factory=list)
    threads: dict[str, ThreadRow] = attrs.field(factory=dict)
    messages: dict[str, MessageRow] = attrs.field(factory=dict)
    runs: dict[str, RunRow] = attrs.field(factory=dict)
    hidden: set[str] = attrs.field(factory=set)
    """run_ids whose thread was deleted."""
    answers: dict[str, Answer] = attrs.field(factory=dict)
    files: dict[str, FileRow] = attrs.field(factory=dict)
    snapshot: tuple[int, bytes] | None = None

    def changed_by(self, writes: Sequence[Write], answers: Sequence[Answer]) -> "Shelf":
        """Return what this shelf becomes; it stays as it is, but for `chunks`, which are shared.

        Raises:
            ValueError: an identifier is there already, or a text cannot be encoded.
        """
        if not writes and not answers:
            return self
        changed = attrs.evolve(
            self,
            threads=dict(self.threads),
            messages=dict(self.messages),
            runs=dict(self.runs),
            hidden=set(self.hidden),
            answers=dict(self.answers),
        )
        for write in writes:
            changed.apply(write)
        for answer in answers:
            _refuse_second("answer to", answer.message_id, changed.answers)
            changed.answers[answer.message_id] = answer
        return changed

    def apply(self, write: Write) -> None:
        """Change threads, messages or runs as *write* says.

        Raises:
            ValueError: what a database would refuse; the shelf may then be half changed.
        """
        for value in write:
            if isinstance(value, str):
                value.encode()
        match write:
            case AddThread() | RenameThread() | TouchThread() | DropThread():
                self._apply_to_threads(write)
            case AddMessage() if write.run_id not in self.hidden:
                _refuse_second("message", write.message_id, self.messages)
                self.messages[write.message_id] = MessageRow(
                    message_id=write.message_id,
                    thread_id=ThreadID(write.thread_id),
                    role=write.role,
                    content=write.content,
                    created_at=write.at,
                    run_id=None if write.run_id is None else RunID(write.run_id),
                    status=write.status,
                )
            case AddMessage():
                pass  # Its thread was deleted while the run ended.
            case DropMessages():
                self.messages = {
                    message_id: message
                    for message_id, message in self.messages.items()
                    if message.thread_id != write.thread_id
                }
            case QueueRun() | StartRun() | MarkRun() | HideRuns():
                self._apply_to_runs(write)
            case _:
                assert_never(write)

    def _apply_to_threads(self, write: AddThread | RenameThread | TouchThread | DropThread) -> None:
        if isinstance(write, AddThread):
            _refuse_second("thread", write.thread_id, self.threads)
            self.threads[write.thread_id] = ThreadRow(
                thread_id=ThreadID(write.thread_id),
                title=write.title,
                created_at=write.at,
                updated_at=write.at,
            )
            return
        thread = self.threads.get(write.thread_id)
        if thread is None:
            return
        match write:
            case RenameThread(title=title):
                self.threads[write.thread_id] = attrs.evolve(thread, title=title)
            case TouchThread(at=at):
                at = max(at, thread.updated_at)
                self.threads[write.thread_id] = attrs.evolve(thread, updated_at=at)
            case DropThread():
                del self.threads[write.thread_id]
            case _:
                assert_never(write)

    def _apply_to_runs(self, write: QueueRun | StartRun | MarkRun | HideRuns) -> None:
        match write:
            case QueueRun():
                _refuse_second("run", write.run_id, self.runs)
                self._add_run(write, parent_run_id=None, agent_name=None, status="queued")
            case StartRun() if write.run_id in self.runs:
                run = self.runs[write.run_id]
                self.runs[write.run_id] = attrs.evolve(
                    run,
                    status="running" if run.status == "queued" else run.status,
                    agent_name=write.agent_name,
                    seq_last=write.seq,
                )
            case StartRun():
                self._add_run(
                    write,
                    parent_run_id=write.parent_run_id,
                    agent_name=write.agent_name,
                    status="running",
                )
            case MarkRun() if write.run_id in self.runs:
                self.runs[write.run_id] = attrs.evolve(
                    self.runs[write.run_id], status=write.status, seq_last=write.seq
                )
            case MarkRun():
                pass  # As an UPDATE that finds no row.
            case HideRuns():
                self.hidden.update(
                    run_id for run_id, run in self.runs.items() if run.thread_id == write.thread_id
                )
            case _:
                assert_never(write)

    def _add_run(
        self,
        write: QueueRun | StartRun,
        *,
        parent_run_id: str | None,
        agent_name: str | None,
        status: str,
    ) -> None:
        self.runs[write.run_id] = RunRow(
            run_id=RunID(write.run_id),
            user_id=self.user_id,
            thread_id=ThreadID(write.thread_id),
            parent_run_id=None if parent_run_id is None else RunID(parent_run_id),
            message_id=None if write.message_id is None else MessageID(write.message_id),
            agent_name=agent_name,
            status=status,
            seq_first=write.seq,
            seq_last=write.seq,
        )

    def open_runs(self) -> Sequence[RunRow]:
        """Return the runs without a terminal, by `seq_first`."""
        found = [run for run in self.runs.values() if run.status in OPEN_STATUSES]
        return sorted(found, key=lambda run: run.seq_first)
