from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.periods import (
    Window,
    basis,
    compare_day,
    compare_last,
    whole_days,
)
from netra_actors.analyst.usage import Usage

Make = Callable[..., Usage]


def rows(days: dict[int, list[int]]) -> list[tuple[object, ...]]:
    return [
        (f"2025-06-{day:02d}T{hour:02d}:30:00Z", "u", "f", "m", 1, 1, 1, 1, "ok")
        for day, hours in days.items()
        for hour in hours
    ]


def test_an_unfinished_last_day_is_left_out(usage_of: Make) -> None:
    usage = usage_of(*rows({day: [8, 12, 16, 20] for day in range(1, 9)} | {9: [8]}))
    assert whole_days(usage).days == 8


def test_a_quiet_last_day_that_reaches_the_evening_counts(usage_of: Make) -> None:
    usage = usage_of(*rows({day: [8, 12, 16, 20] for day in range(1, 9)} | {9: [21]}))
    assert whole_days(usage).days == 9


def test_of_a_few_days_all_count(usage_of: Make) -> None:
    assert whole_days(usage_of(*rows({1: [8, 9, 10], 2: [8]}))).days == 2


def test_projections_rest_on_four_weeks_or_less() -> None:
    assert basis(Window(0, 55)) == Window(28, 55)
    assert basis(Window(0, 5)) == Window(0, 5)


def test_the_last_week_is_compared_with_the_week_before() -> None:
    comparison = compare_last(Window(0, 55), 7)
    assert comparison is not None
    assert (comparison.before, comparison.after) == (Window(42, 48), Window(49, 55))


def test_fewer_days_are_compared_with_the_same_weekdays() -> None:
    comparison = compare_last(Window(0, 55), 2)
    assert comparison is not None
    assert comparison.before == Window(47, 48)


def test_a_day_is_compared_with_the_same_weekday() -> None:
    comparison = compare_day(Window(0, 55), 50)
    assert comparison is not None
    assert comparison.before == Window(43, 43)
    assert compare_day(Window(0, 55), 56) is None
    assert compare_day(Window(0, 55), 0) is None


@given(st.integers(0, 400), st.integers(1, 400))
def test_two_windows_are_equally_long_apart_and_inside(length: int, days: int) -> None:
    whole = Window(100, 100 + length)
    comparison = compare_last(whole, days)
    if comparison is None:
        assert whole.days == 1
        return
    assert comparison.before.days == comparison.after.days
    assert whole.first <= comparison.before.first
    assert comparison.before.last < comparison.after.first
    assert comparison.after.last == whole.last


@pytest.mark.parametrize("days", [1, 7, 28])
def test_one_day_of_data_has_nothing_to_compare(days: int) -> None:
    assert compare_last(Window(3, 3), days) is None
