from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from netra_actors.analyst.periods import whole_days
from netra_actors.analyst.spikes import spikes
from netra_actors.analyst.usage import Usage

Make = Callable[..., Usage]


def days(costs: list[float]) -> list[tuple[object, ...]]:
    # 2 June 2025 is a Monday.
    return [
        (f"2025-06-{day:02d}T23:00:00", "u", "f", "m", 1, 1, 1, cost, "ok")
        for day, cost in enumerate(costs, 2)
    ]


def test_the_planted_days_are_found_in_the_sample(sample: Usage) -> None:
    found = {spike.feature: spike for spike in spikes(sample, whole_days(sample))}
    assert found["contract_review"].first_day == found["contract_review"].last_day == "2025-06-25"
    assert found["ticket_summaries"].first_day == "2025-06-23"
    assert set(found) == {"contract_review", "ticket_summaries"}


def test_their_cost_equals_an_independent_sum(sample: Usage, plain_rows: list[Any]) -> None:
    daily: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in plain_rows:
        daily[row.feature, row.day] += row.cost
    for spike in spikes(sample, whole_days(sample)):
        cost = sum(
            cost
            for (feature, day), cost in daily.items()
            if feature == spike.feature and spike.first_day <= day <= spike.last_day
        )
        assert round(spike.cost_usd, 6) == float(cost)
        assert spike.excess_usd == pytest.approx(spike.cost_usd - spike.usual_usd)


def test_even_days_have_no_spike(usage_of: Make) -> None:
    usage = usage_of(*days([10, 11, 10, 9, 10, 2, 2] * 3))
    assert spikes(usage, whole_days(usage)) == []


def test_a_dear_workday_is_a_spike(usage_of: Make) -> None:
    usage = usage_of(*days([10, 11, 10, 9, 10, 2, 2, 10, 40, 41, 9, 10, 2, 2]))
    (found,) = spikes(usage, whole_days(usage))
    assert (found.first_day, found.last_day) == ("2025-06-10", "2025-06-11")
    assert found.usual_usd == 20


def test_too_few_days_have_no_usual(usage_of: Make) -> None:
    usage = usage_of(*days([1, 1, 50]))
    assert spikes(usage, whole_days(usage)) == []
