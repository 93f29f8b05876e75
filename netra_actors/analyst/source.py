"""Which data a message is about: an uploaded file, a pasted table, an earlier one, the sample."""

from collections.abc import Sequence
from typing import Final

import attrs

from netra_actors.agents import HistoryMessage, UserMessage
from netra_actors.analyst.paste import find_table
from netra_actors.analyst.reading import MAX_FILE_BYTES

SAMPLE: Final = "the sample"
FILE: Final = "your file"
"""How every answer about an upload calls it; so a later answer can tell that there was one."""


@attrs.frozen(kw_only=True)
class Source:
    """Where the rows come from, and the words of the question."""

    origin: str
    """In words: "the sample", "your file usage.csv"."""
    data: bytes | str | None
    """`None` is the sample."""
    words: str
    first_line: int = 1
    """What the first line of `data` is called when a row is refused."""
    problem: str | None = None
    """Why it was not even read."""
    notes: tuple[str, ...] = ()
    """What the answer has to say about the choice."""

    brought: bool = False
    """Whether this very message came with data."""


async def choose(message: UserMessage, history: Sequence[HistoryMessage]) -> Source:
    """Return the data of the newest message that has any, else the sample.

    Cancellation: nothing happened.

    Raises:
        NotFound: the file was deleted meanwhile.
    """
    if message.attachments:
        return await _upload(message)
    paste = find_table(message.content)
    if paste is not None:
        return Source(
            origin="the rows in your message",
            data=paste.table,
            words=paste.words,
            first_line=paste.first_line,
            brought=True,
        )
    return _earlier(message.content, history)


async def _upload(message: UserMessage) -> Source:
    file, others = message.attachments[0], len(message.attachments) - 1
    words = message.content
    notes = (f"I read the first of your {others + 1} files.",) if others else ()
    origin = f"{FILE} {file.name}"
    if file.bytes > MAX_FILE_BYTES:
        why = f"the file has {file.bytes / 1048576:,.1f} MB; up to 5 MB can be read"
        return Source(
            origin=origin, data=None, words=words, problem=why, notes=notes, brought=True
        )  # fmt: skip
    data = await file.read()
    return Source(origin=origin, data=data, words=words, notes=notes, brought=True)


def _earlier(words: str, history: Sequence[HistoryMessage]) -> Source:
    """Return the newest data of the thread; a file counts only for the message it came with."""
    for earlier in reversed(history):
        if earlier.role == "agent" and FILE in earlier.content:
            return _sample(
                words,
                "A file counts only for the message it comes with: "
                "attach it again to ask more about it. This answer is about the sample.",
            )
        paste = find_table(earlier.content) if earlier.role == "user" else None
        if paste is not None:
            return Source(
                origin="the rows you pasted earlier in this thread",
                data=paste.table,
                words=words,
                first_line=paste.first_line,
            )
    return _sample(words)


def _sample(words: str, *notes: str) -> Source:
    return Source(origin=SAMPLE, data=None, words=words, notes=notes)
