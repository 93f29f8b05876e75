import pytest

from netra_actors.errors import ForbiddenUser, InvalidField
from netra_actors.protocol.events import Priority
from netra_actors.protocol.fields import Fields


def _refusal(fields: Fields, read: str, *arguments: object) -> str:
    with pytest.raises(InvalidField) as caught:
        getattr(fields, read)(*arguments)
    assert caught.value.field is not None
    assert caught.value.message.startswith(caught.value.field)
    return caught.value.message


def test_the_payload_wins_and_null_is_absent() -> None:
    fields = Fields({"a": 1, "b": 2, "c": None}, {"a": 3, "b": None})
    assert [fields.value(name) for name in "abcd"] == [3, 2, None, None]
    assert Fields({"a": 1}, None).value("a") == 1


def test_a_field_is_named_as_it_was_sent() -> None:
    fields = Fields({"a": 1, "b": 2}, {"a": 3})
    assert [fields.path(name) for name in "abc"] == ["payload.a", "b", "payload.c"]
    assert Fields({}, None).path("a") == "a"
    assert Fields({}, {}, "params").path("a") == "params.a"


def test_a_user_id_that_is_not_the_connections_is_refused() -> None:
    Fields({"user_id": "u"}, {"user_id": None}).refuse_other_user("u")
    Fields({}, None).refuse_other_user("u")
    for fields, place in (
        (Fields({"user_id": "v"}, None), "user_id"),
        (Fields({"user_id": "u"}, {"user_id": "v"}), "payload.user_id"),
        (Fields({}, {"user_id": ["u"]}), "payload.user_id"),
    ):
        with pytest.raises(ForbiddenUser) as caught:
            fields.refuse_other_user("u")
        assert caught.value.field == place


def test_texts_and_identifiers_are_bounded() -> None:
    fields = Fields({}, {"a": "x" * 129, "b": 5, "c": " ", "d": "x" * 128})
    assert fields.text("a") == "x" * 129
    assert fields.text("none") is None
    assert fields.id("d") == "x" * 128
    assert fields.id("none") is None
    assert _refusal(fields, "text", "b") == "payload.b must be text"
    assert _refusal(fields, "text", "a", 128) == "payload.a is longer than 128 characters"
    assert _refusal(fields, "id", "a") == "payload.a is longer than 128 characters"
    assert _refusal(fields, "id", "c") == "payload.c is empty"


def test_titles_lose_the_blanks_around_them() -> None:
    fields = Fields({"a": " Costs ", "b": "  ", "c": "t" * 201}, None)
    assert [fields.title(name) for name in ("a", "b", "none")] == ["Costs", None, None]
    assert "longer than 200" in _refusal(fields, "title", "c")


def test_flags_are_true_or_false() -> None:
    fields = Fields({"a": False, "b": 0}, None)
    assert not fields.flag("a", True)
    assert fields.flag("none", True)
    assert _refusal(fields, "flag", "b", True) == "b must be true or false"


def test_whole_numbers_have_bounds() -> None:
    fields = Fields({"a": 5, "b": True, "c": 5.0, "d": -1}, None)
    assert fields.whole("a") == 5
    assert fields.whole("none") is None
    for name in "bcd":
        assert "must be a whole number from 0" in _refusal(fields, "whole", name)
    assert _refusal(fields, "whole", "a", 6, 9) == "a must be a whole number from 6 to 9"


def test_choices_are_closed() -> None:
    fields = Fields({"a": "high", "b": "highest", "c": []}, None)
    assert fields.choice("a", Priority, "normal") == "high"
    assert fields.choice("none", Priority, "normal") == "normal"
    for name in "bc":
        assert "one of low, normal, high" in _refusal(fields, "choice", name, Priority, "low")


def test_a_field_may_be_required() -> None:
    fields = Fields({}, None)
    assert fields.need("a", 0) == 0
    assert _refusal(fields, "need", "a", None) == "a is missing"
