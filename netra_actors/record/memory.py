"""The record of durability `memory`: for tests, simulations and benchmarks.

It keeps every promise of the port but the one in its name: what it holds ends with the process.
It uses no thread, no clock and no I/O, so it runs in virtual time.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import final

import attrs
import trio

from netra_actors.identity import FileID, MessageID, RunID, ThreadID, UserID
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
from netra_actors.record.generation import epoch_for, epoch_in
from netra_actors.record.rows import rows
from netra_actors.record.shelf import Shelf
from netra_actors.record.verdict import verdict


def _is_stored(shelf: Shelf, append: Append) -> bool:
    if shelf.head != append.seq_to:
        return False
    if append.events:
        last = shelf.chunks[-1] if shelf.chunks else None
        return last is not None and (last.seq_from, last.body) == (append.seq_from, append.body)
    return bool(append.answers) and all(
        shelf.answers.get(answer.message_id) == answer for answer in append.answers
    )


@final
@attrs.define(eq=False)
class MemoryRecord:
    """Implements `netra_actors.log.port.Record` in dictionaries.

    One instance may outlive many services: a simulation restarts the service over the same
    record. Reads pass a checkpoint, as those of a database do.
    """

    generation: int = 1
    """In every epoch; raise it to say that history was lost."""
    _shelves: dict[UserID, Shelf] = attrs.field(factory=dict, init=False)

    def epoch_for(self, random: str) -> str:
        """Return the epoch of a session that is stored for the first time."""
        return epoch_for(self.generation, random)

    async def commit(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        """Store *batch*; see the port. Cancellation is delivered before, or not at all."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return self.commit_nowait(batch)

    def commit_nowait(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        """Store *batch* at once; one outcome for each `Append`."""
        return [self._commit_one(append) for append in batch]

    def _commit_one(self, append: Append) -> Outcome:
        shelf = self._shelves.get(append.user_id) or Shelf(append.user_id, epoch=append.epoch)
        decided = verdict(
            append, head=shelf.head, term=shelf.term, is_stored=_is_stored(shelf, append)
        )
        if decided is not None:
            return decided
        try:
            writes = [write for event in append.events for write in rows(event)]
            shelf = shelf.changed_by(writes, append.answers)
        except ValueError:
            return Outcome.QUARANTINED
        self._shelves[append.user_id] = shelf
        shelf.head, shelf.term = append.seq_to, append.term
        if append.events:
            shelf.chunks.append(
                Chunk(seq_from=append.seq_from, seq_to=append.seq_to, body=append.body)
            )
        return Outcome.COMMITTED

    async def _shelf(self, user_id: UserID) -> Shelf:
        await trio.lowlevel.checkpoint()
        return self._shelves.get(user_id) or Shelf(user_id)

    async def session(self, user_id: UserID) -> SessionRow | None:
        """Return where the user's log stands; its epoch carries the current generation."""
        shelf = await self._shelf(user_id)
        if shelf.term == 0:
            return None
        return SessionRow(
            user_id=user_id,
            epoch=epoch_in(self.generation, shelf.epoch),
            head=shelf.head,
            tail=shelf.tail,
            term=shelf.term,
        )

    async def chunks(
        self, user_id: UserID, *, after: int, upto: int, max_bytes: int
    ) -> Sequence[Chunk]:
        """Return whole chunks that hold events of ``after < seq <= upto``; see the port."""
        chunks = (await self._shelf(user_id)).chunks
        found: list[Chunk] = []
        first = bisect_right(chunks, after, key=lambda chunk: chunk.seq_to)
        for chunk in chunks[first:]:
            max_bytes -= len(chunk.body)
            if chunk.seq_from > upto or (found and max_bytes < 0):
                break
            found.append(chunk)
        return found

    async def answer(self, user_id: UserID, message_id: MessageID) -> Answer | None:
        """Return the stored first answer to that message_id."""
        return (await self._shelf(user_id)).answers.get(message_id)

    async def snapshot(self, user_id: UserID) -> tuple[int, bytes] | None:
        """Return the newest stored snapshot as (at, body)."""
        return (await self._shelf(user_id)).snapshot

    async def put_snapshot(self, user_id: UserID, at: int, body: bytes) -> None:
        """Store a snapshot in place of an older one; one that is newer is kept."""
        await trio.lowlevel.checkpoint()
        shelf = self._shelves.setdefault(user_id, Shelf(user_id))
        if shelf.snapshot is None or shelf.snapshot[0] <= at:
            shelf.snapshot = (at, body)

    async def threads(self, user_id: UserID, *, limit: int) -> Sequence[ThreadRow]:
        """Return the user's threads, the most recently updated first."""
        threads = (await self._shelf(user_id)).threads.values()
        newest = sorted(threads, key=lambda row: (row.updated_at, row.thread_id), reverse=True)
        return newest[:limit]

    async def thread(self, user_id: UserID, thread_id: ThreadID) -> ThreadRow | None:
        """Return one thread of this user, or None."""
        return (await self._shelf(user_id)).threads.get(thread_id)

    async def messages(
        self, user_id: UserID, thread_id: ThreadID, *, limit: int, before: str | None = None
    ) -> Sequence[MessageRow]:
        """Return the newest *limit* messages, oldest first, before message_id *before*."""
        messages = (await self._shelf(user_id)).messages
        found = [row for row in messages.values() if row.thread_id == thread_id]
        if before is not None:
            ids = [row.message_id for row in found]
            found = found[: ids.index(before)] if before in ids else []
        return found[-limit:] if limit > 0 else []

    async def run(self, user_id: UserID, run_id: RunID) -> RunRow | None:
        """Return one run of this user, or None; also None when its thread was deleted."""
        shelf = await self._shelf(user_id)
        return None if run_id in shelf.hidden else shelf.runs.get(run_id)

    async def open_runs(self, user_id: UserID) -> Sequence[RunRow]:
        """Return the user's runs that have no terminal, by `seq_first`."""
        return (await self._shelf(user_id)).open_runs()

    async def users_with_open_runs(self) -> Sequence[UserID]:
        """Return every user with a run that has no terminal, in order."""
        await trio.lowlevel.checkpoint()
        return sorted(user_id for user_id, shelf in self._shelves.items() if shelf.open_runs())

    async def put_file(self, user_id: UserID, file: FileRow) -> None:
        """Store a file."""
        await trio.lowlevel.checkpoint()
        self._shelves.setdefault(user_id, Shelf(user_id)).files.setdefault(file.file_id, file)

    async def file(self, user_id: UserID, file_id: FileID) -> FileRow | None:
        """Return a file of this user, or None."""
        return (await self._shelf(user_id)).files.get(file_id)

    async def erase(self, user_id: UserID) -> None:
        """Delete everything of the user."""
        await trio.lowlevel.checkpoint()
        self._shelves.pop(user_id, None)

    async def check(self) -> None:
        """Pass a checkpoint: memory is always there."""
        await trio.lowlevel.checkpoint()
