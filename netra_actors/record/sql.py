"""The record in SQL: the same code for SQLite and PostgreSQL.

Writes go through one `Writer`, reads through `Readers`; what is written is decided by
`Transactions`. This class only gives each method of the port its statement and its row.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Self, TypeAlias, TypeVar, final

import attrs

from netra_actors.errors import RecordError
from netra_actors.identity import FileID, MessageID, RunID, ThreadID, UserID, wall_clock_ms
from netra_actors.log.port import (
    Answer,
    Append,
    Chunk,
    FileRow,
    MessageRow,
    Outcome,
    RunRow,
    SessionRow,
    ThreadRow,
)
from netra_actors.record.database import Database, DataRefused
from netra_actors.record.generation import epoch_for, epoch_in
from netra_actors.record.queries import CHUNKS_AT_ONCE, Queries
from netra_actors.record.readers import Readers
from netra_actors.record.statements import Statement, Statements
from netra_actors.record.transaction import Transactions, size_bytes
from netra_actors.record.writer import Writer

T = TypeVar("T")

INLINE_SESSIONS: Final = 32
INLINE_BYTES: Final = 64 * 1024
"""Beyond either a transaction would keep the loop longer than handing it to the thread does."""

Writes: TypeAlias = Sequence[tuple[Statement, Sequence[tuple[Any, ...]]]]


@final
@attrs.frozen(eq=False, kw_only=True)
class SqlRecord:
    """Implements `netra_actors.log.port.Record`; made by `open_record`."""

    generation: int
    writer: Writer
    readers: Readers
    transactions: Transactions
    queries: Queries
    statements: Statements

    @classmethod
    def over(
        cls, database: Database, *, generation: int, clock: Callable[[], int] = wall_clock_ms
    ) -> Self:
        """Return a record over a database whose schema is current."""
        queries = Queries.compile(database.dialect)
        statements = Statements.compile(database.dialect, database.insert)
        return cls(
            generation=generation,
            writer=Writer(database=database),
            readers=Readers(database=database),
            transactions=Transactions(statements=statements, queries=queries, clock=clock),
            queries=queries,
            statements=statements,
        )

    def epoch_for(self, random: str) -> str:
        """Return the epoch of a session that is stored for the first time."""
        return epoch_for(self.generation, random)

    async def commit(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        """Store *batch*; see the port.

        Raises:
            RecordUnavailable: the outcome is unknown; sending the batch again is safe.
        """
        small = (
            len(batch) <= INLINE_SESSIONS
            and sum(size_bytes(append) for append in batch) <= INLINE_BYTES
        )
        return await self.writer.run(
            lambda link: self.transactions.commit(link, batch), small=small
        )

    async def _rows(
        self, statement: Statement, *, small: bool = False, **parameters: Any
    ) -> list[tuple[Any, ...]]:
        try:
            return await self.readers.run(
                lambda link: link.fetch(statement, **parameters), small=small
            )
        except DataRefused:
            return []  # What cannot be stored cannot be found either.

    async def session(self, user_id: UserID) -> SessionRow | None:
        """Return where the user's log stands; its epoch carries the current generation."""
        for epoch, head, tail, term in await self._rows(
            self.queries.session, small=True, user_id=user_id
        ):
            return SessionRow(
                user_id=user_id,
                epoch=epoch_in(self.generation, epoch),
                head=head,
                tail=tail,
                term=term,
            )
        return None

    async def chunks(
        self, user_id: UserID, *, after: int, upto: int, max_bytes: int
    ) -> Sequence[Chunk]:
        """Return whole chunks that hold events of ``after < seq <= upto``; see the port."""
        found: list[Chunk] = []
        while after < upto and (max_bytes > 0 or not found):
            rows = await self._rows(
                self.queries.chunks, user_id=user_id, after=after, upto=upto, max_bytes=max_bytes
            )
            for seq_from, seq_to, body in rows:
                max_bytes -= len(body)
                if found and max_bytes < 0:
                    return found
                found.append(Chunk(seq_from=seq_from, seq_to=seq_to, body=bytes(body)))
            if len(rows) < CHUNKS_AT_ONCE:
                break
            after = found[-1].seq_to
        return found

    async def answer(self, user_id: UserID, message_id: MessageID) -> Answer | None:
        """Return the stored first answer to that message_id."""
        for digest, body in await self._rows(
            self.queries.answer, small=True, user_id=user_id, message_id=message_id
        ):
            return Answer(message_id=message_id, digest=digest, body=bytes(body))
        return None

    async def snapshot(self, user_id: UserID) -> tuple[int, bytes] | None:
        """Return the newest stored snapshot as (at, body)."""
        for at, body in await self._rows(self.queries.snapshot, user_id=user_id):
            return at, bytes(body)
        return None

    async def put_snapshot(self, user_id: UserID, at: int, body: bytes) -> None:
        """Store a snapshot in place of an older one; one that is newer is kept."""
        await self._write(self.statements.put_snapshot, (user_id, at, body))

    async def threads(self, user_id: UserID, *, limit: int) -> Sequence[ThreadRow]:
        """Return the user's threads, the most recently updated first."""
        found = await self._rows(self.queries.threads, user_id=user_id, row_limit=limit)
        return [_thread(row) for row in found]

    async def thread(self, user_id: UserID, thread_id: ThreadID) -> ThreadRow | None:
        """Return one thread of this user, or None."""
        found = await self._rows(
            self.queries.thread, small=True, user_id=user_id, thread_id=thread_id
        )
        return _thread(found[0]) if found else None

    async def messages(
        self, user_id: UserID, thread_id: ThreadID, *, limit: int, before: str | None = None
    ) -> Sequence[MessageRow]:
        """Return the newest *limit* messages, oldest first, before message_id *before*."""
        ask = partial(self._rows, user_id=user_id, thread_id=thread_id, row_limit=limit)
        if before is None:
            found = await ask(self.queries.messages)
        else:
            found = await ask(self.queries.messages_before, before_id=before)
        return [_message(row) for row in reversed(found)]

    async def run(self, user_id: UserID, run_id: RunID) -> RunRow | None:
        """Return one run of this user, or None; also None when its thread was deleted."""
        found = await self._rows(self.queries.run, small=True, user_id=user_id, run_id=run_id)
        return _run(found[0]) if found else None

    async def open_runs(self, user_id: UserID) -> Sequence[RunRow]:
        """Return the user's runs that have no terminal, by `seq_first`."""
        return [_run(row) for row in await self._rows(self.queries.open_runs, user_id=user_id)]

    async def users_with_open_runs(self) -> Sequence[UserID]:
        """Return every user with a run that has no terminal, in order."""
        return [
            UserID(user_id) for (user_id,) in await self._rows(self.queries.users_with_open_runs)
        ]

    async def put_file(self, user_id: UserID, file: FileRow) -> None:
        """Store a file; returns when it is durable. A file that is there already is kept."""
        row = (user_id, file.file_id, file.name, file.created_at, file.body)
        await self._write(self.statements.put_file, row)

    async def file(self, user_id: UserID, file_id: FileID) -> FileRow | None:
        """Return a file of this user, or None."""
        for name, body, created_at in await self._rows(
            self.queries.file, user_id=user_id, file_id=file_id
        ):
            return FileRow(file_id=file_id, name=name, body=bytes(body), created_at=created_at)
        return None

    async def erase(self, user_id: UserID) -> None:
        """Delete everything of the user, in one transaction."""
        await self._write_all([(statement, [(user_id,)]) for statement in self.statements.erase])

    async def check(self) -> None:
        """Do the smallest read there is.

        Raises:
            RecordUnavailable: the database does not answer.
        """
        await self._rows(self.queries.check)

    async def _write(self, statement: Statement, row: tuple[Any, ...]) -> None:
        await self._write_all([(statement, [row])])

    async def _write_all(self, writes: Writes) -> None:
        try:
            await self.writer.run_later(lambda link: link.write_all(writes))
        except DataRefused as error:
            raise RecordError(f"the record refuses the data: {error}") from error


def _thread(row: tuple[Any, ...]) -> ThreadRow:
    thread_id, title, created_at, updated_at = row
    return ThreadRow(thread_id=thread_id, title=title, created_at=created_at, updated_at=updated_at)


def _message(row: tuple[Any, ...]) -> MessageRow:
    return MessageRow(**dict(zip(_MESSAGE_FIELDS, row, strict=True)))


def _run(row: tuple[Any, ...]) -> RunRow:
    return RunRow(**dict(zip(_RUN_FIELDS, row, strict=True)))


_MESSAGE_FIELDS: Final = tuple(attrs.fields_dict(MessageRow))
_RUN_FIELDS: Final = tuple(attrs.fields_dict(RunRow))
