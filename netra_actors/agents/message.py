"""What an agent is asked: the message, its attachments, and what was said before."""

from collections.abc import Awaitable, Callable
from typing import final

import attrs

Content = bytes
Reader = Callable[[], Awaitable[bytes]]


@final
@attrs.frozen
class Attachment:
    """A file that came with the message."""

    file_id: str
    name: str
    bytes: int
    """Its size."""
    _read: "Reader" = attrs.field(repr=False, eq=False, alias="reader")

    async def read(self) -> "Content":
        """Return the file's content.

        Cancellation: nothing happened.

        Raises:
            NotFound: it was deleted meanwhile.
            RecordUnavailable: the record is down; the same call may go through later.
        """
        return await self._read()


@final
@attrs.frozen(kw_only=True)
class UserMessage:
    """What the user asked."""

    content: str
    message_id: str
    thread_id: str
    attachments: tuple[Attachment, ...] = ()


@final
@attrs.frozen(kw_only=True)
class HistoryMessage:
    """One earlier message of the thread; `role` is ``user`` or ``agent``."""

    role: str
    content: str
