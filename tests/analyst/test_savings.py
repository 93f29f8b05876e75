from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from netra_actors.analyst.periods import Window, basis, whole_days
from netra_actors.analyst.savings import Certainty, monthly, project
from netra_actors.analyst.usage import Usage

PRICE_IN, PRICE_OUT = Decimal("0.5"), Decimal("1.5")
FIRST, LAST = "2025-06-02", "2025-06-29"


def recent(rows: list[Any]) -> list[Any]:
    return [row for row in rows if FIRST <= row.day <= LAST]


def test_the_switch_equals_an_independent_computation(sample: Usage, plain_rows: list[Any]) -> None:
    found = project(sample, basis(whole_days(sample)))
    first = found.savings[0]
    mine = [
        row
        for row in recent(plain_rows)
        if (row.feature, row.model) == ("ticket_summaries", "atlas-large")
    ]
    now = sum((row.cost for row in mine), Decimal(0))
    then = sum(row.tokens_in * PRICE_IN + row.tokens_out * PRICE_OUT for row in mine) / 1_000_000
    assert first.title == "Move ticket_summaries from atlas-large to atlas-small"
    assert first.certainty is Certainty.MEASURED
    assert first.inputs["calls"] == len(mine)
    assert first.window_usd == pytest.approx(float(now - then), rel=1e-5)
    assert first.monthly_usd == pytest.approx(float((now - then) / 28 * 30), rel=1e-5)


def test_the_cap_on_retries_equals_an_independent_computation(
    sample: Usage, plain_rows: list[Any]
) -> None:
    found = project(sample, basis(whole_days(sample)))
    (cap,) = [each for each in found.savings if each.kind == "cap_retries"]
    wasted = Decimal(0)
    for user in ("u_011", "u_023", "u_031"):
        tries = [
            row.cost
            for row in plain_rows
            if (row.user, row.feature, row.status) == (user, "contract_review", "timeout")
            and row.day == "2025-06-25"
        ]
        wasted += sum(tries[3:], Decimal(0))
    assert cap.window_usd == pytest.approx(float(wasted))
    assert cap.feature == "contract_review"


def test_the_total_counts_what_is_measured_and_nothing_else(
    sample: Usage, plain_rows: list[Any]
) -> None:
    found = project(sample, basis(whole_days(sample)))
    spent = sum((row.cost for row in recent(plain_rows)), Decimal(0))
    measured = [each.monthly_usd for each in found.savings if each.certainty == "measured"]
    assert found.monthly_usd == pytest.approx(sum(measured))
    assert len(measured) == 2
    assert found.spent_usd == pytest.approx(float(spent))
    assert found.share == pytest.approx(found.monthly_usd / (float(spent) / 28 * 30))


def test_a_formula_can_be_followed_by_hand(sample: Usage) -> None:
    for saving in project(sample, basis(whole_days(sample))).savings:
        inputs = saving.inputs
        window = inputs.get("wasted_usd", inputs.get("cost_now_usd", 0))
        window -= inputs.get("cost_then_usd", 0)
        assert window / inputs["days"] * 30 == pytest.approx(saving.monthly_usd, abs=1e-4)
        assert saving.formula.endswith("/ 28 days x 30")


def test_repetitions_are_not_saved_twice(sample: Usage) -> None:
    found = project(sample, basis(whole_days(sample)))
    (trial,) = [
        each
        for each in found.savings
        if (each.kind, each.feature) == ("switch_model", "contract_review")
    ]
    assert trial.inputs["calls"] == 406


def test_nothing_to_save_is_said_with_zeros(usage_of: Callable[..., Usage]) -> None:
    usage = usage_of(("2025-06-01", "u", "f", "m", 1, 1, 1, 0, "ok"))
    found = project(usage, whole_days(usage))
    assert (found.savings, found.monthly_usd, found.share) == ([], 0, 0.0)


def test_a_month_has_thirty_days() -> None:
    assert monthly(28.0, Window(1, 28)) == 30.0
