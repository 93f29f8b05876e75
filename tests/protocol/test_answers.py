from typing import Any

import msgspec

from netra_actors.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidField,
    InvalidJSON,
    RateLimited,
    UnknownType,
)
from netra_actors.protocol.answers import (
    encode_error,
    encode_ok,
    encode_rpc_error,
    encode_rpc_result,
    ok_body,
)


def _error(error: ClientError, **more: Any) -> dict[str, Any]:
    arguments = {"message_id": None, "re": None, "timestamp": 5, **more}
    decoded: dict[str, Any] = msgspec.json.decode(encode_error(error, **arguments))
    return decoded


def test_ok_says_which_command_and_what_came_of_it() -> None:
    fields = {"thread_id": "thr_1", "run_id": "run_1", "at": 7}
    assert encode_ok("chat", "m1", fields) == (
        b'{"type":"ok","message_id":"m1","re":"chat","thread_id":"thr_1","run_id":"run_1","at":7}'
    )
    assert encode_ok("ack", None, {}) == b'{"type":"ok","message_id":null,"re":"ack"}'


def test_a_repeated_answer_says_so() -> None:
    fields = {"at": 7}
    assert ok_body("chat", "m1", fields, duplicate=True)["duplicate"] is True
    assert b'"duplicate":true' in encode_ok("chat", "m1", fields, duplicate=True)
    assert fields == {"at": 7}


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = InvalidField("payload.content must be text", field="payload.content")
    assert _error(error, message_id="m1", re="chat") == {
        "type": "error",
        "error": "invalid_field",
        "message": "payload.content must be text",
        "recovery": "Correct the command and send it again.",
        "recoverable": True,
        "message_id": "m1",
        "re": "chat",
        "field": "payload.content",
        "timestamp": 5,
    }


def test_an_error_carries_what_else_it_knows() -> None:
    assert _error(RateLimited("too many", retry_after_s=1.5))["retry_after_s"] == 1.5
    assert _error(Conflict("busy", run_id="run_1"))["run_id"] == "run_1"
    assert _error(Forbidden("no", recovery="Ask."))["recovery"] == "Ask."
    assert _error(Forbidden("no"))["recoverable"] is False
    assert {"field", "retry_after_s", "run_id"}.isdisjoint(_error(InvalidJSON("bad")))


def test_an_error_that_repeats_bad_text_can_be_sent() -> None:
    assert _error(InvalidField("\udc00", field="a\x00"))["field"] == "a\ufffd"


def test_json_rpc_requests_get_json_rpc_answers() -> None:
    assert msgspec.json.decode(encode_rpc_result(7, {"type": "ok"})) == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {"type": "ok"},
    }
    codes = {}
    for error in (InvalidJSON("a"), UnknownType("b"), InvalidField("c"), Forbidden("d")):
        answer = msgspec.json.decode(encode_rpc_error("x", error, "m1", "chat", 5))
        assert answer["id"] == "x"
        assert answer["error"]["message"] == error.message
        assert answer["error"]["data"] == _error(error, message_id="m1", re="chat")
        codes[error.code] = answer["error"]["code"]
    assert codes == {
        "invalid_json": -32700,
        "unknown_type": -32601,
        "invalid_field": -32602,
        "forbidden": -32000,
    }
