"""What a connection answers, in which form, and how many errors it takes."""

from collections.abc import Mapping
from typing import Any

import attrs
import msgspec
import pytest

from netra_actors.connections.answers import MAX_ERRORS_IN_A_ROW, Answers, carrying
from netra_actors.errors import ClientError, InvalidField, NotFound, RateLimited
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.controls import Pong
from netra_actors.protocol.decoding import Decoded, decode_command
from netra_actors.sessions.directory import Done


@attrs.define(eq=False)
class Desk:
    sent: list[Any] = attrs.field(factory=list)
    ended: list[int] = attrs.field(factory=list)
    codes: list[str] = attrs.field(factory=list)
    answers: Answers = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.answers = Answers(
            send=lambda frame: self.sent.append(msgspec.json.decode(frame)),
            end=self.ended.append,
            wall_clock_ms=lambda: 1_800_000_000_000,
            on_error=self.codes.append,
        )


def command(**fields: Any) -> Decoded:
    return decode_command(msgspec.json.encode(fields), user_id="alice")


PING: Mapping[str, Any] = {"type": "ping", "message_id": "m1"}
REQUEST: Mapping[str, Any] = {"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {}}
NOTIFICATION: Mapping[str, Any] = {"jsonrpc": "2.0", "method": "ping", "params": {}}


def test_an_ok_names_the_command_and_its_fields() -> None:
    desk = Desk()
    desk.answers.accept(command(**PING), Done({"at": 3, "message_id": "other"}))
    assert desk.sent == [{"type": "ok", "message_id": "m1", "re": "ping", "at": 3}]


def test_a_message_id_of_the_service_is_told_to_who_gave_none() -> None:
    desk = Desk()
    desk.answers.accept(command(type="ping"), Done({"message_id": "msg_9"}, duplicate=True))
    assert desk.sent == [{"type": "ok", "message_id": "msg_9", "re": "ping", "duplicate": True}]


def test_an_answer_leaves_what_the_session_stored_alone() -> None:
    desk, done = Desk(), Done({"at": 3, "message_id": "msg_9"})
    desk.answers.accept(command(**PING), done)
    assert done.fields == {"at": 3, "message_id": "msg_9"}


def test_a_request_gets_a_result() -> None:
    desk = Desk()
    desk.answers.accept(command(**REQUEST), Done({"at": 3}))
    (answer,) = desk.sent
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", 7)
    assert answer["result"] == {"type": "ok", "message_id": None, "re": "ping", "at": 3}


def test_a_command_without_ok_is_answered_only_as_a_request() -> None:
    desk = Desk()
    desk.answers.done(command(**PING), at=5)
    desk.answers.done(command(**NOTIFICATION), at=5)
    assert desk.sent == []
    desk.answers.done(command(**REQUEST), at=5)
    assert desk.sent[0]["result"]["at"] == 5


def test_a_control_object_is_wrapped_for_a_request() -> None:
    desk, pong = Desk(), Pong(nonce="n", head=2, sent=1)
    for form in (PING, REQUEST, NOTIFICATION):
        desk.answers.say(command(**form), pong)
    body = {"type": "pong", "nonce": "n", "head": 2, "sent": 1}
    assert desk.sent == [body, {"jsonrpc": "2.0", "id": 7, "result": body}]


def test_an_error_says_what_it_is_about() -> None:
    desk = Desk()
    desk.answers.refuse(command(**PING), NotFound("no such thread"))
    (error,) = desk.sent
    assert error["type"] == "error"
    assert (error["error"], error["message_id"], error["re"]) == ("not_found", "m1", "ping")
    assert error["timestamp"] == 1_800_000_000_000
    assert desk.codes == ["not_found"]


def test_a_requests_error_has_the_number_and_the_code() -> None:
    desk = Desk()
    desk.answers.refuse(command(**REQUEST), InvalidField("no", field="seq"))
    (answer,) = desk.sent
    assert (answer["id"], answer["error"]["code"]) == (7, -32602)
    assert answer["error"]["data"]["error"] == "invalid_field"


def test_a_notifications_error_is_counted_and_not_sent() -> None:
    desk = Desk()
    desk.answers.refuse(command(**NOTIFICATION), NotFound("no"))
    desk.answers.accept(command(**NOTIFICATION), Done({}))
    assert desk.sent == []
    assert desk.codes == ["not_found"]


@pytest.mark.parametrize("is_rpc", [True, False])
def test_a_frame_that_could_not_be_read_is_answered_in_its_form(is_rpc: bool) -> None:
    desk = Desk()
    read = InvalidField("no")
    read.message_id, read.re, read.is_rpc, read.rpc_id = "m1", "ack", is_rpc, 8
    desk.answers.refuse_unread(carrying(read, RateLimited("slow down", retry_after_s=1.0)))
    (answer,) = desk.sent
    error = answer["error"]["data"] if is_rpc else answer
    assert (error["error"], error["message_id"], error["re"]) == ("rate_limited", "m1", "ack")
    assert error["retry_after_s"] == 1.0
    assert answer.get("id") == (8 if is_rpc else None)


def test_a_hundred_errors_in_a_row_end_it() -> None:
    desk = Desk()
    for number in range(MAX_ERRORS_IN_A_ROW):
        assert desk.ended == []
        error: ClientError = NotFound("no")
        if number % 2:
            desk.answers.refuse(command(**PING), error)
        else:
            desk.answers.refuse_unread(error)
    assert desk.ended == [CloseCode.ABUSE]


@pytest.mark.parametrize("success", ["accept", "done", "say"])
def test_any_success_begins_the_count_again(success: str) -> None:
    desk = Desk()
    for _ in range(2):
        for _ in range(MAX_ERRORS_IN_A_ROW - 1):
            desk.answers.refuse(command(**PING), NotFound("no"))
        match success:
            case "accept":
                desk.answers.accept(command(**PING), Done({}))
            case "done":
                desk.answers.done(command(**PING), at=0)
            case _:
                desk.answers.say(command(**PING), Pong(nonce=None, head=0, sent=0))
    assert desk.ended == []
