"""Which days are compared with which.

Data has its own present: "last week" is the last seven whole days in it. A last day that is
visibly unfinished is left out, because half a day looks like a fall of half.
"""

from statistics import median
from typing import Final

import attrs

from netra_actors.analyst.usage import DAY_S, Usage

MONTH_DAYS: Final = 30
"""What "a month" means in every projection."""
BASIS_DAYS: Final = 28
"""Projections rest on the last four whole weeks, so that every weekday counts alike."""
_EVENING_S: Final = 20 * 3600


@attrs.frozen
class Window:
    """Days from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return self.last - self.first + 1

    def shifted(self, days: int) -> "Window":
        """Return the window that lies *days* earlier."""
        return Window(self.first - days, self.last - days)


@attrs.frozen
class Comparison:
    """Two windows of equal length, the later one in question."""

    before: Window
    after: Window


def whole_days(usage: Usage) -> Window:
    """Return the days of *usage* (not empty) without a last one that is visibly unfinished."""
    first, last = usage.days[0], usage.days[-1]
    if last - first < 3 or usage.times[-1] % DAY_S >= _EVENING_S:
        return Window(first, last)
    earlier = range(max(first, last - 7), last)
    usual = median(len(usage.rows(day, day)) for day in earlier)
    unfinished = len(usage.rows(last, last)) * 2 < usual
    return Window(first, last - 1 if unfinished else last)


def basis(whole: Window) -> Window:
    """Return the days that projections rest on: the last `BASIS_DAYS`, or what there is."""
    return Window(max(whole.first, whole.last - BASIS_DAYS + 1), whole.last)


def compare_last(whole: Window, days: int) -> Comparison | None:
    """Return the last *days* days against as many before, the same weekdays where that fits.

    With less data than that the two halves of it are compared; `None` when it is one day.
    """
    days = min(days, whole.days // 2)
    if days < 1:
        return None
    after = Window(whole.last - days + 1, whole.last)
    back = 7 if days < 7 <= whole.days - days else days
    return Comparison(after.shifted(back), after)


def compare_day(whole: Window, day: int) -> Comparison | None:
    """Return one day against the same weekday a week before, or the day before."""
    if not whole.first < day <= whole.last:
        return None
    back = 7 if day - 7 >= whole.first else 1
    return Comparison(Window(day - back, day - back), Window(day, day))
