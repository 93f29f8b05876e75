from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from netra_actors.analyst.costs import MAX_GROUPS, profile
from netra_actors.analyst.periods import Window, whole_days
from netra_actors.analyst.usage import Usage


def test_every_figure_equals_an_independent_sum(sample: Usage, plain_rows: list[Any]) -> None:
    found = profile(sample, whole_days(sample))
    for groups, key in (
        (found.by_feature, lambda row: row.feature),
        (found.by_model, lambda row: row.model),
        (found.by_feature_and_model, lambda row: f"{row.feature} / {row.model}"),
    ):
        cost: dict[str, Decimal] = defaultdict(Decimal)
        failed_cost: dict[str, Decimal] = defaultdict(Decimal)
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for row in plain_rows:
            name = key(row)
            cost[name] += row.cost
            counts[name][0] += 1
            counts[name][1] += row.status != "success"
            counts[name][2] += row.tokens_in
            counts[name][3] += row.tokens_out
            if row.status != "success":
                failed_cost[name] += row.cost
        assert [group.name for group in groups] == sorted(cost, key=lambda name: -cost[name])
        for group in groups:
            assert round(group.cost_usd, 6) == float(cost[group.name])
            assert round(group.failed_cost_usd, 6) == float(failed_cost[group.name])
            assert counts[group.name] == [
                group.calls, group.failed, group.input_tokens, group.output_tokens,
            ]  # fmt: skip
            good = counts[group.name][0] - counts[group.name][1]
            assert group.cost_per_success_usd == pytest.approx(float(cost[group.name]) / good)


def test_days_add_up_to_the_total(sample: Usage, plain_rows: list[Any]) -> None:
    found = profile(sample, whole_days(sample))
    by_day: dict[str, Decimal] = defaultdict(Decimal)
    for row in plain_rows:
        by_day[row.day] += row.cost
    assert {day.day: round(day.cost_usd, 6) for day in found.by_day} == {
        day: float(cost) for day, cost in by_day.items()
    }
    total = float(sum(by_day.values()))
    assert found.total.cost_usd == pytest.approx(total, abs=1e-9)
    assert found.days == len(by_day) == 56
    assert found.monthly_usd == pytest.approx(total / 56 * 30)


def test_shares_add_up_to_one(sample: Usage) -> None:
    found = profile(sample, whole_days(sample))
    assert sum(group.share for group in found.by_feature) == pytest.approx(1)


def test_a_window_without_rows_costs_nothing(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(("2025-06-01", "u", "f", "m", 1, 1, 1, 1, "ok"))
    found = profile(usage, Window(0, 1))
    assert (found.total.cost_usd, found.total.cost_per_success_usd) == (0, None)
    assert found.by_feature == []


def test_free_calls_have_no_share_and_no_division(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(("2025-06-01", "u", "f", "m", 1, 1, 1, 0, "error"))
    found = profile(usage, whole_days(usage))
    assert found.by_feature[0].share == 0


def test_only_the_dearest_are_listed(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(
        *(("2025-06-01", "u", f"f{number}", "m", 1, 1, 1, number, "ok") for number in range(99))
    )
    found = profile(usage, whole_days(usage))
    assert len(found.by_feature) == MAX_GROUPS
    assert found.by_feature[0].name == "f98"
