import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.errors import InvalidField
from netra_actors.protocol.text import (
    check_text,
    clean_text,
    cut,
    cut_bytes,
    cut_encoded,
    encoded_size,
    last_bytes,
    split_text,
)

clean = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
anything = st.text(st.characters(exclude_categories=[]))


def test_cutting_counts_characters() -> None:
    assert cut("😀😀😀", 2) == "😀😀"
    assert cut("ab", 2) == "ab"


@settings(derandomize=True, deadline=None)
@given(clean, st.integers(0, 40))
def test_cutting_by_bytes_takes_as_many_whole_characters_as_fit(text: str, size: int) -> None:
    for made, rest in (
        (first := cut_bytes(text, size), text[len(first) : len(first) + 1]),
        (last := last_bytes(text, size), text[: len(text) - len(last)][-1:]),
    ):
        assert len(made.encode()) <= size
        assert not rest or len((made + rest).encode()) > size
    assert text.startswith(first)
    assert text.endswith(last)


@settings(derandomize=True, deadline=None)
@given(anything)
def test_clean_text_can_be_sent_and_stored(text: str) -> None:
    made = clean_text(text)
    check_text(made, "content")
    made.encode()
    assert len(made) == len(text)
    assert clean_text(made) == made


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("a\x00", "payload"),
        ("\udc00", "payload"),
        ({"a": ["b", {"c": "\x00"}]}, "payload.a[1].c"),
        ({"\x00": 1}, "payload"),
    ],
)
def test_bad_text_is_found_wherever_it_is(value: object, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_text(value, "payload")
    assert caught.value.field == field


def test_the_path_of_bad_text_is_cut() -> None:
    with pytest.raises(InvalidField) as caught:
        check_text({"n" * 500: "\x00"}, "payload")
    assert caught.value.field == "payload." + "n" * 192


def test_good_values_pass() -> None:
    check_text({"a": [1, None, True, 1.5, "b"]}, "payload")


@settings(derandomize=True, deadline=None)
@given(clean, st.integers(6, 60))
def test_pieces_fit_and_are_the_text(text: str, size: int) -> None:
    pieces = list(split_text(text, size))
    assert "".join(pieces) == text
    assert all(encoded_size(piece) - 2 <= size for piece in pieces)
    assert text == "" or all(pieces)


def test_pieces_are_few() -> None:
    assert list(split_text("a" * 100, 50)) == ["a" * 50] * 2
    assert list(split_text("")) == [""]
    control = list(split_text("\x01" * 100, 60))
    assert control == ["\x01" * 10] * 10
    assert len(list(split_text("€" * 100_000))) <= 6


@settings(derandomize=True, deadline=None)
@given(clean)
def test_the_size_is_that_of_the_json_that_is_sent(text: str) -> None:
    # Python's own encoder writes the same as a browser's, but for U+007F.
    assert encoded_size(text) == len(json.dumps(text, ensure_ascii=False).encode())


@pytest.mark.parametrize(
    ("text", "limit", "start"),
    [("", 6, ""), ("short", 6, "short"), ("a\n\nb", 6, "a\n\nb"), ("\x01\x01", 6, "\x01")],
)
def test_the_start_of_a_text_is_cut_by_what_json_writes(text: str, limit: int, start: str) -> None:
    assert cut_encoded(text, limit) == start
