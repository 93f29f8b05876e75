"""The threads of one session: which there are, and what a new one is called."""

from typing import Final, final

import attrs

from netra_actors.errors import NotFound
from netra_actors.identity import ThreadID, UnifiedIdGenerator
from netra_actors.log.port import Record, ThreadRow
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.events import ThreadCreated, ThreadDeleted, ThreadRenamed
from netra_actors.protocol.text import clean_text

TITLE_CHARS: Final = 60
MAX_TITLE_CHARS: Final = 200
UNTITLED: Final = "New conversation"
KNOWN: Final = 1_000
"""Threads kept in memory; others are read from the record."""


@final
@attrs.define(eq=False)
class Threads:
    """Creates, renames and deletes threads; knows at once what is not committed yet."""

    _log: SessionLog
    _record: Record
    _ids: UnifiedIdGenerator
    _known: dict[ThreadID, ThreadRow | None] = attrs.field(factory=dict, init=False)
    """Threads seen lately; None: deleted."""

    def create(self, title: str | None) -> ThreadID:
        """Append `thread_created` for a new thread and return its id."""
        thread_id = self._ids.generate_thread_id()
        name = _title(title)
        at = self._log.append(ThreadCreated(title=name), thread_id=thread_id).timestamp
        self._note(
            thread_id,
            ThreadRow(thread_id=thread_id, title=name, created_at=at, updated_at=at),
        )
        return thread_id

    def create_for(self, content: str) -> ThreadID:
        """Create a thread named by the first 60 characters of its first message."""
        return self.create(" ".join(content.split())[:TITLE_CHARS])

    async def require(self, thread_id: ThreadID) -> ThreadRow:
        """Return a thread of this user.

        Raises:
            NotFound: there is none, it was deleted, or it is another user's.
            RecordUnavailable: it cannot be known now.
        """
        if thread_id not in self._known:
            row = await self._record.thread(self._log.user_id, thread_id)
            # What was decided while the record was read is newer than what it said.
            if row is not None and thread_id not in self._known:
                self._note(thread_id, row)
        known = self._known.get(thread_id)
        if known is None:
            raise NotFound(f"there is no thread {thread_id}", field="thread_id")
        return known

    def rename(self, thread_id: ThreadID, title: str) -> None:
        """Append `thread_renamed`; the caller has asked `require`."""
        name = _title(title)
        self._log.append(ThreadRenamed(title=name), thread_id=thread_id)
        row = self._known[thread_id]
        if row is not None:
            self._note(thread_id, attrs.evolve(row, title=name))

    def touch(self, thread_id: ThreadID) -> None:
        """Note that something was said in it just now."""
        row = self._known.get(thread_id)
        if row is not None:
            self._note(thread_id, attrs.evolve(row, updated_at=self._log.clock()))

    def forget(self, thread_id: ThreadID) -> None:
        """Refuse the thread from now on: its deletion is under way."""
        self._note(thread_id, None)

    def restore(self, thread: ThreadRow) -> None:
        """Take `forget` back: the deletion could not be carried out."""
        self._note(thread.thread_id, thread)

    def delete(self, thread_id: ThreadID, title: str) -> None:
        """Append `thread_deleted`; the caller has asked `require` and ended its runs."""
        self._log.append(ThreadDeleted(title=title), thread_id=thread_id)
        self._note(thread_id, None)

    def _note(self, thread_id: ThreadID, row: ThreadRow | None) -> None:
        self._known.pop(thread_id, None)
        self._known[thread_id] = row
        while len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]


def _title(text: str | None) -> str:
    return clean_text(text or "").strip()[:MAX_TITLE_CHARS] or UNTITLED
