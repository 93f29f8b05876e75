from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from netra_actors.analyst.findings import Findings
from netra_actors.analyst.report import MAX_SUMMARY, empty_report, executive_summary, report

Investigate = Callable[..., Findings]


def test_its_numbers_equal_an_independent_computation(
    investigate: Investigate, plain_rows: list[Any]
) -> None:
    numbers = report(investigate("overview"))["numbers"]
    total = sum((row.cost for row in plain_rows), Decimal(0))
    statuses = Counter(row.status for row in plain_rows)
    recent = [row.cost for row in plain_rows if row.day >= "2025-06-02"]
    assert numbers["calls"] == len(plain_rows)
    assert numbers["failed_calls"] == len(plain_rows) - statuses["success"]
    assert numbers["cost_usd"] == float(total)
    assert numbers["input_tokens"] == sum(row.tokens_in for row in plain_rows)
    assert numbers["output_tokens"] == sum(row.tokens_out for row in plain_rows)
    assert numbers["monthly_spend_usd"] == pytest.approx(float(sum(recent)) / 28 * 30, abs=1e-6)


def test_it_is_json_and_fits_into_an_event(investigate: Investigate) -> None:
    found = report(investigate("why did cost rise last week?"))
    assert len(msgspec.json.encode(found)) < 32 * 1024
    assert found["understood_as"] == "cost_rise"
    assert found["data"]["refused"] == 7
    assert found["anomalies"]["storms"][0]["feature"] == "contract_review"


def test_without_an_analysis_there_is_still_a_report() -> None:
    assert empty_report(None, problem="x") == {"data": None, "numbers": {}, "problem": "x"}


def test_a_summary_keeps_whole_sentences_and_says_each_once() -> None:
    sentences = [letter * 199 + "." for letter in "abc"]
    assert executive_summary([*sentences, *sentences]) == " ".join(sentences[:2])
    assert executive_summary(["Yes.", "Yes."]) == "Yes."
    assert len(executive_summary(["y" * 999])) == MAX_SUMMARY
