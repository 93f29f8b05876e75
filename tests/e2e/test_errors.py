"""Every code of the protocol's table of errors, and what an error does not do."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import pytest
import trio

from netra_actors import errors
from tests.e2e.harness import Server, connected, dial, make_token, start_server

Provoke: TypeAlias = Callable[[Server, str], Awaitable[dict[str, Any]]]
PROVOKED: dict[str, Provoke] = {}
"""What provokes each code over a socket."""
ELSEWHERE = {
    "forbidden": "tests/e2e/test_connecting.py: an origin that is not allowed",
    "unauthorized": "tests/e2e/test_connecting.py: every way to fail",
}
"""Codes that no command is answered with: they come before there is a connection."""


def provokes(code: str) -> Callable[[Provoke], Provoke]:
    def note(provoke: Provoke) -> Provoke:
        PROVOKED[code] = provoke
        return provoke

    return note


async def answer_to(server: Server, user: str, frame: Any) -> dict[str, Any]:
    async with connected(server, user) as device:
        await device.say(frame)
        return await device.until("error")


@provokes("invalid_json")
async def _invalid_json(server: Server, user: str) -> dict[str, Any]:
    return await answer_to(server, user, "{not json")


@provokes("unknown_type")
async def _unknown_type(server: Server, user: str) -> dict[str, Any]:
    return await answer_to(server, user, {"type": "explode", "message_id": "m1"})


@provokes("invalid_field")
async def _invalid_field(server: Server, user: str) -> dict[str, Any]:
    return await answer_to(server, user, {"type": "ack", "seq": "many", "message_id": "m1"})


@provokes("empty_message")
async def _empty_message(server: Server, user: str) -> dict[str, Any]:
    return await answer_to(server, user, {"type": "chat", "content": " \n", "message_id": "m1"})


@provokes("forbidden_user")
async def _forbidden_user(server: Server, user: str) -> dict[str, Any]:
    command = {"type": "chat", "content": "hi", "user_id": "somebody", "message_id": "m1"}
    return await answer_to(server, user, command)


@provokes("not_found")
async def _not_found(server: Server, user: str) -> dict[str, Any]:
    command = {"type": "switch_thread", "thread_id": "thr_none", "message_id": "m1"}
    return await answer_to(server, user, command)


@provokes("conflict")
async def _conflict(server: Server, user: str) -> dict[str, Any]:
    async with connected(server, user) as device:
        await device.ask({"type": "chat", "content": "one", "message_id": "m1"})
        return await device.ask({"type": "chat", "content": "two", "message_id": "m1"})


@provokes("queue_full")
async def _queue_full(server: Server, user: str) -> dict[str, Any]:
    async with connected(server, user) as device:
        for number in range(4):
            command = {"type": "chat", "content": "go", "agent": "slow", "message_id": f"{number}"}
            answer = await device.ask(command)
        await device.say({"type": "stop_agent", "all": True})
        await device.until("ok")
        return answer


@provokes("message_too_large")
async def _message_too_large(server: Server, user: str) -> dict[str, Any]:
    return await answer_to(server, user, {"type": "chat", "content": "x" * 8192})


@provokes("rate_limited")
async def _rate_limited(server: Server, user: str) -> dict[str, Any]:
    async with connected(server, user, token=make_token(user, plan="free")) as device:
        for number in range(3):
            answer = await device.ask({"type": "chat", "content": "hi", "message_id": f"{number}"})
        return answer


@provokes("quota_exceeded")
async def _quota_exceeded(server: Server, user: str) -> dict[str, Any]:
    token = make_token(user, plan="early")
    async with (
        connected(server, user, token=token),
        connected(server, user, token=token),
        dial(server.port, token=token, query="cursor=none") as third,
    ):
        return await third.until("error")


@provokes("busy")
async def _busy(server: Server, user: str) -> dict[str, Any]:
    """A session that takes longer over a command than the others take to come."""
    async with connected(server, user) as device:
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(device.say, {"type": "list_threads"})
        return await device.until("error", error="busy")


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service whose mailboxes hold two commands."""
    child = start_server(tmp_path_factory.mktemp("narrow"), NETRA_MAILBOX_CAPACITY="2")
    yield child
    child.kill()


def _codes() -> set[str]:
    found: set[str] = set()
    kinds = [errors.ClientError]
    while kinds:
        kind = kinds.pop()
        found.add(kind.code)
        kinds += kind.__subclasses__()
    return found


def test_every_code_is_provoked() -> None:
    unreachable = {"unavailable"}  # tests/e2e/test_outage.py
    assert PROVOKED.keys() | ELSEWHERE.keys() | unreachable == _codes()


@pytest.mark.parametrize("code", sorted(PROVOKED))
async def test_every_code_comes_with_what_an_error_says(
    quick: Server, user: str, code: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("narrow") if code == "busy" else quick
    error = await PROVOKED[code](server, user)
    assert error["type"] == "error"
    assert error["error"] == code
    assert error["message"]
    assert error["recovery"]
    assert isinstance(error["recoverable"], bool)
    assert error["timestamp"] > 1_700_000_000_000
    if code in {"rate_limited", "quota_exceeded"}:
        assert error["retry_after_s"] > 0


@pytest.mark.parametrize(
    ("frame", "code", "field"),
    [
        (b'\xff{"type":"ping"}', "invalid_json", None),
        ("[]", "invalid_json", None),
        ('"ping"', "invalid_json", None),
        ("", "invalid_json", None),
        ('{"type":"ping"}{"type":"ping"}', "invalid_json", None),
        ('{"a":' * 40 + "1" + "}" * 40, "invalid_json", None),
        ("[" * 4000, "invalid_json", None),
        ("{}", "invalid_field", "type"),
        ('{"type":7}', "invalid_field", "type"),
        ('{"type":"explode"}', "unknown_type", "type"),
        ('{"type":"chat"}', "empty_message", None),
        ('{"type":"chat","content":7}', "invalid_field", "content"),
        ('{"type":"chat","payload":{"content":7}}', "invalid_field", "payload.content"),
        ('{"type":"chat","content":"a\\u0000b"}', "invalid_field", "content"),
        ('{"type":"chat","content":"\\ud800"}', "invalid_field", "content"),
        ('{"type":"chat","content":"x","priority":"urgent"}', "invalid_field", "priority"),
        ('{"type":"chat","content":"x","policy":"maybe"}', "invalid_field", "policy"),
        ('{"type":"chat","content":"x","message_id":""}', "invalid_field", "message_id"),
        ('{"type":"chat","content":"x","agent":"nobody"}', "not_found", "agent"),
        ('{"type":"chat","content":"x","attachments":["file_none"]}', "not_found", "attachments"),
        ('{"type":"chat","payload":{"content":"x","user_id":"b"}}', "forbidden_user", None),
        ('{"type":"stop_agent"}', "invalid_field", None),
        ('{"type":"stop_agent","run_id":"run_none"}', "not_found", "run_id"),
        ('{"type":"stop_agent","thread_id":"thr_none"}', "not_found", "thread_id"),
        ('{"type":"get_thread_history","thread_id":"x","limit":0}', "invalid_field", "limit"),
        ('{"type":"ack","seq":-1}', "invalid_field", "seq"),
        ('{"type":"ack","seq":999}', "invalid_field", "seq"),
        ('{"type":"resync","from":999}', "invalid_field", "from"),
        ('{"type":"resync"}', "invalid_field", "from"),
        ('{"type":"auth","token":"no"}', "unauthorized", None),
        ('{"type":"hello","cursor":"none"}', "invalid_field", "cursor"),
    ],
)
async def test_every_bad_frame_has_a_code_and_the_socket_stays(
    server: Server, user: str, frame: str | bytes, code: str, field: str | None
) -> None:
    async with connected(server, user) as device:
        await device.say(frame)
        error = await device.hear()
        assert (error["type"], error["error"]) == ("error", code)
        if field is not None:
            assert error["field"] == field
        assert await device.quiet() == []


async def test_an_error_says_what_it_answers(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        error = await device.ask({"type": "chat", "content": "", "message_id": "m1"})
        assert (error["message_id"], error["re"]) == ("m1", "chat")


@pytest.mark.parametrize("name", ["thread", "run"])
@pytest.mark.parametrize("reach", ["message", "switch", "history", "delete", "rename", "stop"])
async def test_what_is_another_users_does_not_exist(
    server: Server, user: str, name: str, reach: str
) -> None:
    victim = f"victim-of-{user}"
    async with connected(server, victim) as owner, connected(server, user) as thief:
        ok = await owner.ask({
            "type": "chat",
            "content": "5",
            "agent": "slow",
            "message_id": f"m-{user}",
        })
        thread_id = ok["thread_id"]
        commands: dict[str, dict[str, Any]] = {
            "message": {"type": "chat", "content": "mine?", "thread_id": thread_id},
            "switch": {"type": "switch_thread", "thread_id": thread_id},
            "history": {"type": "get_thread_history", "thread_id": thread_id},
            "delete": {"type": "delete_thread", "thread_id": thread_id},
            "rename": {"type": "rename_thread", "thread_id": thread_id, "title": "stolen"},
            "stop": {"type": "stop_agent", "thread_id": thread_id},
        }
        command = commands[reach]
        if name == "run":
            command = {"type": "stop_agent", "run_id": ok["run_id"]}
        theirs = await thief.ask({**command, "message_id": "a"})
        nobodys = {**command, "message_id": "b"}
        for field in ("thread_id", "run_id"):
            if field in nobodys:
                nobodys[field] = "thr_none"
        unknown = await thief.ask(nobodys)
        assert theirs["error"] == unknown["error"] == "not_found"
        assert theirs["message"].replace(thread_id, "").replace(ok["run_id"], "") == (
            unknown["message"].replace("thr_none", "")
        )
        stopped = await thief.ask({"type": "stop_agent", "all": True, "message_id": "c"})
        assert stopped["noop"] is True
        assert thief.events == []
        await owner.say({"type": "stop_agent", "all": True})
        assert (await owner.until("agent_completed"))["payload"]["status"] == "cancelled"


async def test_ids_of_one_user_mean_nothing_to_another(server: Server, user: str) -> None:
    """The same message_id of two users is two messages; a stop by it reaches its own alone."""
    async with connected(server, user) as one, connected(server, f"other-{user}") as two:
        command = {"type": "chat", "content": "go", "agent": "slow", "message_id": "same"}
        first, second = await one.ask(command), await two.ask(command)
        assert first["run_id"] != second["run_id"]
        assert "duplicate" not in second
        await one.say({"type": "stop_agent", "message_id": "same"})
        await one.until("agent_completed")
        assert not [e for e in two.events if e["type"] == "agent_completed"]
        await two.quiet()
        assert not [e for e in two.events if e["type"] == "agent_completed"]
        await two.say({"type": "stop_agent", "all": True})
        await two.until("agent_completed")


# --- what errors do not do, and what a hundred do


async def test_a_hundred_errors_in_a_row_close_4029(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        for _ in range(100):
            await device.say("{")
        assert await device.end_code() == 4029
        errors_seen = [item for item in device.seen if item["type"] == "error"]
        assert len(errors_seen) == 100


async def test_errors_with_a_success_between_them_close_nothing(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        for _ in range(3):
            for _ in range(60):
                await device.say("{")
            await device.say({"type": "stop_agent", "all": True})
            await device.until("ok")


async def test_notifications_that_fail_count_as_well(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        for _ in range(100):
            await device.say(json.dumps({"jsonrpc": "2.0", "method": "ack", "params": {"seq": 9}}))
        assert await device.end_code() == 4029


async def test_a_frame_of_exactly_the_limit_passes_and_one_byte_more_does_not(
    server: Server, user: str
) -> None:
    frame = json.dumps({"type": "chat", "content": ""})
    async with connected(server, user) as device:
        fill = 8192 - len(frame)
        await device.say(frame.replace('""', f'"{"x" * fill}"'))
        assert len((await device.until("user_message"))["payload"]["content"]) == fill
        await device.until("agent_completed")
        await device.say(frame.replace('""', f'"{"x" * (fill + 1)}"'))
        assert (await device.until("error"))["error"] == "message_too_large"
        await device.say(frame.replace('""', f'"{"ä" * (fill // 2 + 1)}"'))
        assert (await device.until("error"))["error"] == "message_too_large"
        assert await device.quiet() == []


async def test_a_frame_over_64_kib_closes_4413(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        await device.say("x" * 65536)
        assert (await device.until("error"))["error"] == "message_too_large"
        await device.say("x" * 65537)
        assert await device.end_code() == 4413


async def test_a_flood_of_commands_is_slowed_and_a_stop_never_is(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        ok = await device.ask({"type": "chat", "content": "5", "agent": "slow", "message_id": "m"})
        for number in range(80):
            await device.say({"type": "ping", "nonce": number})
        stopped = await device.ask({
            "type": "stop_agent",
            "run_id": ok["run_id"],
            "message_id": "s",
        })
        assert stopped["stopped"] == [ok["run_id"]]
        limited = [item for item in device.seen if item.get("error") == "rate_limited"]
        assert 1 <= len(limited) <= 25
        assert all(item["re"] == "ping" and item["retry_after_s"] > 0 for item in limited)


async def test_acks_are_free(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        for _ in range(300):
            await device.say({"type": "ack", "seq": 0})
        assert await device.quiet() == []
