"""Every command of the protocol, by every name and in every form, over a real socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import trio

from netra_actors.protocol.commands import ALIASES, COMMANDS
from tests.e2e.harness import Device, Server, connected, dial, make_token

Form = Callable[[dict[str, Any]], dict[str, Any]]


def flat(command: dict[str, Any]) -> dict[str, Any]:
    return command


def nested(command: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in command.items() if name not in {"type", "message_id"}}
    kept: dict[str, Any] = {
        name: command[name] for name in ("type", "message_id") if name in command
    }
    return {**kept, "payload": fields}


FORMS = pytest.mark.parametrize("form", [flat, nested])


async def rpc(device: Device, method: str, **params: Any) -> dict[str, Any]:
    """Send a JSON-RPC request and return its answer."""
    rpc_id = f"rpc-{len(device.seen)}"
    await device.say({"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params})
    answer = await device.until(lambda item: item.get("id") == rpc_id)
    assert answer["jsonrpc"] == "2.0"
    return answer


# --- user_message

NAMES_OF_MESSAGE = ["user_message", *(a for a, name in ALIASES.items() if name == "user_message")]


@FORMS
@pytest.mark.parametrize("name", NAMES_OF_MESSAGE)
async def test_a_message_starts_a_run_by_every_name(
    server: Server, user: str, name: str, form: Form
) -> None:
    async with connected(server, user) as device:
        ok = await device.ask(form({"type": name, "content": "hi", "message_id": "m1"}))
        assert (ok["type"], ok["re"], ok["message_id"]) == ("ok", name, "m1")
        assert ok["thread_id"].startswith("thr_")
        assert ok["run_id"].startswith("run_")
        await device.until("agent_completed", run_id=ok["run_id"])
        kinds = [event["type"] for event in device.events]
        assert kinds[:3] == ["thread_created", "user_message", "agent_started"]
        assert device.seqs == list(range(1, 11))
        assert device.events[1]["payload"]["content"] == "hi"
        assert device.events[-1]["payload"]["final_response"] == "You said 2 letters: hi"
        effect = next(event for event in device.events if event["seq"] == ok["at"])
        assert effect["type"] == "user_message"


@pytest.mark.parametrize("field", ["content", "text", "message", "user_request"])
async def test_the_first_text_that_is_not_empty_is_the_message(
    server: Server, user: str, field: str
) -> None:
    async with connected(server, user) as device:
        command = {"type": "chat", "content": "", "text": "", "message": "", field: "found"}
        await device.say(command)
        said = await device.until("user_message")
        assert said["payload"]["content"] == "found"


async def test_the_payload_wins_over_the_flat_form(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        await device.say({"type": "chat", "content": "outer", "payload": {"content": "inner"}})
        assert (await device.until("user_message"))["payload"]["content"] == "inner"


async def test_a_message_carries_agent_priority_policy_and_attachments(
    server: Server, user: str
) -> None:
    stored = server.call("POST", "/api/files", user=user, files={"file": ("a.csv", b"1,2\n")})
    assert stored.status_code == 201
    async with connected(server, user) as device:
        await device.run(
            "how long?",
            agent="reader",
            priority="high",
            policy="reject",
            attachments=[stored.json()["file_id"]],
        )
        message = next(event for event in device.events if event["type"] == "user_message")
        assert message["payload"]["priority"] == "high"
        assert message["payload"]["policy"] == "reject"
        assert message["payload"]["attachments"][0]["name"] == "a.csv"
        assert device.events[-1]["payload"]["final_response"] == "4 bytes in 1 files"


async def test_a_new_thread_is_called_by_the_first_sixty_characters(
    server: Server, user: str
) -> None:
    async with connected(server, user) as device:
        await device.run("x" * 80)
        assert device.events[0]["payload"]["title"] == "x" * 60


# --- the current thread


async def test_a_message_without_thread_goes_to_the_connections_current_one(
    server: Server, user: str
) -> None:
    async with connected(server, user) as device, connected(server, user) as other:
        first = (await device.run("one"))["thread_id"]
        assert (await device.run("two"))["thread_id"] == first
        assert (await other.run("elsewhere"))["thread_id"] != first
        made = (await device.ask({"type": "create_thread", "title": "New", "message_id": "t"}))[
            "thread"
        ]["thread_id"]
        assert (await device.run("three"))["thread_id"] == first
        await device.ask({"type": "switch_thread", "thread_id": made, "message_id": "s"})
        assert (await device.run("four"))["thread_id"] == made
        assert (await device.run("five", thread_id=first))["thread_id"] == first
        assert (await device.run("six"))["thread_id"] == first


async def test_hello_names_the_current_thread(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        thread_id = (await device.run("one"))["thread_id"]
    async with connected(server, user, hello={"thread_id": thread_id}) as device:
        assert (await device.run("two"))["thread_id"] == thread_id
    async with connected(server, user) as device:
        await device.say({"type": "hello", "thread_id": thread_id})
        assert (await device.run("three"))["thread_id"] == thread_id


# --- stops


@FORMS
@pytest.mark.parametrize("name", ["stop_agent", "cancel"])
@pytest.mark.parametrize("by", ["run_id", "message_id", "thread_id", "all"])
async def test_a_stop_ends_the_run_by_every_name_of_it(
    server: Server, user: str, name: str, by: str, form: Form
) -> None:
    async with connected(server, user, hello={"device": "phone"}) as device:
        asked = {"type": "chat", "content": "go", "agent": "slow", "message_id": "m1"}
        ok = await device.ask(asked)
        await device.until("partial_result")
        which = {"all": True} if by == "all" else {by: ok[by]}
        stopped = await device.ask(form({"type": name, **which}))
        assert stopped["stopped"] == [ok["run_id"]]
        terminal = next(
            (event for event in device.events if event["type"] == "agent_completed"), None
        ) or await device.until("agent_completed")
        assert terminal["payload"]["status"] == "cancelled"
        assert terminal["payload"]["cancelled_by"] == "phone"
        kinds = [event["type"] for event in device.events]
        assert kinds.index("run_cancelling") < kinds.index("tool_completed")
        tool = next(event for event in device.events if event["type"] == "tool_completed")
        assert tool["payload"]["status"] == "cancelled"
        again = await device.ask(form({"type": name, "run_id": ok["run_id"]}))
        assert again["noop"] is True


async def test_a_stop_may_come_before_its_message(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        ok = await device.ask({"type": "stop_agent", "message_id": "later"})
        assert ok["pending"] is True
        asked = {"type": "chat", "content": "go", "agent": "slow", "message_id": "later"}
        await device.say(asked)
        terminal = await device.until("agent_completed")
        assert terminal["payload"]["status"] == "cancelled"
        assert not [event for event in device.events if event["type"] == "tool_executing"]


async def test_a_stop_of_everything_ends_what_waits_too(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        first = await device.ask({
            "type": "chat",
            "content": "go",
            "agent": "slow",
            "message_id": "m1",
        })
        second = await device.ask({
            "type": "chat",
            "content": "go",
            "agent": "slow",
            "message_id": "m2",
        })
        stopped = await device.ask({"type": "stop_agent", "all": True, "message_id": "s"})
        assert stopped["stopped"] == [first["run_id"], second["run_id"]]
        ended = [event for event in device.events if event["type"] == "agent_completed"]
        while len(ended) < 2:
            ended.append(await device.until("agent_completed"))
        assert {event["payload"]["status"] for event in ended} == {"cancelled"}


# --- threads


@FORMS
async def test_threads_are_listed_made_renamed_read_and_deleted(
    server: Server, user: str, form: Form
) -> None:
    async with connected(server, user) as device:
        made = await device.ask(form({"type": "create_thread", "title": "A", "message_id": "c"}))
        thread_id = made["thread"]["thread_id"]
        assert made["thread"]["title"] == "A"
        renamed = await device.ask(
            form({"type": "rename_thread", "thread_id": thread_id, "title": "B"})
        )
        assert renamed["thread"]["title"] == "B"
        listed = await device.ask(form({"type": "list_threads"}))
        assert [(thread["thread_id"], thread["title"]) for thread in listed["threads"]] == [
            (thread_id, "B")
        ]
        assert listed["at"] == 2
        await device.ask(form({"type": "switch_thread", "thread_id": thread_id}))
        for text in ("one", "two"):
            await device.run(text)
        page = await device.ask(
            form({"type": "get_thread_history", "thread_id": thread_id, "limit": 2})
        )
        assert [message["role"] for message in page["messages"]] == ["user", "agent"]
        assert page["messages"][0]["content"] == "two"
        older = await device.ask(
            form({
                "type": "get_thread_history",
                "thread_id": thread_id,
                "limit": 50,
                "before": page["messages"][0]["message_id"],
            })
        )
        assert older["messages"][0]["content"] == "one"
        assert len(older["messages"]) == 2
        await device.ask(form({"type": "delete_thread", "thread_id": thread_id}))
        await device.quiet()
        assert (await device.ask(form({"type": "list_threads"})))["threads"] == []
        kinds = [event["type"] for event in device.events]
        assert (kinds[0], kinds[1], kinds[-1]) == (
            "thread_created", "thread_renamed", "thread_deleted",
        )  # fmt: skip


async def test_a_deleted_thread_takes_its_run_with_it(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        ok = await device.ask({
            "type": "chat",
            "content": "go",
            "agent": "slow",
            "message_id": "m1",
        })
        await device.say({"type": "delete_thread", "thread_id": ok["thread_id"]})
        await device.until("thread_deleted")
        kinds = [event["type"] for event in device.events]
        assert kinds.index("agent_completed") < kinds.index("thread_deleted")


# --- what is not in the log


@FORMS
@pytest.mark.parametrize(
    ("name", "is_typing"),
    [("typing", True), ("user_typing", True), ("typing_started", True), ("typing_stopped", False)],
)
async def test_typing_goes_to_the_users_other_connections_alone(
    server: Server, user: str, name: str, is_typing: bool, form: Form
) -> None:
    async with (
        connected(server, user, hello={"device": "phone"}) as device,
        connected(server, user) as other,
        connected(server, f"not-{user}") as stranger,
    ):
        command: dict[str, Any] = {"type": name, "thread_id": "thr_x"}
        if name == "typing":
            command["is_typing"] = is_typing
        await device.say(form(command))
        told = await other.until("typing_indicator")
        assert told == {
            "type": "typing_indicator",
            "thread_id": "thr_x",
            "who": "phone",
            "is_typing": is_typing,
        }
        assert await device.quiet() == []
        assert await stranger.quiet() == []


async def test_typing_ends_when_the_connection_does(server: Server, user: str) -> None:
    async with connected(server, user) as other:
        async with connected(server, user, hello={"device": "phone"}) as device:
            await device.say({"type": "typing", "thread_id": "thr_x", "is_typing": True})
            await other.until("typing_indicator", is_typing=True)
        assert (await other.until("typing_indicator"))["is_typing"] is False


@FORMS
async def test_ping_says_where_the_log_and_the_connection_are(
    server: Server, user: str, form: Form
) -> None:
    async with connected(server, user) as device:
        await device.run("hi")
        await device.say(form({"type": "ping", "nonce": "n1"}))
        assert await device.until("pong") == {
            "type": "pong", "nonce": "n1", "head": 10, "sent": 10,
        }  # fmt: skip
        await device.say({"type": "ping"})
        assert (await device.until("pong"))["nonce"] is None


@FORMS
async def test_auth_puts_a_fresh_token_in_place(server: Server, user: str, form: Form) -> None:
    async with connected(server, user) as device:
        token = make_token(user, life_s=120)
        ok = await device.ask(form({"type": "auth", "token": token, "message_id": "a"}))
        assert 100 < ok["expires_in_s"] <= 120
        told = await device.until("token_expiring") if ok["expires_in_s"] < 60 else None
        assert told is None


@FORMS
async def test_resync_replays_what_follows(server: Server, user: str, form: Form) -> None:
    async with connected(server, user) as device:
        await device.run("hi")
        before = list(device.lines)
        await device.say(form({"type": "resync", "from": 2}))
        await device.until("replay_end", seq=10)
        # Neighbouring pieces of text come as one.
        again = [json.loads(line) for line in device.lines[len(before) :]]
        assert [event["seq"] for event in again] == [3, 4, 5, 6, 9, 10]
        assert again[4]["seq_from"] == 7
        assert again[4]["payload"]["content"] == "You said 2 letters: "
        assert device.lines[len(before)] == before[2]
        await device.run("more")
        assert device.seqs[-9:] == list(range(11, 20))


async def test_a_later_hello_is_a_resync_from_its_cursor(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        epoch = device.seen[0]["epoch"]
        await device.run("hi")
        await device.say({"type": "hello", "cursor": {"epoch": epoch, "seq": 8}})
        await device.until("replay_end", seq=10)
        assert device.seqs[-2:] == [9, 10]
        await device.say({"type": "hello", "cursor": {"epoch": "another", "seq": 8}})
        assert (await device.until("snapshot"))["at"] == 10
        await device.until("replay_end", seq=10)


@FORMS
async def test_an_ack_says_nothing(server: Server, user: str, form: Form) -> None:
    async with connected(server, user) as device:
        await device.run("hi")
        await device.say(form({"type": "ack", "seq": 10}))
        assert await device.quiet() == []


# --- JSON-RPC

RPC: dict[str, dict[str, Any]] = {
    "hello": {},
    "user_message": {"content": "hi"},
    "stop_agent": {"all": True},
    "list_threads": {},
    "create_thread": {"title": "T"},
    "rename_thread": {"title": "U"},
    "delete_thread": {},
    "switch_thread": {},
    "get_thread_history": {},
    "typing": {},
    "ack": {"seq": 0},
    "resync": {"from": 0},
    "auth": {},
    "ping": {"nonce": 7},
}
NEEDS_THREAD = {"rename_thread", "delete_thread", "switch_thread", "get_thread_history", "typing"}


def test_every_command_is_tried_as_json_rpc() -> None:
    assert RPC.keys() == COMMANDS.keys()


@pytest.mark.parametrize("method", [*RPC, *ALIASES])
async def test_every_command_is_answered_as_json_rpc(
    server: Server, user: str, method: str
) -> None:
    canonical = ALIASES.get(method, method)
    async with connected(server, user) as device:
        made = await rpc(device, "create_thread", title="T")
        params = dict(RPC[canonical])
        if canonical in NEEDS_THREAD:
            params["thread_id"] = made["result"]["thread"]["thread_id"]
        if canonical == "auth":
            params["token"] = make_token(user)
        answer = await rpc(device, method, **params)
        result = answer["result"]
        if canonical == "ping":
            assert (result["type"], result["nonce"]) == ("pong", 7)
        else:
            assert (result["type"], result["re"]) == ("ok", method)
            assert isinstance(result["at"], int)


async def test_a_first_hello_may_be_json_rpc(server: Server, user: str) -> None:
    async with dial(server.port, token=make_token(user)) as device:
        await device.say({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {}})
        await device.until("replay_end")
        assert (await device.hear())["result"]["re"] == "hello"


async def test_json_rpc_errors_have_its_numbers_and_our_codes(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        unknown = await rpc(device, "explode")
        assert unknown["error"]["code"] == -32601
        assert unknown["error"]["data"]["error"] == "unknown_type"
        wrong = await rpc(device, "ack", seq="many")
        assert wrong["error"]["code"] == -32602
        missing = await rpc(device, "switch_thread", thread_id="thr_none")
        assert missing["error"]["code"] == -32000
        assert missing["error"]["data"]["error"] == "not_found"


async def test_a_notification_is_executed_and_never_answered(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        notification = {"jsonrpc": "2.0", "method": "create_thread", "params": {"title": "N"}}
        await device.say(notification)
        await device.until("thread_created")
        await device.say({**notification, "method": "switch_thread", "params": {"thread_id": "x"}})
        await device.say({**notification, "method": "ping", "params": {}})
        assert await device.quiet() == []


# --- idempotency

KEYED = [
    {"type": "user_message", "content": "once"},
    {"type": "create_thread", "title": "once"},
]


@pytest.mark.parametrize("command", KEYED, ids=lambda command: str(command["type"]))
async def test_the_same_command_again_gets_its_first_answer(
    server: Server, user: str, command: dict[str, Any]
) -> None:
    async with connected(server, user) as device, connected(server, user) as other:
        keyed = {**command, "message_id": "m1"}
        first = await device.ask(keyed)
        for again in (await device.ask(keyed), await other.ask(nested(keyed))):
            assert again.pop("duplicate") is True
            assert again == first
        await device.quiet()
        counts = [event["type"] for event in device.events]
        assert counts.count("thread_created") == 1


async def test_the_same_id_with_other_content_is_a_conflict(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        await device.ask({"type": "chat", "content": "once", "message_id": "m1"})
        error = await device.ask({"type": "chat", "content": "twice", "message_id": "m1"})
        assert (error["error"], error["message_id"]) == ("conflict", "m1")


async def test_repeats_that_race_start_one_run(server: Server, user: str) -> None:
    async with connected(server, user) as one, connected(server, user) as two:
        command = {"type": "chat", "content": "once", "message_id": "m1"}
        async with trio.open_nursery() as nursery:
            for device in (one, two):
                nursery.start_soon(device.say, command)
                nursery.start_soon(device.say, command)
        answers = [await device.until("ok") for device in (one, two) for _ in range(2)]
        assert len({answer["run_id"] for answer in answers}) == 1
        assert [bool(answer.get("duplicate")) for answer in answers].count(False) == 1
        listed = await one.ask({"type": "list_threads"})
        assert len(listed["threads"]) == 1


# --- policies


async def test_enqueue_waits_and_says_where(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        first = await device.ask({
            "type": "chat",
            "content": "1",
            "agent": "slow",
            "message_id": "m1",
        })
        second = await device.ask({"type": "chat", "content": "hi", "message_id": "m2"})
        queued = next(
            (event for event in device.events if event["type"] == "run_queued"), None
        ) or await device.until("run_queued")
        assert queued["run_id"] == second["run_id"]
        assert queued["payload"] == {"place": 1}
        await device.until("agent_completed", run_id=second["run_id"])
        ended = [e["run_id"] for e in device.events if e["type"] == "agent_completed"]
        assert ended == [first["run_id"], second["run_id"]]


async def test_reject_leaves_nothing_in_the_log(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        first = await device.ask({
            "type": "chat",
            "content": "go",
            "agent": "slow",
            "message_id": "m1",
        })
        error = await device.ask({
            "type": "chat",
            "content": "no",
            "policy": "reject",
            "message_id": "m2",
        })
        assert (error["error"], error["run_id"]) == ("conflict", first["run_id"])
        await device.ask({"type": "stop_agent", "all": True, "message_id": "s"})
        await device.quiet()
        assert [e["type"] for e in device.events].count("user_message") == 1


async def test_interrupt_supersedes_in_order(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        first = await device.ask({
            "type": "chat",
            "content": "go",
            "agent": "slow",
            "message_id": "m1",
        })
        await device.until("tool_executing")
        second = await device.run("hi", policy="interrupt", message_id="m2")
        steps = [
            (event["type"], event["run_id"] == first["run_id"])
            for event in device.events
            if event["type"] in {"user_message", "run_superseded", "agent_completed"}
        ]
        assert steps == [
            ("user_message", True),
            ("user_message", False),
            ("run_superseded", True),
            ("agent_completed", True),
            ("agent_completed", False),
        ]
        superseded = next(e for e in device.events if e["type"] == "run_superseded")
        assert superseded["payload"] == {"by": "m2"}
        ended = [e for e in device.events if e["type"] == "agent_completed"]
        assert ended[0]["payload"]["cancelled_by"] == "superseded"
        assert ended[1]["run_id"] == second["run_id"]
