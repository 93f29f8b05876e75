"""How long calls take, and since when they take longer.

Only calls that worked count: a time-out's thirty seconds say nothing about the model's speed.
"""

from statistics import median
from typing import Final

import msgspec

from netra_actors.analyst.periods import Window
from netra_actors.analyst.spread import quantile, sigma
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import iso

MAX_GROUPS: Final = 20
MAX_PAIRS: Final = 60
"""Pairs of feature and model that are searched, those with most calls."""
MAX_DAYS: Final = 180
MIN_CALLS_A_DAY: Final = 5
MIN_DAYS_A_SIDE: Final = 3
SLOWER: Final = 1.25
"""From this ratio of medians on it is a regression..."""
CLEAR: Final = 4.0
"""...if the step is also this many times the days' own spread..."""
APART: Final = 0.75
"""...and this part of the days of each side lies on its own side of the middle."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Latency of one feature, model or pair, in milliseconds, over its successful calls."""

    name: str
    calls: int
    p50_ms: float
    p95_ms: float


class LatencyProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The latencies of a window of days; empty lists where the data has none."""

    first_day: str
    last_day: str
    overall: Timing | None
    by_feature: list[Timing]
    by_model: list[Timing]


class Regression(msgspec.Struct, frozen=True, kw_only=True):
    """From a day on, a feature on a model takes longer."""

    feature: str
    model: str
    since: str
    day: int
    """`since` as a day number."""
    before_p50_ms: float
    after_p50_ms: float
    before_p95_ms: float
    after_p95_ms: float
    ratio: float
    """After over before, of the medians."""
    calls_since: int
    output_ratio: float | None
    """Output tokens per call, after over before: longer answers take longer by themselves."""


def profile(usage: Usage, window: Window) -> LatencyProfile:
    """Return the latencies of the rows of *window*, the slowest first."""
    rows = [index for index in usage.rows(window.first, window.last) if _timed(usage, index)]
    return LatencyProfile(
        first_day=iso(window.first),
        last_day=iso(window.last),
        overall=_timing(usage, "all calls", rows) if rows else None,
        by_feature=_timings(usage, usage.groups(usage.features, rows)),
        by_model=_timings(usage, usage.groups(usage.models, rows)),
    )


def regressions(usage: Usage, window: Window) -> list[Regression]:
    """Return the steps upwards in daily medians, the largest first."""
    rows = [
        index
        for index in usage.rows(max(window.first, window.last - MAX_DAYS), window.last)
        if _timed(usage, index)
    ]
    pairs = list(zip(usage.features, usage.models, strict=True))
    groups: dict[tuple[str, str], list[int]] = {}
    for index in rows:
        groups.setdefault(pairs[index], []).append(index)
    largest = sorted(groups, key=lambda pair: (-len(groups[pair]), pair))[:MAX_PAIRS]
    found = [step for pair in largest if (step := _step(usage, pair, groups[pair])) is not None]
    return sorted(found, key=lambda step: -step.ratio)


def _timed(usage: Usage, index: int) -> bool:
    latency = usage.latencies[index]
    return usage.succeeded[index] and latency == latency  # noqa: PLR0124  NaN is not itself


def _timings(usage: Usage, groups: dict[str, list[int]]) -> list[Timing]:
    found = [_timing(usage, name, rows) for name, rows in groups.items()]
    return sorted(found, key=lambda timing: (-timing.p50_ms, timing.name))[:MAX_GROUPS]


def _timing(usage: Usage, name: str, rows: list[int]) -> Timing:
    ordered = sorted(usage.latencies[index] for index in rows)
    return Timing(
        name=name,
        calls=len(rows),
        p50_ms=quantile(ordered, 0.5),
        p95_ms=quantile(ordered, 0.95),
    )


def _step(usage: Usage, pair: tuple[str, str], rows: list[int]) -> Regression | None:
    by_day: dict[int, list[float]] = {}
    for index in rows:
        by_day.setdefault(usage.days[index], []).append(usage.latencies[index])
    days = [day for day, found in by_day.items() if len(found) >= MIN_CALLS_A_DAY]
    medians = [median(by_day[day]) for day in days]
    split = change_point(medians)
    if split is None or not is_step(medians[:split], medians[split:]):
        return None
    return _describe(usage, pair, rows, days[split])


def change_point(values: list[float]) -> int | None:
    """Return where *values* fall best into two levels, or `None` when there are too few.

    Best is the split with the smallest sum of distances to the two medians.
    """
    places = range(MIN_DAYS_A_SIDE, len(values) - MIN_DAYS_A_SIDE + 1)
    return min(
        places,
        key=lambda at: _distance(values[:at]) + _distance(values[at:]),
        default=None,
    )


def is_step(before: list[float], after: list[float]) -> bool:
    """Return whether the second level is clearly above the first."""
    low, high = median(before), median(after)
    middle = (low + high) / 2
    # Days that swing between two levels can have medians far apart and a spread of nothing.
    apart = sum(day < middle for day in before) >= APART * len(before) and (
        sum(day > middle for day in after) >= APART * len(after)
    )
    noise = max(sigma(before, low), sigma(after, high), 0.02 * low)
    return apart and high >= SLOWER * low and high - low >= CLEAR * noise


def _distance(values: list[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)


def _describe(usage: Usage, pair: tuple[str, str], rows: list[int], day: int) -> Regression:
    before = [index for index in rows if usage.days[index] < day]
    after = [index for index in rows if usage.days[index] >= day]
    old, new = _timing(usage, "before", before), _timing(usage, "after", after)
    words_old, words_new = (
        sum(usage.output_tokens[index] for index in side) / len(side) for side in (before, after)
    )
    return Regression(
        feature=pair[0],
        model=pair[1],
        since=iso(day),
        day=day,
        before_p50_ms=old.p50_ms,
        after_p50_ms=new.p50_ms,
        before_p95_ms=old.p95_ms,
        after_p95_ms=new.p95_ms,
        ratio=new.p50_ms / old.p50_ms,
        calls_since=len(after),
        output_ratio=words_new / words_old if words_old else None,
    )
