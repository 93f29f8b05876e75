import math
from collections.abc import Callable

import pytest

from netra_actors.analyst.columns import recognise
from netra_actors.analyst.usage import MAX_REFUSALS, Usage, UsageBuilder

HEADER = ["time", "user", "feature", "model", "input", "output", "latency_s", "cost", "status"]
GOOD = ["2025-06-25", "u", "f", "m", "1", "2", "0.5", "0.1", "OK"]


def builder() -> UsageBuilder:
    return UsageBuilder(recognise(HEADER))


def test_rows_are_sorted_by_time() -> None:
    build = builder()
    for day in ("2025-06-25", "2025-06-23", "2025-06-24"):
        build.add(1, [day, *GOOD[1:]])
    usage = build.build()
    assert usage.times == sorted(usage.times)
    assert usage.days[2] - usage.days[0] == 2


def test_a_row_becomes_its_columns() -> None:
    build = builder()
    build.add(2, GOOD)
    usage = build.build()
    assert (usage.latencies, usage.costs, usage.statuses) == ([500.0], [0.1], ["ok"])
    assert usage.succeeded == [True]


def test_a_call_without_latency_keeps_its_cost() -> None:
    build = builder()
    build.add(2, [*GOOD[:6], "", *GOOD[7:]])
    assert math.isnan(build.build().latencies[0])


def test_an_empty_build_has_empty_columns() -> None:
    assert len(builder().build()) == 0


def test_refused_rows_are_all_counted_and_the_first_are_kept() -> None:
    build = builder()
    for line in range(50):
        build.add(line, ["short"])
    assert build.refused == 50
    assert [refusal.line for refusal in build.refusals] == list(range(MAX_REFUSALS))
    assert "1 fields" in build.refusals[0].reason


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, "x", "time"), (2, "", "feature is missing"), (3, "", "model is missing"),
        (4, "1e12", "input_tokens"), (5, "-2", "output_tokens is negative"),
        (6, "999999", "latency"), (7, "-1", "cost is negative"), (7, "1e9", "cost"),
    ],
)  # fmt: skip
def test_each_column_refuses_what_cannot_be(place: int, value: str, reason: str) -> None:
    build = builder()
    build.add(7, [*GOOD[:place], value, *GOOD[place + 1 :]])
    assert reason in build.refusals[0].reason


def test_rows_of_a_window_are_found_by_day(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(
        *((f"2025-06-{day:02d}", "u", "f", "m", 1, 1, 1, 1, "ok") for day in (1, 2, 2, 4))
    )
    first = usage.days[0]
    assert list(usage.rows(first + 1, first + 2)) == [1, 2]
    assert list(usage.rows(first + 9, first + 9)) == []


def test_taking_rows_keeps_every_column_in_step(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(
        ("2025-06-01", "a", "f", "m", 1, 1, 1, 1, "ok"),
        ("2025-06-02", "b", "g", "n", 2, 2, 2, 2, "error"),
    )
    taken = usage.where(lambda row: usage.users[row] == "b")
    assert (taken.users, taken.costs, taken.succeeded) == (["b"], [2.0], [False])
    assert taken.has_status


def test_cost_is_summed_without_losing_small_ones(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(*(("2025-06-01", "a", "f", "m", 1, 1, 1, "0.1", "ok") for _ in range(10)))
    assert usage.cost_of(range(10)) == 1.0
