import statistics
from collections.abc import Callable
from typing import Any

import pytest

from netra_actors.analyst import latency
from netra_actors.analyst.periods import whole_days
from netra_actors.analyst.usage import Usage

Make = Callable[..., Usage]


def test_the_planted_regression_is_found_on_its_day_and_no_other(sample: Usage) -> None:
    (found,) = latency.regressions(sample, whole_days(sample))
    assert (found.feature, found.model, found.since) == (
        "support_chat", "beacon-pro", "2025-06-11",
    )  # fmt: skip
    assert found.ratio == pytest.approx(1.75, abs=0.1)
    assert found.output_ratio == pytest.approx(1, abs=0.05)


def test_its_figures_equal_an_independent_computation(sample: Usage, plain_rows: list[Any]) -> None:
    (found,) = latency.regressions(sample, whole_days(sample))
    mine = [row for row in plain_rows if row.feature == "support_chat" and row.status == "success"]
    before = [row.latency_ms for row in mine if row.day < "2025-06-11"]
    after = [row.latency_ms for row in mine if row.day >= "2025-06-11"]
    assert found.before_p50_ms == statistics.median(before)
    assert found.after_p50_ms == statistics.median(after)
    assert found.calls_since == len(after)
    p95 = statistics.quantiles(after, n=20, method="inclusive")[-1]
    assert found.after_p95_ms == pytest.approx(p95)


def test_profiles_equal_an_independent_computation(sample: Usage, plain_rows: list[Any]) -> None:
    found = latency.profile(sample, whole_days(sample))
    for timing in found.by_feature:
        mine = [
            row.latency_ms
            for row in plain_rows
            if row.feature == timing.name and row.status == "success"
        ]
        assert (timing.calls, timing.p50_ms) == (len(mine), statistics.median(mine))


def days(levels: list[int], calls: int = 6) -> list[tuple[object, ...]]:
    return [
        (f"2025-06-{day:02d}", "u", "f", "m", 1, 1, level + call % 3, 1, "ok")
        for day, level in enumerate(levels, 1)
        for call in range(calls)
    ]


@pytest.mark.parametrize(
    ("levels", "since"),
    [
        ([100] * 6 + [200] * 6, "2025-06-07"), ([100] * 12, None), ([200] * 6 + [100] * 6, None),
        ([100] * 6 + [110] * 6, None), ([100, 200] * 6, None), ([100] * 3 + [200] * 2, None),
        ([100] * 11 + [900], None),
    ],
)  # fmt: skip
def test_only_a_clear_and_lasting_step_is_a_regression(
    usage_of: Make, levels: list[int], since: str | None
) -> None:
    usage = usage_of(*days(levels))
    found = latency.regressions(usage, whole_days(usage))
    assert [each.since for each in found] == ([since] if since else [])


def test_days_with_few_calls_say_nothing(usage_of: Make) -> None:
    usage = usage_of(*days([100] * 6 + [200] * 6, calls=4))
    assert latency.regressions(usage, whole_days(usage)) == []


def test_failed_and_untimed_calls_are_left_out(usage_of: Make) -> None:
    usage = usage_of(
        ("2025-06-01", "u", "f", "m", 1, 1, 30000, 1, "timeout"),
        ("2025-06-01", "u", "f", "m", 1, 1, "", 1, "ok"),
    )
    assert latency.profile(usage, whole_days(usage)).overall is None


def test_the_change_point_parts_two_levels() -> None:
    assert latency.change_point([1, 1, 1, 1, 9, 9, 9]) == 4
    assert latency.change_point([1, 1, 1, 9, 9]) is None
