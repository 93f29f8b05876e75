"""First answers by `message_id`: the same command again gets the same answer and does nothing.

Recent answers are in memory, because their commit may be under way; all of them are in the
record, for ever. The actor handles one command at a time, so two with one id never race.
"""

from collections import OrderedDict
from typing import Any, Final, final

import attrs
import msgspec

from netra_actors.errors import Conflict
from netra_actors.identity import MessageID, UserID
from netra_actors.log.port import Answer, Record
from netra_actors.log.session_log import SessionLog

RECENT: Final = 256
"""Answers kept in memory; older ones are committed and read from the record."""
MAX_STORED_BYTES: Final = 32 * 1024
"""A larger answer (a long history) is not kept: asking again reads it again."""


@final
@attrs.frozen
class FirstAnswer:
    """What was answered, and up to where the log must be durable before it is said again."""

    digest: str
    fields: dict[str, Any]
    at: int


@final
@attrs.define(eq=False)
class FirstAnswers:
    """The answers of one session."""

    _user_id: UserID
    _record: Record
    _log: SessionLog
    _recent: OrderedDict[MessageID, FirstAnswer] = attrs.field(factory=OrderedDict, init=False)

    async def knows(self, message_id: MessageID) -> bool:
        """Return whether a command with that id was answered with `ok`.

        Raises:
            RecordUnavailable: it cannot be known now.
        """
        return (
            message_id in self._recent
            or await self._record.answer(self._user_id, message_id) is not None
        )

    async def find(self, message_id: MessageID, digest: str) -> FirstAnswer | None:
        """Return the first answer to that id; None if it is new.

        Raises:
            Conflict: the id was used for something else.
            RecordUnavailable: it cannot be known now.
        """
        found = self._recent.get(message_id)
        if found is None:
            stored = await self._record.answer(self._user_id, message_id)
            if stored is None:
                return None
            fields = msgspec.json.decode(stored.body)
            found = FirstAnswer(stored.digest, fields, 0)
        if found.digest != digest:
            raise Conflict(
                f"message_id {message_id} was used for another command",
                recovery="Use a new message_id for a new command.",
                field="message_id",
            )
        return found

    def keep(self, message_id: MessageID, digest: str, fields: dict[str, Any], at: int) -> None:
        """Remember *fields* as the answer, durably with the next commit."""
        body = msgspec.json.encode(fields)
        if len(body) > MAX_STORED_BYTES or message_id in self._recent:
            return
        self._log.keep_answer(Answer(message_id=message_id, digest=digest, body=body))
        self._recent[message_id] = FirstAnswer(digest, fields, at)
        while len(self._recent) > RECENT:
            oldest = next(iter(self._recent))
            if self._recent[oldest].at > self._log.committed:
                return  # The record does not know it yet; the mailbox bounds how many those are.
            del self._recent[oldest]
