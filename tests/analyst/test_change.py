from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.change import _effects, change
from netra_actors.analyst.periods import Comparison, Window, compare_last, whole_days
from netra_actors.analyst.usage import Usage

WEEK = [f"2025-06-{day}" for day in range(23, 30)]
WEEK_BEFORE = [f"2025-06-{day}" for day in range(16, 23)]


def last_week(usage: Usage) -> Comparison:
    comparison = compare_last(whole_days(usage), 7)
    assert comparison is not None
    return comparison


def test_the_rise_of_the_sample_equals_an_independent_sum(
    sample: Usage, plain_rows: list[Any]
) -> None:
    found = change(sample, last_week(sample))
    before = sum((row.cost for row in plain_rows if row.day in WEEK_BEFORE), Decimal(0))
    after = sum((row.cost for row in plain_rows if row.day in WEEK), Decimal(0))
    assert (found.after_first, found.before_last) == (WEEK[0], WEEK_BEFORE[-1])
    assert round(found.before_usd, 6) == float(before)
    assert round(found.after_usd, 6) == float(after)
    assert found.ratio == pytest.approx(float(after / before) - 1)
    for driver in found.drivers:
        mine = [row for row in plain_rows if row.feature == driver.feature]
        assert driver.delta_usd == pytest.approx(
            float(
                sum((row.cost for row in mine if row.day in WEEK), Decimal(0))
                - sum((row.cost for row in mine if row.day in WEEK_BEFORE), Decimal(0))
            )
        )


def test_the_planted_rise_is_found_with_its_reason(sample: Usage) -> None:
    first, second, *_ = change(sample, last_week(sample)).drivers
    assert first.feature == "ticket_summaries"
    assert first.price_usd > 0.9 * first.delta_usd
    assert max(first.model_shares, key=lambda share: share.after).model == "atlas-large"
    assert second.feature == "contract_review"
    assert second.volume_usd > 0.9 * second.delta_usd


def test_drivers_and_their_effects_leave_nothing_over(sample: Usage) -> None:
    found = change(sample, last_week(sample))
    assert sum(driver.delta_usd for driver in found.drivers) == pytest.approx(found.delta_usd)
    for driver in found.drivers:
        parts = driver.volume_usd + driver.size_usd + driver.price_usd
        assert parts == pytest.approx(driver.delta_usd)


side = st.tuples(st.integers(0, 1000), st.integers(0, 10**6), st.floats(0, 1e4))


@given(side, side)
def test_effects_always_add_up(old: tuple[int, int, float], new: tuple[int, int, float]) -> None:
    old = old if old[0] else (0, 0, 0.0)
    new = new if new[0] else (0, 0, 0.0)
    assert sum(_effects(old, new)) == pytest.approx(new[2] - old[2], abs=1e-6)


def test_twice_the_calls_is_volume_and_nothing_else() -> None:
    assert _effects((10, 1000, 5.0), (20, 2000, 10.0)) == pytest.approx((5.0, 0.0, 0.0))


def test_twice_the_price_is_price_and_nothing_else() -> None:
    assert _effects((10, 1000, 5.0), (10, 1000, 10.0)) == pytest.approx((0.0, 0.0, 5.0))


def test_twice_the_tokens_is_size_and_nothing_else() -> None:
    assert _effects((10, 1000, 5.0), (10, 2000, 10.0)) == pytest.approx((0.0, 5.0, 0.0))


def test_features_that_come_and_go_are_drivers(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(
        ("2025-06-01", "u", "old", "m", 1, 1, 1, 2, "ok"),
        ("2025-06-02", "u", "new", "m", 1, 1, 1, 3, "ok"),
    )
    first, last = usage.days
    found = change(usage, Comparison(Window(first, first), Window(last, last)))
    assert {driver.feature: driver.delta_usd for driver in found.drivers} == {"new": 3, "old": -2}


def test_from_nothing_there_is_no_ratio(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(("2025-06-02", "u", "f", "m", 1, 1, 1, 3, "ok"))
    day = usage.days[0]
    found = change(usage, Comparison(Window(day - 1, day - 1), Window(day, day)))
    assert found.ratio is None
