"""Whether one model succeeds as often as another, and whether the calls are enough to say so."""

import math
from typing import Final

TOLERATED: Final = 0.02
"""How much lower (two points) a success rate may be, with 95% certainty, and count as the same."""
MIN_CALLS: Final = 30
"""Calls below which nothing is said about a model."""
_Z95: Final = 1.645


def worse_by(current: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
    """Return the least and the most that *other* succeeds less often, with 95% certainty each.

    Both are (successes, calls). The normal approximation with one success and one failure added
    to each side, which keeps it honest for few calls and for rates of 100%.
    """
    (good_0, calls_0), (good_1, calls_1) = current, other
    rate_0, rate_1 = (good_0 + 1) / (calls_0 + 2), (good_1 + 1) / (calls_1 + 2)
    error = math.sqrt(rate_0 * (1 - rate_0) / (calls_0 + 2) + rate_1 * (1 - rate_1) / (calls_1 + 2))
    return rate_0 - rate_1 - _Z95 * error, rate_0 - rate_1 + _Z95 * error
