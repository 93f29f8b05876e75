"""What a connection answers, and when it has had enough."""

import json
from typing import Any

import attrs
import pytest

from netra_actors.connections.answers import MAX_ERRORS_IN_A_ROW, Answers, carrying
from netra_actors.errors import ClientError, InvalidField, NotFound, RateLimited
from netra_actors.protocol.controls import Pong
from netra_actors.protocol.decoding import Decoded, decode_command
from netra_actors.sessions.directory import Done


@attrs.define
class Told:
    frames: list[bytes] = attrs.field(factory=list)
    codes: list[int] = attrs.field(factory=list)
    errors: list[str] = attrs.field(factory=list)

    @property
    def last(self) -> Any:
        return json.loads(self.frames[-1])


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def answers(told: Told) -> Answers:
    return Answers(
        send=told.frames.append,
        end=told.codes.append,
        wall_clock_ms=lambda: 7,
        on_error=told.errors.append,
    )


def read(**frame: Any) -> Decoded:
    return decode_command(json.dumps(frame), user_id="alice")


PLAIN = read(type="ping", message_id="m")
REQUEST = read(jsonrpc="2.0", id=5, method="ack", params={"seq": 1})
NOTIFICATION = read(jsonrpc="2.0", method="ack", params={"seq": 1})


def test_an_ok_repeats_type_and_message_id(answers: Answers, told: Told) -> None:
    answers.accept(PLAIN, Done({"at": 3, "message_id": "ignored"}, duplicate=True))
    assert told.last == {"type": "ok", "message_id": "m", "re": "ping", "at": 3, "duplicate": True}


def test_an_ok_names_the_id_that_the_service_made(answers: Answers, told: Told) -> None:
    answers.accept(read(type="chat", content="x"), Done({"message_id": "made", "at": 1}))
    assert told.last["message_id"] == "made"


def test_a_request_gets_a_result_and_a_notification_nothing(answers: Answers, told: Told) -> None:
    answers.accept(NOTIFICATION, Done({"at": 1}))
    answers.done(NOTIFICATION, at=1)
    answers.say(NOTIFICATION, Pong(nonce=None, head=1, sent=1))
    answers.refuse(NOTIFICATION, NotFound("no"))
    assert told.frames == []
    answers.done(REQUEST, at=4)
    assert told.last["result"] == {"type": "ok", "message_id": None, "re": "ack", "at": 4}
    answers.say(REQUEST, Pong(nonce=1, head=2, sent=3))
    assert told.last["result"] == {"type": "pong", "nonce": 1, "head": 2, "sent": 3}
    answers.refuse(REQUEST, NotFound("no"))
    assert told.last["error"]["data"]["error"] == "not_found"


def test_a_plain_command_without_an_ok_is_answered_by_nothing(answers: Answers, told: Told) -> None:
    answers.done(PLAIN, at=1)
    assert told.frames == []


def test_what_could_not_be_read_is_answered_with_what_could(answers: Answers, told: Told) -> None:
    error = InvalidField("no", field="seq")
    error.message_id, error.re = "m", "ack"
    answers.refuse_unread(error)
    assert (told.last["message_id"], told.last["re"], told.last["timestamp"]) == ("m", "ack", 7)
    error.is_rpc, error.rpc_id = True, 9
    answers.refuse_unread(error)
    assert told.last["id"] == 9
    assert told.errors == ["invalid_field"] * 2


def test_a_hundred_errors_in_a_row_are_too_many(answers: Answers, told: Told) -> None:
    refusals = [
        lambda: answers.refuse(PLAIN, NotFound("no")),
        lambda: answers.refuse(NOTIFICATION, NotFound("no")),
        lambda: answers.refuse_unread(ClientError("no")),
    ]
    for number in range(MAX_ERRORS_IN_A_ROW - 1):
        refusals[number % 3]()
    assert told.codes == []
    refusals[0]()
    assert told.codes == [4029]
    assert len(told.errors) == MAX_ERRORS_IN_A_ROW


@pytest.mark.parametrize("success", ["accept", "done", "say"])
def test_any_success_between_them_starts_the_count_anew(
    answers: Answers, told: Told, success: str
) -> None:
    for _ in range(3):
        for _ in range(MAX_ERRORS_IN_A_ROW - 1):
            answers.refuse(PLAIN, NotFound("no"))
        if success == "accept":
            answers.accept(PLAIN, Done({"at": 1}))
        elif success == "done":
            answers.done(PLAIN, at=1)
        else:
            answers.say(PLAIN, Pong(nonce=None, head=1, sent=1))
    assert told.codes == []


def test_a_rate_carries_what_was_read() -> None:
    error = ClientError("no")
    error.message_id, error.re, error.is_rpc, error.rpc_id = "m", "chat", True, 3
    carried = carrying(error, RateLimited("slow down"))
    assert (carried.message_id, carried.re, carried.is_rpc, carried.rpc_id) == (
        "m", "chat", True, 3,
    )  # fmt: skip
