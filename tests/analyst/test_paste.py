import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.paste import find_table

HEADER = "time,feature,model,input,output,cost"
ROW = "2025-06-25,f,m,1,2,0.5"


def test_a_question_around_a_table_is_told_from_it() -> None:
    paste = find_table(f"Why, oh why?\n\n{HEADER}\n{ROW}\n\nAnd what can we save?")
    assert paste is not None
    assert paste.table == f"{HEADER}\n{ROW}"
    assert paste.first_line == 3
    assert paste.words == "Why, oh why?\nAnd what can we save?"


def test_a_question_right_below_the_table_is_no_row() -> None:
    paste = find_table(f"{HEADER}\n{ROW}\nWhat can we save?")
    assert paste is not None
    assert paste.words == "What can we save?"


def test_a_broken_row_inside_stays_in_the_table() -> None:
    paste = find_table(f"{HEADER}\nbroken\n{ROW}")
    assert paste is not None
    assert paste.table.count("\n") == 2


def test_a_fence_ends_the_table_and_is_no_word() -> None:
    paste = find_table(f"look:\n```csv\n{HEADER}\n{ROW}\n```\nthanks, a, b, c, d, e, f")
    assert paste is not None
    assert paste.table == f"{HEADER}\n{ROW}"
    assert paste.words == "look:\nthanks, a, b, c, d, e, f"


def test_a_header_alone_is_a_table_when_there_is_no_doubt() -> None:
    assert find_table(HEADER) is not None


def test_rows_without_a_header_are_a_table_too() -> None:
    assert find_table(f"{ROW}\n{ROW}") is not None


def test_json_lines_are_a_table() -> None:
    paste = find_table('see\n{"time": 1}\n{"time": 2}\nwhy?')
    assert paste is not None
    assert (paste.first_line, paste.words) == (2, "see\nwhy?")


@pytest.mark.parametrize(
    "message",
    [
        "hello", "Compare cost, latency, status and model", "one, two\nthree, four",
        "I use cost, model and status; why?\nBecause it is dear.", "", "{ look at that }",
    ],
)  # fmt: skip
def test_words_are_no_table(message: str) -> None:
    assert find_table(message) is None


@given(st.text(alphabet=',;\t\n{}"` atimecostmodel', max_size=120))
def test_no_message_breaks_it(message: str) -> None:
    paste = find_table(message)
    assert paste is None or paste.first_line >= 1
