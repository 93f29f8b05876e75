from collections.abc import Callable

import pytest

from netra_actors.analyst import leads
from netra_actors.analyst.findings import Findings

Investigate = Callable[..., Findings]
HEADER = "time,feature,model,input,output,cost"


def told(findings: Findings) -> str:
    return "\n".join([*leads.not_in_data(findings), *leads.lead(findings)])


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("why did cost rise last week?", "Cost rose by 88%, from $66.38 (16-22 June 2025)"),
        ("what made translation dearer? why the cost?", "Cost of translation did not rise"),
        ("how slow is support chat?", "Since 11 June 2025 support_chat on beacon-pro takes"),
        ("is translation slower?", "Nothing of translation became clearly slower"),
        ("how many calls failed?", "769 of 20,220 calls failed (3.8%), and cost $31.53."),
        ("give me an overview", "20,220 calls cost $567.79 on 5 May to 29 June 2025"),
        ("how much does u_031 cost?", "calls of u_031 cost"),
        ("which model should the summaries use?", "Use atlas-small for ticket_summaries"),
        ("what can we save?", "You can save about $194.34 a month"),
    ],
)
def test_each_question_gets_its_own_first_sentence(
    investigate: Investigate, question: str, first: str
) -> None:
    assert first in told(investigate(question)).splitlines()[0]


def test_the_reasons_of_a_rise_follow_with_the_storm(investigate: Investigate) -> None:
    text = told(investigate("why did cost rise last week?"))
    assert "ticket_summaries rose by $33.81 (58% of the whole change)" in text
    assert "retry storm of 25 June 2025" in text


def test_a_storm_is_no_reason_in_another_week(investigate: Investigate) -> None:
    assert "retry storm" not in told(investigate("why did cost rise on 2025-06-11?"))


def test_the_storm_of_many_is_not_told_as_one_users(investigate: Investigate) -> None:
    assert "A part of them is the retry storm" in told(investigate("cost rise of u_031?"))
    assert "retry storm" not in told(investigate("cost rise of u_001?"))


def test_an_unknown_feature_is_told_with_what_there_is(investigate: Investigate) -> None:
    text = told(investigate("why is `voice_bot` so expensive?"))
    assert "There is no voice_bot in this data" in text
    assert "ticket_summaries and translation" in text
    assert "For all of the data together" in text


def test_a_day_outside_is_told(investigate: Investigate) -> None:
    assert "20 July 2025 cannot be compared" in told(investigate("cost rise on 2025-07-20?"))


def test_the_feature_that_shares_a_model_and_did_not_slow_is_named(
    investigate: Investigate,
) -> None:
    assert "code_assistant and contract_review on the same model" in told(investigate("slower?"))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("why did cost rise?", "one day only"), ("why so slow?", "no latency column"),
        ("how many errors?", "no status column"), ("which model?", "Keep m for f"),
        ("what can we save?", "proves no saving"), ("overview", "1 call cost $0.50"),
    ],
)  # fmt: skip
def test_one_bare_row_is_answered_honestly(
    investigate: Investigate, question: str, answer: str
) -> None:
    assert answer in told(investigate(question, f"{HEADER}\n2025-06-25,f,m,1,2,0.5"))


def test_cost_from_nothing_has_no_percentage(investigate: Investigate) -> None:
    rows = "2025-06-25,f,m,1,2,0\n2025-06-26T23:00,f,m,1,2,1"
    assert "was nothing on 25 June" in told(investigate("cost rise?", f"{HEADER}\n{rows}"))


def test_an_even_cost_is_not_called_a_rise(investigate: Investigate) -> None:
    rows = "\n".join(f"2025-06-{day}T23:00,f,m,1,2,1" for day in range(10, 24))
    assert "hardly changed" in told(investigate("why did cost rise?", f"{HEADER}\n{rows}"))
