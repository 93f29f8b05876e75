from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.protocol.redaction import HIDDEN, LEFT_OUT, MAX_VALUES, is_secret, redact


@pytest.mark.parametrize(
    "key",
    ["password", "PASSWORD", "db_password", "db-passwd", "accessToken", "access_token", "token",
     "clientSecret", "Authorization", "proxy-authorization", "userCredential", "api_key",
     "apikey", "apiKey", "APIKey", "API_KEY", "x-api-key", "HTTPToken", "auth.token"],
)  # fmt: skip
def test_secret_keys_are_known(key: str) -> None:
    assert is_secret(key)
    assert redact({key: {"deep": "x"}}) == {key: HIDDEN}


@pytest.mark.parametrize(
    "key", ["input_tokens", "tokens", "tokenizer", "secretary", "keys", "key", "passwords", "", "é"]
)
def test_other_keys_are_shown(key: str) -> None:
    assert redact({key: 1}) == {key: 1}


def test_values_are_hidden_at_any_depth_and_strings_are_cut() -> None:
    parameters = {"a": [{"b": ({"token": 5},)}], "c": "x" * 201, "k" * 300: None}
    assert redact(parameters) == {
        "a": [{"b": [{"token": HIDDEN}]}],
        "c": "x" * 200,
        "k" * 200: None,
    }
    assert parameters["a"] == [{"b": ({"token": 5},)}]


def test_what_has_no_json_form_shows_its_type_alone() -> None:
    class Login:
        def __repr__(self) -> str:
            return "Login(password='x')"

    parameters: dict[Any, Any] = {
        1: Login(),
        "b": b"abc",
        "f": float("nan"),
        "n": 2**60,
        "s": {5},
        "t": "\x00",
    }
    shown = redact(parameters)
    assert shown == {
        "1": "<Login>",
        "b": "<3 bytes>",
        "f": "nan",
        "n": str(2**60),
        "s": [5],
        "t": "\ufffd",
    }


def test_cycles_and_floods_end() -> None:
    cycle: dict[str, Any] = {}
    cycle["again"] = cycle
    assert LEFT_OUT in str(redact(cycle))
    flood = redact({"list": list(range(10_000)), "more": 1})
    assert flood["list"][-1] == LEFT_OUT
    assert len(flood["list"]) == MAX_VALUES
    assert flood[LEFT_OUT] == LEFT_OUT
    assert "more" not in flood


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), json_values))
def test_what_is_shown_can_be_sent_and_redacting_twice_changes_nothing(
    parameters: dict[str, Any],
) -> None:
    shown = redact(parameters)
    assert msgspec.json.decode(msgspec.json.encode(shown)) == shown
    assert redact(shown) == shown
