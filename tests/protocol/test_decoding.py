import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.errors import ClientError, InvalidField, InvalidJSON, MessageTooLarge
from netra_actors.protocol.answers import encode_error, encode_rpc_error
from netra_actors.protocol.command_types import Ack, Cursor, Ping, SendMessage, StopAgent
from netra_actors.protocol.decoding import (
    MAX_DEPTH,
    Decoded,
    decode_command,
    digest_of,
    parse_cursor,
)


def _decode(value: Any) -> Decoded:
    return decode_command(json.dumps(value), user_id="u_1")


def _refuse(frame: str | bytes, **more: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        decode_command(frame, user_id="u_1", **more)
    return caught.value


def test_the_two_forms_mean_the_same() -> None:
    flat = _decode({"type": "chat", "text": "Why?", "message_id": "m1"})
    full = _decode({"type": "user_message", "payload": {"content": "Why?"}, "message_id": "m2"})
    assert flat.command == SendMessage(content="Why?", message_id="m1")
    assert (flat.re, full.re) == ("chat", "user_message")
    assert flat.digest == full.digest
    assert flat.wants_answer


@pytest.mark.parametrize(
    "other",
    [
        {"content": "Why"},
        {"content": "Why?", "thread_id": "t"},
        {"content": "Why?", "priority": "low"},
        {"content": "Why?", "attachments": ["f"]},
    ],
)
def test_other_content_has_another_digest(other: dict[str, Any]) -> None:
    assert (
        _decode({"type": "chat", "content": "Why?"}).digest
        != _decode({"type": "chat", **other}).digest
    )


def test_a_digest_knows_the_type_and_never_changes() -> None:
    assert digest_of(Ack(seq=5)) == digest_of(Ack(seq=5, message_id="m"))
    assert digest_of(Ping()) != digest_of(StopAgent())
    # It is stored with the answer: another release must find the same.
    assert digest_of(SendMessage(content="hi")) == "68c6684b816be95be886230751205adc"


def test_a_frame_is_measured_in_bytes() -> None:
    frame = json.dumps({"type": "ping", "nonce": "€"}, ensure_ascii=False)
    size = len(frame.encode())
    assert decode_command(frame, user_id="u_1", max_bytes=size).command == Ping(nonce="€")
    error = _refuse(frame, max_bytes=size - 1)
    assert isinstance(error, MessageTooLarge)
    assert (error.message_id, error.re, error.is_rpc) == (None, None, False)


def test_a_frame_of_text_that_is_no_unicode_is_refused() -> None:
    assert isinstance(_refuse('{"type":"\ud83d"}'), InvalidJSON)


def test_depth_has_a_bound() -> None:
    def nest(depth: int) -> dict[str, Any]:
        return {"type": "ping", "deep": nest(depth - 1)} if depth > 1 else {"type": "ping"}

    # The innermost value is one level more.
    assert _decode(nest(MAX_DEPTH - 1)).command == Ping()
    error = _refuse(json.dumps({**nest(MAX_DEPTH), "message_id": "m1"}))
    assert isinstance(error, InvalidJSON)
    assert error.message_id == "m1"
    assert isinstance(_refuse("[" * 100_000, max_bytes=200_000), InvalidJSON)
    surrogate = '{"a":"\\ud83d","b":' + "[" * 100_000
    assert isinstance(_refuse(surrogate, max_bytes=200_000), InvalidJSON)


def test_an_error_says_which_command_it_answers() -> None:
    error = _refuse('{"type":"chat","message_id":"m1","payload":{"content":5}}')
    assert (error.message_id, error.re, error.is_rpc, error.rpc_id) == ("m1", "chat", False, None)
    error = _refuse('{"type":"chat","message_id":"m1","payload":{"message_id":"m2"}}')
    assert error.message_id == "m2"


@pytest.mark.parametrize("bad", ['"' + "i" * 129 + '"', "5", '"a\\u0000"', '"\\ud83d"'])
def test_an_error_repeats_only_what_can_be_sent(bad: str) -> None:
    error = _refuse(f'{{"type":{bad},"message_id":{bad}}}')
    assert (error.message_id, error.re) == (None, None)
    rpc = _refuse(f'{{"jsonrpc":"2.0","method":"dance","id":{bad}}}')
    assert rpc.rpc_id == (5 if bad == "5" else None)


def test_json_rpc_requests_are_commands() -> None:
    request = {"jsonrpc": "2.0", "id": 7, "method": "chat", "params": {"text": "a"}}
    decoded = _decode(request)
    assert decoded.command == SendMessage(content="a")
    assert (decoded.is_rpc, decoded.rpc_id, decoded.wants_answer) == (True, 7, True)
    assert decoded.digest == digest_of(SendMessage(content="a"))
    notification = _decode({"jsonrpc": "2.0", "method": "ping"})
    assert (notification.rpc_id, notification.wants_answer) == (None, False)


def test_members_of_a_json_rpc_request_are_no_fields() -> None:
    request = {"jsonrpc": "2.0", "id": 7, "method": "chat", "text": "a", "params": {}}
    error = _refuse(json.dumps(request))
    assert (error.code, error.is_rpc, error.rpc_id) == ("empty_message", True, 7)


@pytest.mark.parametrize("bad", [True, [], {}])
def test_a_json_rpc_id_is_text_or_a_number(bad: object) -> None:
    error = _refuse(json.dumps({"jsonrpc": "2.0", "method": "ping", "id": bad}))
    assert isinstance(error, InvalidField)
    assert (error.field, error.rpc_id) == ("id", None)


def test_cursors_in_a_url_are_read() -> None:
    assert parse_cursor("e_1:x:5") == Cursor("e_1:x", 5)
    assert parse_cursor("none") is None
    for bad in ("", "5", ":5", "e:", "e:-1", "e:5.0", "e:٣", "e:" + "9" * 16, "e" * 129 + ":5"):
        with pytest.raises(InvalidField):
            parse_cursor(bad)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["type", "payload", "content", "message_id", "user_id", "thread_id", "jsonrpc", "method",
     "params", "id", "cursor", "attachments", "run_id", "all", "seq", "limit", "nonce"]
)  # fmt: skip
types = st.sampled_from(["chat", "hello", "stop_agent", "ack", "ping", "2.0", "typing"])
objects = st.dictionaries(names, json_values | types, max_size=5)


def _check_answer(error: ClientError) -> None:
    arguments = (error, error.message_id, error.re, 5)
    assert msgspec.json.decode(encode_error(*arguments))["error"] == error.code
    answer = msgspec.json.decode(encode_rpc_error(error.rpc_id, *arguments))
    assert answer["error"]["data"]["error"] == error.code


@settings(derandomize=True, deadline=None, max_examples=60)
@given(objects, objects)
def test_every_object_is_a_command_or_an_error_that_can_be_sent(
    outer: dict[str, Any], inner: dict[str, Any]
) -> None:
    frame = json.dumps({**outer, "payload": inner})
    try:
        decoded = decode_command(frame, user_id="u_1", max_bytes=100_000)
    except ClientError as error:
        _check_answer(error)
    else:
        assert decoded.digest == digest_of(decoded.command)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.binary(max_size=80) | st.text(st.characters(exclude_categories=[]), max_size=40))
def test_every_frame_is_a_command_or_an_error_that_can_be_sent(frame: str | bytes) -> None:
    try:
        decode_command(frame, user_id="u_1")
    except ClientError as error:
        _check_answer(error)


def test_a_payload_is_an_object() -> None:
    for frame in ('{"type":"ping","payload":[]}', '{"type":"ping","payload":"a"}'):
        assert _refuse(frame).field == "payload"
    assert _decode({"type": "ping", "payload": None}).command == Ping()
