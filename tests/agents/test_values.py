"""Values become JSON types, clean text and small pictures, whatever they are."""

from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.agents.values import LEFT_OUT, builtins, clean, describe, describe_all
from netra_actors.protocol.redaction import redact

DIRTY = st.text(st.characters(exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | DIRTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(DIRTY, inner, max_size=4),
    max_leaves=20,
)


class LongText(str):
    """Text of an array library's own kind."""

    __slots__ = ()


class Sizeless:
    def __len__(self) -> int:
        raise ValueError("no size")


@attrs.frozen
class Point:
    x: int
    y: int


class Hidden:
    """Has no JSON form; its repr tells a secret."""

    def __repr__(self) -> str:
        return "password=hunter2"


def test_what_is_clean_already_is_the_same_object() -> None:
    value = {"text": ["a", 1, None, "\u00e9\U0001f600", "\\u0000 as text"]}
    assert clean(value) == value
    plain = {"text": "a"}
    assert clean(plain) is plain


def test_nul_and_half_pairs_are_replaced_in_texts_and_in_keys() -> None:
    dirty = {"a\x00": ["\ud800b", {"c\udfff": "d\x00"}], "n": 1}
    assert builtins(dirty) == {"a\ufffd": ["\ufffdb", {"c\ufffd": "d\ufffd"}], "n": 1}


@given(JSON)
def test_every_json_value_becomes_one_that_can_be_stored(value: Any) -> None:
    body = msgspec.json.encode(builtins(value))
    assert b"\\u0000" not in body.replace(b"\\\\", b"")


def test_objects_with_a_form_keep_it_and_others_become_words() -> None:
    assert builtins(Point(1, 2)) == {"x": 1, "y": 2}
    assert builtins({"at": Hidden(), "of": Sizeless()}) == {"at": "Hidden", "of": "Sizeless"}
    assert builtins({1: "a"}) == {"1": "a"}


def test_subclasses_of_text_keep_their_whole_length() -> None:
    text = LongText("x" * 5_000)
    shown = builtins({"text": text})
    assert shown == {"text": "x" * 5_000}
    assert type(shown["text"]) is str


def test_what_json_cannot_hold_becomes_its_picture() -> None:
    endless: list[Any] = [1]
    endless.append(endless)
    assert builtins(endless)[0] == 1
    assert builtins({(1, 2): 3}) == {"(1, 2)": 3}
    assert builtins(10**5_000) == "int of 16610 bits"


def test_an_object_that_raises_while_it_is_read_becomes_words() -> None:
    class Broken(msgspec.Struct):
        value: int

    broken = Broken(1)
    del broken.value
    assert builtins({"broken": broken}) == {"broken": "Broken"}


def test_a_picture_shows_ten_items_and_says_how_many_there_are() -> None:
    assert describe(list(range(12))) == [*range(10), "... 12 in all"]
    assert describe(tuple(range(10))) == list(range(10))
    assert describe({str(n): n for n in range(20)}) == {str(n): n for n in range(10)}
    assert describe(b"abc") == "bytes of 3"
    assert describe(Hidden()) == "Hidden"


def test_a_picture_ends_however_the_value_is_tied_up() -> None:
    knot: list[Any] = []
    knot.extend([knot] * 10)
    assert len(msgspec.json.encode(describe(knot))) < 60_000
    deep: Any = "bottom"
    for _ in range(5_000):
        deep = [deep]
    assert LEFT_OUT in msgspec.json.encode(describe(deep)).decode()


@pytest.mark.parametrize("letter", ["a", "\x01", "\u6f22", "\U0001f600", "\n"])
def test_any_arguments_fit_an_event(letter: str) -> None:
    row = {f"column {n}": letter * 200 for n in range(10)}
    arguments = {name: [row] * 10 for name in "abcdefgh"}
    assert len(msgspec.json.encode(redact(describe_all(arguments)))) < 60_000


def test_a_secret_stays_hidden_under_a_key_longer_than_what_is_shown() -> None:
    pictured = describe_all({"options": {"x" * 300 + "_password": "hunter2"}})
    assert redact(pictured)["options"] == {"x" * 200: "***"}
