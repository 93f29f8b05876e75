from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from netra_actors.analyst.periods import whole_days
from netra_actors.analyst.storms import ALLOWED_TRIES, MIN_CHAIN, storms, wasted_rows
from netra_actors.analyst.usage import Usage

Make = Callable[..., Usage]
NOON = 1750852800


def failures(
    count: int, gap: float = 10, user: str = "u", start: float = 0, feature: str = "f"
) -> list[tuple[object, ...]]:
    return [
        (NOON + start + gap * number, user, feature, "m", 1, 0, 1, 1, "error")
        for number in range(count)
    ]


def test_the_planted_storm_is_found(sample: Usage) -> None:
    (found,) = storms(sample, whole_days(sample))
    assert (found.feature, found.day) == ("contract_review", "2025-06-25")
    assert found.users == ["u_011", "u_023", "u_031"]
    assert found.statuses == ["timeout"]


def test_its_figures_equal_an_independent_computation(sample: Usage, plain_rows: list[Any]) -> None:
    (found,) = storms(sample, whole_days(sample))
    inside = [
        row
        for row in plain_rows
        if row.feature == "contract_review"
        and row.status == "timeout"
        and row.day == "2025-06-25"
        and row.user in found.users
        and "13:10" <= row.when.strftime("%H:%M") <= "14:20"
    ]
    assert found.calls == len(inside)
    assert round(found.cost_usd, 6) == float(sum((row.cost for row in inside), Decimal(0)))
    wasted = [
        row
        for user in found.users
        for row in [each for each in inside if each.user == user][ALLOWED_TRIES:]
    ]
    assert found.wasted_calls == len(wasted) == len(wasted_rows(sample, whole_days(sample)))
    assert round(found.wasted_usd, 6) == float(sum((row.cost for row in wasted), Decimal(0)))


@pytest.mark.parametrize(
    ("rows", "chains"),
    [
        (failures(MIN_CHAIN), 1), (failures(MIN_CHAIN - 1), 0), (failures(MIN_CHAIN, gap=121), 0),
        ([*failures(5), (NOON + 45, "u", "f", "m", 1, 1, 1, 1, "ok"), *failures(5, start=50)], 0),
        ([*failures(10), *failures(10, user="v", start=60)], 2),
    ],
)  # fmt: skip
def test_a_storm_is_failure_upon_failure_without_a_pause(
    usage_of: Make, rows: list[tuple[object, ...]], chains: int
) -> None:
    usage = usage_of(*rows)
    found = storms(usage, whole_days(usage))
    assert sum(storm.chains for storm in found) == chains
    assert len(found) <= 1


def test_hours_apart_and_other_features_are_other_storms(usage_of: Make) -> None:
    usage = usage_of(
        *failures(10), *failures(10, start=9000), *failures(10, feature="g", user="w")
    )  # fmt: skip
    assert len(storms(usage, whole_days(usage))) == 3


def test_a_success_ends_a_chain_but_keeps_what_it_was(usage_of: Make) -> None:
    usage = usage_of(*failures(12), (NOON + 120, "u", "f", "m", 1, 1, 1, 1, "ok"))
    (found,) = storms(usage, whole_days(usage))
    assert (found.calls, found.wasted_calls) == (12, 9)
