"""What was spent, on what, and what one call of it costs."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from netra_actors.analyst.periods import MONTH_DAYS, Window
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import iso

MAX_GROUPS: Final = 20
"""Features, models, users and pairs that a profile lists, the dearest first."""
MAX_DAYS: Final = 92


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature, model, user or pair of them used."""

    name: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    failed_cost_usd: float
    """The part of it that paid for calls that failed."""
    share: float
    """Of the cost of the window."""
    cost_per_success_usd: float | None
    """All its cost over its successful calls; `None` when none succeeded."""


class DayCost(msgspec.Struct, frozen=True):
    """One UTC day."""

    day: str
    calls: int
    cost_usd: float


class CostProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The costs of a window of days."""

    first_day: str
    last_day: str
    days: int
    total: Spending
    cost_per_day_usd: float
    monthly_usd: float
    """Cost per day times `MONTH_DAYS`."""
    by_feature: list[Spending]
    by_model: list[Spending]
    by_feature_and_model: list[Spending]
    """Named `feature / model`."""
    by_user: list[Spending]
    by_day: list[DayCost]
    """The last `MAX_DAYS`."""


def profile(usage: Usage, window: Window) -> CostProfile:
    """Return what the rows of *window* cost, from every side."""
    rows = usage.rows(window.first, window.last)
    total = spending(usage, "total", rows)
    pairs = [
        f"{feature} / {model}"
        for feature, model in zip(usage.features, usage.models, strict=True)
    ]  # fmt: skip
    return CostProfile(
        first_day=iso(window.first),
        last_day=iso(window.last),
        days=window.days,
        total=total,
        cost_per_day_usd=total.cost_usd / window.days,
        monthly_usd=total.cost_usd / window.days * MONTH_DAYS,
        by_feature=ranked(usage, usage.features, rows, total.cost_usd),
        by_model=ranked(usage, usage.models, rows, total.cost_usd),
        by_feature_and_model=ranked(usage, pairs, rows, total.cost_usd),
        by_user=ranked(usage, usage.users, rows, total.cost_usd),
        by_day=_by_day(usage, window),
    )


def ranked(
    usage: Usage, column: Sequence[str], rows: Iterable[int], whole_usd: float
) -> list[Spending]:
    """Return the spending of each value of *column* among *rows*, the dearest first."""
    groups = usage.groups(column, rows)
    costs = {name: usage.cost_of(indexes) for name, indexes in groups.items()}
    dearest = sorted(costs, key=lambda name: (-costs[name], name))[:MAX_GROUPS]
    return [spending(usage, name, groups[name], whole_usd) for name in dearest]


def spending(
    usage: Usage, name: str, rows: Sequence[int], whole_usd: float | None = None
) -> Spending:
    """Return what *rows* used; their share is of *whole_usd*, by default of themselves."""
    cost = usage.cost_of(rows)
    failed = [index for index in rows if not usage.succeeded[index]]
    succeeded = len(rows) - len(failed)
    whole = cost if whole_usd is None else whole_usd
    return Spending(
        name=name,
        calls=len(rows),
        failed=len(failed),
        input_tokens=sum(usage.input_tokens[index] for index in rows),
        output_tokens=sum(usage.output_tokens[index] for index in rows),
        cost_usd=cost,
        failed_cost_usd=usage.cost_of(failed),
        share=cost / whole if whole else 0.0,
        cost_per_success_usd=cost / succeeded if succeeded else None,
    )


def _by_day(usage: Usage, window: Window) -> list[DayCost]:
    days = range(max(window.first, window.last - MAX_DAYS + 1), window.last + 1)
    return [
        DayCost(iso(day), len(rows), usage.cost_of(rows))
        for day in days
        for rows in (usage.rows(day, day),)
    ]
