"""The port between the log and the record: what is written, what is read, what is promised.

What one commit holds for one session is one `Append`, and one stored *chunk*. All methods are
`async`; an implementation decides whether it waits (a thread) or not (memory, a small SQLite
batch). One conformance suite (`tests/record/test_conformance.py`) runs over all of them.
"""

import enum
from collections.abc import Sequence
from typing import Protocol

import attrs

from netra_actors.identity import FileID, MessageID, RunID, ThreadID, UserID
from netra_actors.protocol.events import Event


@attrs.frozen(kw_only=True)
class Answer:
    """The stored first answer to a command that carried a `message_id`."""

    message_id: MessageID
    digest: str
    """Of the command's content; another content under the same id is a conflict."""
    body: bytes
    """The `ok` object as JSON, without `duplicate`."""


@attrs.frozen(kw_only=True)
class Append:
    """What one commit holds for one session. Frozen when taken; sent again byte for byte.

    `events` may be empty (``seq_to == seq_from - 1``) when only answers are stored.
    """

    user_id: UserID
    epoch: str
    term: int
    """The owner's term. The term is taken with the first append of an owner."""
    takes_term: bool
    """True on that first append: the stored term must be `term` - 1 (0 if there is no row)."""
    seq_from: int
    seq_to: int
    body: bytes
    """The events as JSON, one per line, each line ended by a newline."""
    events: tuple[Event, ...]
    answers: tuple[Answer, ...] = ()


class Outcome(enum.Enum):
    """What became of one session's part of a batch."""

    COMMITTED = "committed"
    LOST = "lost"
    """Another owner has a higher term; nothing of this `Append` was stored."""
    QUARANTINED = "quarantined"
    """Its data cannot be stored, or what is stored contradicts it; the others were stored."""


@attrs.frozen(kw_only=True)
class SessionRow:
    """Where a session's log stands."""

    user_id: UserID
    epoch: str
    head: int
    """seq of the last stored event; 0 if there is none."""
    tail: int
    """seq of the oldest event that is kept, minus 1; 0 if nothing was deleted."""
    term: int


@attrs.frozen(kw_only=True)
class Chunk:
    """Stored events, as they were appended."""

    seq_from: int
    seq_to: int
    body: bytes


@attrs.frozen(kw_only=True)
class ThreadRow:
    """One thread; times are Unix milliseconds."""

    thread_id: ThreadID
    title: str
    created_at: int
    updated_at: int


@attrs.frozen(kw_only=True)
class MessageRow:
    """One message: a user's, or the final answer of a run (`message_id` is then its run_id)."""

    message_id: str
    thread_id: ThreadID
    role: str
    content: str
    created_at: int
    run_id: RunID | None
    status: str | None


@attrs.frozen(kw_only=True)
class RunRow:
    """One run.

    `status` is queued, running, cancelling or a terminal's status; `seq_last` is the seq of the
    terminal, and before it of the last event that changed this row.
    """

    run_id: RunID
    user_id: UserID
    thread_id: ThreadID
    parent_run_id: RunID | None
    message_id: MessageID | None
    agent_name: str | None
    status: str
    seq_first: int
    seq_last: int


@attrs.frozen(kw_only=True)
class FileRow:
    """A stored file of a user."""

    file_id: FileID
    name: str
    body: bytes
    created_at: int


class Record(Protocol):
    """Where logs, threads, messages, runs, answers, snapshots and files are durable.

    Every method raises `RecordUnavailable` when the record cannot be reached; nothing is then
    known about the call except where a method says so. Cancellation of a read leaves nothing
    behind.
    """

    @property
    def generation(self) -> int:
        """The record's generation, part of every epoch; it rises when history may be lost."""
        ...

    def epoch_for(self, random: str) -> str:
        """Return the epoch of a session that is stored for the first time.

        Args:
            random: made for this session alone; letters and digits, no underscore.
        """
        ...

    async def commit(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        """Store each session's `Append` in one transaction; return one outcome for each.

        Compare-and-set for each session: the stored head must be ``seq_from - 1`` and the
        stored term ours (or ``term - 1`` when `takes_term`). What an `Append` implies for
        threads, messages, runs and answers is stored in the same transaction. One session's
        bad data never stops another's. Sending the same batch again after an unknown outcome
        is safe: what had been stored answers COMMITTED.

        Cancellation: is not delivered while the batch is being written; either all of it was
        stored or none.
        """
        ...

    async def session(self, user_id: UserID) -> SessionRow | None:
        """Return where the user's log stands; None if nothing was ever stored.

        The epoch carries the record's current generation, so it is another one than the
        session was stored with when the generation rose since.
        """
        ...

    async def chunks(
        self, user_id: UserID, *, after: int, upto: int, max_bytes: int
    ) -> Sequence[Chunk]:
        """Return whole chunks, in order, that hold events of ``after < seq <= upto``.

        The first chunk may start before ``after + 1``. At least one chunk is returned if there
        is one; beyond that, as many as fit into *max_bytes*.
        """
        ...

    async def answer(self, user_id: UserID, message_id: MessageID) -> Answer | None:
        """Return the stored first answer to that message_id."""
        ...

    async def snapshot(self, user_id: UserID) -> tuple[int, bytes] | None:
        """Return the newest stored snapshot as (at, body)."""
        ...

    async def put_snapshot(self, user_id: UserID, at: int, body: bytes) -> None:
        """Store a snapshot in place of an older one; one that is newer is kept."""
        ...

    async def threads(self, user_id: UserID, *, limit: int) -> Sequence[ThreadRow]:
        """Return the user's threads, the most recently updated first."""
        ...

    async def thread(self, user_id: UserID, thread_id: ThreadID) -> ThreadRow | None:
        """Return one thread of this user; None if there is none, or it is another user's."""
        ...

    async def messages(
        self, user_id: UserID, thread_id: ThreadID, *, limit: int, before: str | None = None
    ) -> Sequence[MessageRow]:
        """Return the newest *limit* messages, oldest first, before message_id *before*."""
        ...

    async def run(self, user_id: UserID, run_id: RunID) -> RunRow | None:
        """Return one run of this user; None if there is none, or it is another user's."""
        ...

    async def open_runs(self, user_id: UserID) -> Sequence[RunRow]:
        """Return the user's runs that have no terminal, by `seq_first`."""
        ...

    async def users_with_open_runs(self) -> Sequence[UserID]:
        """Return every user with a run that has no terminal."""
        ...

    async def put_file(self, user_id: UserID, file: FileRow) -> None:
        """Store a file; returns when it is durable."""
        ...

    async def file(self, user_id: UserID, file_id: FileID) -> FileRow | None:
        """Return a file of this user; None if there is none, or it is another user's."""
        ...

    async def erase(self, user_id: UserID) -> None:
        """Delete everything that is stored of the user; returns when that is durable.

        The session must not be live: what it appends afterwards is LOST.

        Cancellation: it may or may not have happened; doing it again is safe.
        """
        ...

    async def check(self) -> None:
        """Do the smallest read there is; for health checks."""
        ...
