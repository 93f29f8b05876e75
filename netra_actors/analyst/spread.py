"""Middles and spreads that a few wild values cannot move."""

from collections.abc import Sequence
from statistics import median
from typing import Final

_TO_SIGMA: Final = 1.4826
"""Makes the median absolute deviation of a normal distribution its standard deviation."""


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which *part* (0 to 1) of *ordered* lies, between two linearly.

    *ordered* is sorted upwards and not empty.
    """
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def sigma(values: Sequence[float], middle: float) -> float:
    """Return the robust standard deviation of *values* (not empty) around *middle*."""
    return _TO_SIGMA * median(abs(value - middle) for value in values)
