"""Numbers as people read them: money, shares, durations, days.

Money is US dollars, shares are ratios (0.25 is 25%), durations milliseconds, days the number of
whole UTC days since 1 January 1970.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

_EPOCH: Final = date(1970, 1, 1)
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def money(usd: float) -> str:
    """Return dollars: whole above 1,000, cents above 0.1, else two significant digits."""
    size = abs(usd)
    if size == 0:
        return "$0"
    sign = "-" if usd < 0 else ""
    if size >= 1000:
        return f"{sign}${size:,.0f}"
    if size >= 0.1:
        return f"{sign}${size:,.2f}"
    if size < 1e-9:
        return f"{sign}$0"
    return f"{sign}${size:.{1 - math.floor(math.log10(size))}f}"


def percent(ratio: float) -> str:
    """Return a ratio as a percentage: one digit after the point below 10%."""
    value = ratio * 100
    if value == 0 or abs(value) >= 10:
        return f"{value:,.0f}%"
    return f"{value:.1f}%"


def rate(ratio: float) -> str:
    """Return a success or failure rate, where a tenth of a point matters: `98.6%`."""
    return f"{ratio * 100:.1f}%"


def duration(ms: float) -> str:
    """Return milliseconds as `840 ms` or `3.2 s`."""
    return f"{ms:,.0f} ms" if ms < 1000 else f"{ms / 1000:,.1f} s"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 call`, `1,204 calls`; *plural* where adding an s is not enough."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listing(names: Sequence[str], limit: int = 8) -> str:
    """Return `a, b and c`; beyond *limit* names, how many more there are."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit:,} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def to_date(day: int) -> date:
    """Return the calendar day of a day number."""
    return _EPOCH + timedelta(days=day)


def to_day(when: date) -> int:
    """Return the day number of a calendar day."""
    return (when - _EPOCH).days


def iso(day: int) -> str:
    """Return a day number as `2025-06-25`."""
    return to_date(day).isoformat()


def day_name(day: int) -> str:
    """Return a day number as `25 June 2025`."""
    when = to_date(day)
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


def day_number(iso_day: str) -> int:
    """Return `2025-06-25` as a day number."""
    return to_day(date.fromisoformat(iso_day))


def day_text(iso_day: str) -> str:
    """Return `2025-06-25` as `25 June 2025`."""
    return day_name(day_number(iso_day))


def span_text(first_iso: str, last_iso: str) -> str:
    """Return two ISO days as `23-29 June 2025`."""
    return span(day_number(first_iso), day_number(last_iso))


def span(first: int, last: int) -> str:
    """Return two day numbers as `23-29 June 2025`, as short as it stays unambiguous."""
    if first == last:
        return day_name(first)
    start, end = to_date(first), to_date(last)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day}-{day_name(last)}"
    if start.year == end.year:
        return f"{start.day} {MONTHS[start.month - 1]} to {day_name(last)}"
    return f"{day_name(first)} to {day_name(last)}"


def clock(instant_s: float) -> str:
    """Return the UTC time of day of a Unix instant as `13:10`."""
    minutes = int(instant_s % 86_400) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
