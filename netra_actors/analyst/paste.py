"""Where in a message the table is, and which words around it are the question."""

import re
from typing import Final

import attrs

from netra_actors.analyst.columns import DELIMITERS, recognise

_FENCE: Final = "```"
_SURE: Final = 6
"""Known column names in one line that make a header whatever follows."""
_LIKELY: Final = 3
"""Known column names that make a header when rows follow; also delimiters that make a row."""
_JSON_KEY: Final = re.compile(r'^\s*\{\s*"')


@attrs.frozen
class Paste:
    """A table inside a message."""

    table: str
    first_line: int
    """The table's first line in the message, from 1."""
    words: str
    """The message without the table."""


def find_table(message: str) -> Paste | None:
    """Return the table pasted into *message*; `None` when there is nothing like one."""
    lines = message.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for at, line in enumerate(lines):
        if _JSON_KEY.match(line):
            return _cut(lines, at, _end_of_json(lines, at))
        mark = _header_mark(line, _next_line(lines, at))
        if mark is not None:
            return _cut(lines, at, _end_of_csv(lines, at, mark))
    return None


def _next_line(lines: list[str], at: int) -> str:
    return next((line for line in lines[at + 1 :] if line.strip()), "")


def _header_mark(line: str, following: str) -> str | None:
    """Return the delimiter under which *line* opens a table, or `None`."""
    for mark in DELIMITERS:
        known = len(recognise(line.split(mark)).places)
        if known >= _SURE or (known >= _LIKELY and following.count(mark) >= _LIKELY - 1):
            return mark
        # Rows without a header are a table as well: the answer has to say what is missing.
        if line.count(mark) >= _LIKELY and line.count(mark) == following.count(mark):
            return mark
    return None


def _end_of_csv(lines: list[str], start: int, mark: str) -> int:
    wanted = lines[start].count(mark)
    end = start + 1
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if line.strip().startswith(_FENCE):
            break
        after_blank = not lines[at - 1].strip()
        if line.strip() and after_blank and line.count(mark) * 2 < wanted:
            break
        if line.count(mark):
            end = at + 1
    return end


def _end_of_json(lines: list[str], start: int) -> int:
    end = start + 1
    for at in range(start + 1, len(lines)):
        if lines[at].strip().startswith(_FENCE):
            break
        if lines[at].lstrip().startswith("{"):
            end = at + 1
    return end


def _cut(lines: list[str], start: int, end: int) -> Paste:
    around = [
        line
        for line in (*lines[:start], *lines[end:])
        if line.strip() and not line.strip().startswith(_FENCE)
    ]
    return Paste("\n".join(lines[start:end]), start + 1, "\n".join(around))
