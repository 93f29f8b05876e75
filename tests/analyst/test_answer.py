from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.answer import compose, data_note, introduction, pieces, unreadable
from netra_actors.analyst.findings import Findings
from netra_actors.analyst.loading import load
from netra_actors.analyst.question import Intent
from netra_actors.analyst.reading import UnreadableData
from netra_actors.analyst.source import Source
from netra_actors.analyst.usage import Refusal

Investigate = Callable[..., Findings]
SOURCE = Source(origin="the sample", data=None, words="")
QUESTIONS = [
    "why did cost rise last week?", "which model should the summaries use?", "what can we save?",
    "is anything slower?", "how many errors?", "overview", "why is `voice_bot` so expensive?",
]  # fmt: skip


@given(st.text(max_size=500))
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


def test_a_piece_is_a_sentence_or_a_line() -> None:
    assert pieces("It cost $1.50. Why? Ask.\n- a\n- b") == [
        "It cost $1.50.", " Why?", " Ask.\n", "- a\n", "- b",
    ]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_streams_in_a_readable_number_of_pieces(
    investigate: Investigate, question: str
) -> None:
    answer = compose(investigate(question))
    assert 15 <= len(pieces(answer.text)) <= 60
    assert len(answer.executive_summary) <= 500
    assert answer.recommendations
    assert answer.action_plan


def test_different_questions_have_different_answers(investigate: Investigate) -> None:
    rise, save = (compose(investigate(question)).text for question in QUESTIONS[0:3:2])
    assert rise.splitlines()[0] != save.splitlines()[0]


def test_the_refused_rows_are_shown_with_their_lines(investigate: Investigate) -> None:
    note = data_note(investigate("overview").loaded.summary, ["And a note."])
    assert "7 rows were refused:" in note
    assert "- line 812: input_tokens is not a number: 'three thousand'" in note
    assert note[-2:] == ["- and 2 more", "And a note."]


@pytest.mark.parametrize(
    ("intent", "opening"), [(Intent.GREETING, "Hello!"), (Intent.OFF_TOPIC, "That is not")]
)
def test_small_talk_is_answered_with_what_can_be_asked(intent: Intent, opening: str) -> None:
    answer = introduction(SOURCE, load("the sample", None), intent)
    assert answer.text.startswith(opening)
    assert "- What can we save?" in answer.text
    assert "20,220 calls" in answer.executive_summary


def test_unreadable_data_is_answered_with_what_was_wrong_and_expected() -> None:
    refusals = [Refusal(line, "cost is missing") for line in range(2, 9)]
    answer = unreadable(SOURCE, UnreadableData("every row was refused", refusals))
    assert "every row was refused" in answer.text
    assert "- line 2: cost is missing" in answer.text
    assert "line 7" not in answer.text
    assert "ticket_summaries,atlas-small" in answer.text
    assert len(answer.report["refusals"]) == 7
