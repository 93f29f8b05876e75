import statistics
from collections.abc import Callable
from typing import Any

import pytest

from netra_actors.analyst.models import Verdict, compare
from netra_actors.analyst.periods import basis, whole_days
from netra_actors.analyst.reading import read
from netra_actors.analyst.usage import Usage

Make = Callable[..., Usage]
FOUR_WEEKS = ("2025-06-02", "2025-06-29")


def calls(
    model: str, count: int, cost: float, *, failed: int = 0, feature: str = "f", size: int = 100
) -> list[tuple[object, ...]]:
    return [
        (
            f"2025-06-01T00:{number % 60:02d}:00", f"u{number}", feature, model, size + number % 7,
            10 + number % 3, 1, cost * (size + number % 7 + 2 * (10 + number % 3)) / 1000,
            "error" if number < failed else "ok",
        )
        for number in range(count)
    ]  # fmt: skip


def verdict_of(usage: Usage) -> tuple[Verdict, str | None]:
    first = compare(usage, whole_days(usage)).features[0]
    return first.verdict, first.suggested


def test_the_planted_facts_are_found_and_the_trap_is_not_fallen_into(sample: Usage) -> None:
    found = {each.feature: each for each in compare(sample, basis(whole_days(sample))).features}
    summaries = found["ticket_summaries"]
    assert (summaries.verdict, summaries.current, summaries.suggested) == (
        Verdict.SWITCH, "atlas-large", "atlas-small",
    )  # fmt: skip
    assert summaries.repriced_share == pytest.approx(0.05, abs=0.001)
    assert found["email_drafts"].verdict is Verdict.KEEP
    assert "fails more often" in found["email_drafts"].reason


def test_the_figures_equal_an_independent_computation(sample: Usage, plain_rows: list[Any]) -> None:
    found = {each.feature: each for each in compare(sample, basis(whole_days(sample))).features}
    for use in found["ticket_summaries"].models:
        mine = [
            row
            for row in plain_rows
            if row.feature == "ticket_summaries"
            and row.model == use.model
            and FOUR_WEEKS[0] <= row.day <= FOUR_WEEKS[1]
        ]
        good = [row for row in mine if row.status == "success"]
        cost = float(sum(row.cost for row in mine))
        assert (use.calls, use.success_rate) == (len(mine), len(good) / len(mine))
        assert use.cost_per_success_usd == pytest.approx(cost / len(good))
        assert use.p50_ms == statistics.median(row.latency_ms for row in good)
        assert use.output_tokens_per_success == pytest.approx(
            statistics.fmean(row.tokens_out for row in good)
        )


def test_as_reliable_and_cheaper_means_switch(usage_of: Make) -> None:
    usage = usage_of(*calls("big", 600, 10), *calls("small", 600, 1))
    assert verdict_of(usage) == (Verdict.SWITCH, "small")


def test_too_few_calls_mean_trial(usage_of: Make) -> None:
    usage = usage_of(*calls("big", 600, 10), *calls("small", 40, 1))
    assert verdict_of(usage) == (Verdict.TRIAL, "small")


def test_more_failures_mean_keep(usage_of: Make) -> None:
    usage = usage_of(*calls("big", 600, 10), *calls("small", 600, 1, failed=60))
    assert verdict_of(usage) == (Verdict.KEEP, None)


def test_an_untried_model_is_worth_a_trial_only_for_calls_it_has_had_the_size_of(
    usage_of: Make,
) -> None:
    big = calls("big", 600, 10)
    fits = usage_of(*big, *calls("small", 600, 1, feature="g"))
    short = usage_of(*big, *calls("small", 600, 1, feature="g", size=20))
    assert verdict_of(fits) == (Verdict.TRIAL, "small")
    assert verdict_of(short) == (Verdict.KEEP, None)


def test_without_a_status_nothing_is_proven() -> None:
    rows = [*calls("big", 600, 10), *calls("small", 600, 1)]
    header = "time,user,feature,model,input,output,latency,cost"
    text = "\n".join([header, *(",".join(map(str, row[:-1])) for row in rows)])
    assert verdict_of(read(text).usage) == (Verdict.TRIAL, "small")


def test_a_storm_does_not_count_against_its_model(sample: Usage) -> None:
    found = {each.feature: each for each in compare(sample, basis(whole_days(sample))).features}
    assert found["contract_review"].models[0].success_rate > 0.9
