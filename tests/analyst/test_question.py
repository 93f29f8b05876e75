import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.periods import whole_days
from netra_actors.analyst.question import Intent, Question, intent_of, understand
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import iso


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("why did cost rise last week?", Intent.COST_RISE),
        ("Why is our bill so high?", Intent.COST_RISE),
        ("did spending go up?", Intent.COST_RISE),
        ("which model should the summaries use?", Intent.MODEL_CHOICE),
        ("Can we use a smaller model?", Intent.MODEL_CHOICE),
        ("compare atlas-large and atlas-small", Intent.MODEL_CHOICE),
        ("what can we save?", Intent.SAVINGS),
        ("How do we reduce cost?", Intent.SAVINGS),
        ("where do we waste money", Intent.SAVINGS),
        ("since when is support chat slower?", Intent.LATENCY),
        ("p95 of the chat?", Intent.LATENCY),
        ("any retry storms?", Intent.ERRORS),
        ("how many calls failed", Intent.ERRORS),
        ("give me an overview", Intent.OVERVIEW),
        ("how much do we spend?", Intent.OVERVIEW),
        ("Hello!", Intent.GREETING),
        ("what can you do?", Intent.GREETING),
        ("What is the capital of France?", Intent.OFF_TOPIC),
        ("", Intent.OFF_TOPIC),
    ],
)
def test_each_question_goes_its_own_way(text: str, intent: Intent) -> None:
    assert intent_of(text) is intent


def ask(sample: Usage, text: str, *, brought_data: bool = False) -> Question:
    return understand(text, sample, whole_days(sample), brought_data=brought_data)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("why did cost rise last week?", "2025-06-23", "2025-06-29"),
        ("why did cost rise?", "2025-06-23", "2025-06-29"),
        ("why did cost rise in the last 3 days", "2025-06-27", "2025-06-29"),
        ("why did cost rise last month", "2025-06-02", "2025-06-29"),
        ("why did cost rise yesterday", "2025-06-29", "2025-06-29"),
        ("why did cost rise on 25 June?", "2025-06-25", "2025-06-25"),
        ("why did cost rise on June 25th, 2025?", "2025-06-25", "2025-06-25"),
        ("why did cost rise on 2025-06-25?", "2025-06-25", "2025-06-25"),
        ("why did cost rise since 23 June?", "2025-06-23", "2025-06-29"),
    ],
)
def test_the_days_in_question_are_those_of_the_data(
    sample: Usage, text: str, first: str, last: str
) -> None:
    comparison = ask(sample, text).comparison
    assert comparison is not None
    assert (iso(comparison.after.first), iso(comparison.after.last)) == (first, last)


def test_a_day_outside_of_the_data_is_told(sample: Usage) -> None:
    question = ask(sample, "why did cost rise on 2025-07-20?")
    assert question.outside is not None
    assert iso(question.outside) == "2025-07-20"
    assert question.comparison is not None


def test_a_day_that_no_calendar_has_is_none(sample: Usage) -> None:
    assert ask(sample, "cost rise on 2025-02-31").outside is None


def test_data_without_words_asks_for_an_overview(sample: Usage) -> None:
    assert ask(sample, "", brought_data=True).intent is Intent.OVERVIEW
    assert ask(sample, "hello", brought_data=True).intent is Intent.OVERVIEW


def test_a_day_without_more_asks_for_its_cost(sample: Usage) -> None:
    assert ask(sample, "what happened on 25 June?").intent is Intent.COST_RISE


def test_the_subject_reads_as_a_part_of_a_sentence(sample: Usage) -> None:
    assert ask(sample, "cost of translation?").about == " of translation"
    assert ask(sample, "cost?").about == ""


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    assert intent_of(text) in Intent
