"""Retry storms: a failed call repeated at once, over and over, each time billed.

A chain is a user's calls of one feature in which each follows a failed one within `GAP_S`, and
all fail. A chain of `MIN_CHAIN` is no bad luck. Chains of one feature that overlap, or begin
within `SAME_STORM_S` of the last one's end, are one storm, whoever's they are.
"""

from typing import Final

import attrs
import msgspec

from netra_actors.analyst.periods import Window
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import iso

GAP_S: Final = 120.0
MIN_CHAIN: Final = 10
ALLOWED_TRIES: Final = 3
"""A call and two repetitions: what a sound client would have tried."""
SAME_STORM_S: Final = 1800.0
MAX_STORMS: Final = 20


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """One feature's storm; instants are Unix seconds."""

    feature: str
    day: str
    started_at: float
    ended_at: float
    calls: int
    chains: int
    """Sequences of one user's repetitions."""
    users: list[str]
    models: list[str]
    statuses: list[str]
    cost_usd: float
    wasted_calls: int
    """Beyond `ALLOWED_TRIES` of each chain."""
    wasted_usd: float


@attrs.frozen
class _Chain:
    feature: str
    user: str
    rows: list[int]


def storms(usage: Usage, window: Window) -> list[Storm]:
    """Return the storms within *window*, the most wasteful first."""
    found = [_describe(usage, chains) for chains in _joined(usage, _chains(usage, window))]
    return sorted(found, key=lambda storm: -storm.wasted_usd)[:MAX_STORMS]


def wasted_rows(usage: Usage, window: Window) -> set[int]:
    """Return the rows of *window* that are repetitions beyond `ALLOWED_TRIES` of a chain."""
    return {row for chain in _chains(usage, window) for row in chain.rows[ALLOWED_TRIES:]}


def _chains(usage: Usage, window: Window) -> list[_Chain]:
    found: list[_Chain] = []
    running: dict[tuple[str, str], list[int]] = {}
    for row in usage.rows(window.first, window.last):
        key = (usage.features[row], usage.users[row])
        chain = running.get(key)
        if chain is not None and (
            usage.succeeded[row] or usage.times[row] - usage.times[chain[-1]] > GAP_S
        ):
            _close(key, running.pop(key), found)
            chain = None
        if usage.succeeded[row]:
            continue
        if chain is None:
            running[key] = [row]
        else:
            chain.append(row)
    for key, rows in running.items():
        _close(key, rows, found)
    return found


def _close(key: tuple[str, str], rows: list[int], found: list[_Chain]) -> None:
    if len(rows) >= MIN_CHAIN:
        found.append(_Chain(*key, rows))


def _joined(usage: Usage, chains: list[_Chain]) -> list[list[_Chain]]:
    """Return the chains of each storm."""
    found: list[list[_Chain]] = []
    last: dict[str, tuple[list[_Chain], float]] = {}
    for chain in sorted(chains, key=lambda chain: chain.rows[0]):
        start, end = usage.times[chain.rows[0]], usage.times[chain.rows[-1]]
        group, until = last.get(chain.feature, (None, 0.0))
        if group is None or start > until + SAME_STORM_S:
            group = []
            found.append(group)
            until = end
        group.append(chain)
        last[chain.feature] = (group, max(until, end))
    return found


def _describe(usage: Usage, chains: list[_Chain]) -> Storm:
    rows = sorted(row for chain in chains for row in chain.rows)
    wasted = [row for chain in chains for row in chain.rows[ALLOWED_TRIES:]]
    return Storm(
        feature=chains[0].feature,
        day=iso(usage.days[rows[0]]),
        started_at=usage.times[rows[0]],
        ended_at=usage.times[rows[-1]],
        calls=len(rows),
        chains=len(chains),
        users=sorted({chain.user for chain in chains})[:10],
        models=sorted({usage.models[row] for row in rows})[:10],
        statuses=sorted({usage.statuses[row] for row in rows})[:10],
        cost_usd=usage.cost_of(rows),
        wasted_calls=len(wasted),
        wasted_usd=usage.cost_of(wasted),
    )
