"""Single cells of usage data: instants, amounts, outcomes.

Everything that is refused raises `BadValue` with a reason that can be shown as it is.
"""

import math
from datetime import UTC, datetime
from typing import Final

EARLIEST_S: Final = 946_684_800.0
"""1 January 2000; earlier instants are mistakes."""
LATEST_S: Final = 4_102_444_800.0
"""1 January 2100."""
MAX_TOKENS: Final = 100_000_000
MAX_COST_USD: Final = 1_000_000.0
MAX_LATENCY_MS: Final = 86_400_000.0
MAX_NAME: Final = 200
"""Characters of a user, feature or model."""
SHOWN: Final = 40
"""Characters of a wrong value that its reason repeats."""

_SUCCESS: Final = frozenset({
    "success",
    "succeeded",
    "successful",
    "ok",
    "okay",
    "complete",
    "completed",
    "done",
    "true",
})


class BadValue(ValueError):
    """A cell cannot be what its column needs; the text says why, in words for the user."""


def instant(text: str) -> float:
    """Return a Unix instant in seconds.

    Reads ISO 8601 (without an offset it is UTC) and numbers of seconds, milliseconds,
    microseconds or nanoseconds since 1970.

    Raises:
        BadValue: it is neither, or not between the years 2000 and 2100.
    """
    if not text:
        raise BadValue("time is missing")
    seconds = None if text[4:5] in {"-", "/"} else _epoch_s(text)
    if seconds is None:
        seconds = _iso_s(text)
    if not EARLIEST_S <= seconds < LATEST_S:
        raise BadValue(f"time is not between 2000 and 2100: {shown(text)}")
    return seconds


def _epoch_s(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    for limit, unit in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if abs(value) < limit:
            # Eight digits are a date without dashes: as seconds they would be the year 1970.
            return None if len(text) == 8 and text.isdigit() else value / unit
    return math.inf


def _iso_s(text: str) -> float:
    try:
        when = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        raise BadValue(
            f"time is neither ISO 8601 (2025-06-25T13:10:00Z) nor Unix time: {shown(text)}"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def number(text: str, column: str, most: float, *, decimal_comma: bool = False) -> float:
    """Return a finite number from 0 to *most*; currency signs and thousands marks are dropped.

    Raises:
        BadValue: it is missing, not a number, negative, or beyond *most*.
    """
    try:
        value = float(text)
    except ValueError:
        value = _lenient(text, column, decimal_comma=decimal_comma)
    if value < 0:
        raise BadValue(f"{column} is negative: {shown(text)}")
    if not value <= most:  # so that NaN is refused too
        raise BadValue(f"{column} is not a number up to {most:,.0f}: {shown(text)}")
    return value


def _lenient(text: str, column: str, *, decimal_comma: bool) -> float:
    if not text:
        raise BadValue(f"{column} is missing")
    plain = text.strip("$€£ ").removesuffix("USD").replace(" ", "").replace("\u00a0", "")
    if decimal_comma or plain.rfind(",") > plain.rfind(".") > -1:
        plain = plain.replace(".", "").replace(",", ".")
    else:
        plain = plain.replace(",", "")
    try:
        return float(plain)
    except ValueError:
        raise BadValue(f"{column} is not a number: {shown(text)}") from None


def tokens(text: str, column: str, *, decimal_comma: bool = False) -> int:
    """Return a whole number of tokens.

    Raises:
        BadValue: it is missing, not a whole number, negative, or beyond `MAX_TOKENS`.
    """
    value = number(text, column, MAX_TOKENS, decimal_comma=decimal_comma)
    if value != int(value):
        raise BadValue(f"{column} is not a whole number: {shown(text)}")
    return int(value)


def name(text: str, column: str) -> str:
    """Return a user, feature or model.

    Raises:
        BadValue: it is missing or longer than `MAX_NAME`.
    """
    if not text:
        raise BadValue(f"{column} is missing")
    if len(text) > MAX_NAME:
        raise BadValue(f"{column} is longer than {MAX_NAME} characters")
    return text


def succeeded(status: str) -> bool:
    """Return whether a status means that the call worked; no status counts as success."""
    word = status.lower()
    if word.isdigit() and len(word) == 3:
        return "200" <= word < "400"
    return not word or word in _SUCCESS


def shown(text: str) -> str:
    """Return a wrong value, quoted and cut, for a reason."""
    return f"'{text if len(text) <= SHOWN else text[:SHOWN] + '...'}'"
