"""The tree of errors: drawn as it is, each with what an error frame has to say."""

import inspect
import re

import pytest

from netra_actors import errors
from netra_actors.errors import ClientError, MailboxFull, NetraError

ALL = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, NetraError)
}
CLIENTS = [value for value in ALL.values() if issubclass(value, ClientError)]


def test_the_drawing_shows_every_error_and_nothing_else() -> None:
    drawing = (errors.__doc__ or "").partition("\n\n")[2].partition("A `ClientError`")[0]
    drawn = {name for name in re.findall(r"\b[A-Z]\w+", drawing) if name in ALL or "Error" in name}
    assert drawn == set(ALL)


@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__)
def test_a_client_s_error_says_what_happened_and_what_to_do(kind: type[ClientError]) -> None:
    error = MailboxFull("alice", 256) if kind is MailboxFull else kind("this went wrong")
    assert re.fullmatch(r"[a-z_]+", error.code)
    assert 400 <= error.http_status <= 503
    assert error.advice == kind.recovery
    assert error.advice.endswith(".")
    assert str(error) == error.message
    assert (error.message_id, error.re, error.is_rpc, error.rpc_id) == (None, None, False, None)


def test_the_codes_and_statuses_are_those_of_the_protocol() -> None:
    table = {(kind.code, kind.http_status) for kind in CLIENTS if kind is not ClientError}
    assert table == {
        ("invalid_json", 400), ("unknown_type", 400), ("invalid_field", 400),
        ("empty_message", 400), ("unauthorized", 401), ("forbidden_user", 403),
        ("forbidden", 403), ("not_found", 404), ("not_found", 410), ("conflict", 409),
        ("queue_full", 409), ("message_too_large", 413), ("rate_limited", 429),
        ("quota_exceeded", 429), ("busy", 503), ("unavailable", 503),
    }  # fmt: skip


def test_facts_come_with_the_error() -> None:
    error = errors.Conflict("no", recovery="Wait.", field="f", retry_after_s=2.0, run_id="run_1")
    assert (error.advice, error.field, error.retry_after_s, error.run_id) == (
        "Wait.", "f", 2.0, "run_1",
    )  # fmt: skip


def test_a_full_mailbox_says_whose_and_how_full() -> None:
    error = MailboxFull("session alice", 256)
    assert (error.actor, error.capacity, error.retry_after_s) == ("session alice", 256, 1.0)
    assert error.code == "busy"
    assert "256" in error.message


def test_a_bad_context_names_the_field() -> None:
    error = errors.InvalidContextError("user_id", "is empty")
    assert (error.field, str(error)) == ("user_id", "user_id is empty")
