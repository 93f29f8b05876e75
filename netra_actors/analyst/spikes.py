"""Days on which a feature cost far more than its days usually do.

A day is held against the median of the other days of its kind (workdays with workdays,
weekends with weekends); neighbouring days are told as one finding.
"""

from statistics import median
from typing import Final

import attrs
import msgspec

from netra_actors.analyst.periods import Window
from netra_actors.analyst.spread import sigma
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import iso, to_date

CLEAR: Final = 5.0
"""Robust standard deviations above the usual..."""
AT_LEAST: Final = 1.5
"""...and this many times the usual..."""
WORTH: Final = 0.05
"""...and an excess of this part of what all features cost on a median day."""
MIN_DAYS: Final = 5
"""Days of a kind that make a usual."""
MAX_SPIKES: Final = 20
MAX_FEATURES: Final = 60
MAX_DAYS: Final = 366


class Spike(msgspec.Struct, frozen=True, kw_only=True):
    """Days in a row on which a feature cost too much."""

    feature: str
    first_day: str
    last_day: str
    first: int
    last: int
    """The same as day numbers."""
    cost_usd: float
    usual_usd: float
    """What the same days would cost usually."""
    excess_usd: float
    failed_share: float
    """Of the calls on those days."""


@attrs.frozen
class _High:
    day: int
    cost: float
    usual: float


def spikes(usage: Usage, window: Window) -> list[Spike]:
    """Return the spikes within *window*, the dearest first."""
    window = Window(max(window.first, window.last - MAX_DAYS + 1), window.last)
    rows = usage.rows(window.first, window.last)
    daily = median(
        usage.cost_of(usage.rows(day, day)) for day in range(window.first, window.last + 1)
    )
    groups = usage.groups(usage.features, rows)
    dearest = sorted(groups, key=lambda name: (-usage.cost_of(groups[name]), name))
    found: list[Spike] = []
    for feature in dearest[:MAX_FEATURES]:
        costs = _daily(usage, groups[feature], window)
        high = _high_days(costs, window, WORTH * daily)
        found += [_describe(usage, feature, groups[feature], run) for run in _runs(high)]
    return sorted(found, key=lambda spike: -spike.excess_usd)[:MAX_SPIKES]


def _daily(usage: Usage, rows: list[int], window: Window) -> list[float]:
    costs = [0.0] * window.days
    for row in rows:
        costs[usage.days[row] - window.first] += usage.costs[row]
    return costs


def _high_days(costs: list[float], window: Window, worth: float) -> list[_High]:
    kinds: dict[bool, list[int]] = {False: [], True: []}
    for place in range(len(costs)):
        kinds[to_date(window.first + place).weekday() >= 5].append(place)
    high: list[_High] = []
    for places in kinds.values():
        if len(places) < MIN_DAYS:
            continue
        values = [costs[place] for place in places]
        usual = median(values)
        limit = max(usual + CLEAR * sigma(values, usual), AT_LEAST * usual, usual + worth)
        high += [
            _High(window.first + place, costs[place], usual)
            for place in places
            if costs[place] > limit
        ]
    return sorted(high, key=lambda day: day.day)


def _runs(high: list[_High]) -> list[list[_High]]:
    runs: list[list[_High]] = []
    for day in high:
        if runs and day.day - runs[-1][-1].day == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _describe(usage: Usage, feature: str, rows: list[int], run: list[_High]) -> Spike:
    first, last = run[0].day, run[-1].day
    within = [row for row in rows if first <= usage.days[row] <= last]
    cost, usual = usage.cost_of(within), sum(day.usual for day in run)
    return Spike(
        feature=feature,
        first_day=iso(first),
        last_day=iso(last),
        first=first,
        last=last,
        cost_usd=cost,
        usual_usd=usual,
        excess_usd=cost - usual,
        failed_share=sum(not usage.succeeded[row] for row in within) / len(within),
    )
