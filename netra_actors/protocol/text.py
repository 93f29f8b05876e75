"""Text: what may be in it, how it is cut, and how large it is on the wire.

Lengths in characters are Unicode code points, so that Python and JavaScript clients agree.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from netra_actors.errors import InvalidField

MAX_PARAMETER_CHARS: Final = 200
MAX_SUMMARY_CHARS: Final = 500
MAX_ERROR_CHARS: Final = 300
MAX_EVENT_BYTES: Final = 65_536
"""An event, encoded."""
MAX_TEXT_BYTES: Final = 61_440
"""The text of one event, encoded: what its envelope leaves."""
MAX_RESULT_BYTES: Final = 32_768
"""A result, report or response, encoded; a larger one is stored as a file."""

# U+0000 cannot be stored in PostgreSQL, and half of a surrogate pair has no UTF-8. Python joins
# proper pairs when it decodes, so what is found here is always a half.
_FORBIDDEN: Final = re.compile("[\x00\ud800-\udfff]")
_encode = msgspec.json.Encoder().encode


def cut(text: str, max_chars: int) -> str:
    """Return the first *max_chars* code points of *text*."""
    return text if len(text) <= max_chars else text[:max_chars]


def cut_bytes(text: str, max_bytes: int) -> str:
    """Return the longest beginning of *text* that has at most *max_bytes* in UTF-8."""
    if len(text) * 4 <= max_bytes:
        return text
    data = text.encode()
    return text if len(data) <= max_bytes else data[:max_bytes].decode(errors="ignore")


def last_bytes(text: str, max_bytes: int) -> str:
    """Return the longest end of *text* that has at most *max_bytes* in UTF-8."""
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    return data[len(data) - max_bytes :].decode(errors="ignore")


def clean_text(text: str) -> str:
    """Return *text* with U+FFFD in place of U+0000 and of halves of surrogate pairs."""
    if text.isascii() and "\x00" not in text:
        return text
    return _FORBIDDEN.sub("\ufffd", text)


def check_text(value: Any, field: str) -> None:
    """Check all text in a JSON value; *field* is what the value is called.

    Raises:
        InvalidField: U+0000 or half of a surrogate pair is in it; `field` says where.
    """
    match value:
        case str() if _FORBIDDEN.search(value):
            raise InvalidField(
                f"{field} holds U+0000 or half of a surrogate pair", field=cut(field, 200)
            )
        case dict():
            for name, inner in value.items():
                check_text(name, field)
                check_text(inner, f"{field}.{name}")
        case list():
            for index, inner in enumerate(value):
                check_text(inner, f"{field}[{index}]")


def encoded_size(value: Any) -> int:
    """Return how many bytes the JSON of *value* has; for text, its quotes included."""
    return len(_encode(value))


def cut_encoded(text: str, max_encoded_bytes: int) -> str:
    """Return the start of *text* that has at most that many bytes as JSON, without quotes."""
    return next(split_text(text, max_encoded_bytes))


def split_text(text: str, max_encoded_bytes: int = MAX_TEXT_BYTES) -> Iterator[str]:
    r"""Yield *text* in pieces of at most *max_encoded_bytes* of JSON, without quotes.

    What JSON escapes counts as it is written: U+0001 as the six bytes of ``\u0001``. The pieces
    joined are *text*; empty text is one empty piece. *text* must be clean, and
    *max_encoded_bytes* at least 6, the most that one code point takes.
    """
    start = 0
    while True:
        piece = text[start : start + max_encoded_bytes]
        while len(piece) * 6 > max_encoded_bytes:
            size = encoded_size(piece) - 2
            if size <= max_encoded_bytes:
                break
            piece = piece[: max(1, len(piece) * max_encoded_bytes // size)]
        yield piece
        start += len(piece)
        if start >= len(text):
            return
