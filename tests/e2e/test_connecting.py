"""How a connection begins: who may come in, from where, and what it is told first."""

import base64
import json
from typing import Any

import pytest
import trio

from tests.e2e.harness import (
    Ended,
    Server,
    Stopwatch,
    connected,
    dial,
    make_token,
    refused,
    start_server,
)


def url_safe(token: str) -> str:
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def ticket_of(server: Server, user: str) -> str:
    answer = server.call("POST", "/api/tickets", user=user)
    assert answer.json()["expires_in_s"] == 300
    return str(answer.json()["ticket"])


# --- who: every way to say it


@pytest.mark.parametrize("way", ["header", "ticket", "hello"])
async def test_a_user_is_known_by(server: Server, user: str, way: str) -> None:
    token = make_token(user, plan="early")
    query = f"ticket={ticket_of(server, user)}" if way == "ticket" else ""
    async with dial(server.port, query=query, token=token if way == "header" else None) as device:
        await device.say({"type": "hello", **({"token": token} if way == "hello" else {})})
        welcome = await device.hear()
        assert (welcome["type"], welcome["user_id"]) == ("welcome", user)
        assert welcome["plan"] == ("mid" if way == "ticket" else "early")


@pytest.mark.parametrize("prefix", ["jwt.", "jwt-auth.", "bearer."])
@pytest.mark.parametrize("encoded", [False, True], ids=["raw", "base64url"])
async def test_a_user_is_known_by_a_subprotocol(
    server: Server, user: str, prefix: str, encoded: bool
) -> None:
    token = make_token(user)
    carried = prefix + (url_safe(token) if encoded else token)
    async with dial(server.port, subprotocols=["netra.v1", carried]) as device:
        assert device.subprotocol == "netra.v1"
        await device.say({"type": "hello"})
        assert (await device.hear())["user_id"] == user


async def test_the_first_credential_counts(server: Server, user: str) -> None:
    offered = ["netra.v1", "jwt." + make_token(f"not-{user}")]
    async with dial(server.port, subprotocols=offered, token=make_token(user)) as device:
        await device.say({"type": "hello"})
        assert (await device.hear())["user_id"] == user


async def test_welcome_says_what_a_client_needs(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        welcome, end = device.seen
        assert 3595 <= welcome.pop("expires_in_s") <= 3600
        assert welcome.pop("connection_id").startswith("conn_")
        assert welcome.pop("epoch")
        assert welcome.pop("server_time") > 1_700_000_000_000
        assert welcome == {
            "type": "welcome",
            "user_id": user,
            "head": 0,
            "mode": "fresh",
            "heartbeat_s": 25.0,
            "limits": {"max_message_bytes": 8192, "window_bytes": 1048576},
            "plan": "mid",
        }
        assert end == {"type": "replay_end", "seq": 0}


# --- who: every way to fail


@pytest.mark.parametrize(
    "header",
    [
        "Bearer nonsense",
        f"Bearer {make_token('a', life_s=-5)}",
        f"Bearer {make_token('a')}x",
        "Basic YTpi",
        "Bearer",
        f"Bearer {make_token('')}",
        f"Bearer {make_token('../etc')}",
    ],
)
async def test_a_bad_header_is_401(server: Server, header: str) -> None:
    async with refused(401) as body, dial(server.port, headers=[("authorization", header)]):
        raise AssertionError("unreachable")
    assert body[0]["error"] == "unauthorized"


@pytest.mark.parametrize("way", ["subprotocol", "ticket", "hello"])
@pytest.mark.parametrize("fault", ["nonsense", "expired"])
async def test_what_a_browser_shows_and_is_bad_is_told_over_the_socket(
    server: Server, user: str, way: str, fault: str
) -> None:
    token = "nonsense" if fault == "nonsense" else make_token(user, life_s=-5)
    subprotocols = ["netra.v1", *([f"jwt.{token}"] if way == "subprotocol" else [])]
    query = f"ticket={url_safe(token)[:20]}" if way == "ticket" else ""
    async with dial(server.port, subprotocols=subprotocols, query=query) as device:
        if way == "hello":
            await device.say({"type": "hello", "token": token})
        error = await device.hear()
        assert (error["type"], error["error"]) == ("error", "unauthorized")
        assert await device.end_code() == 4401
        assert len(device.seen) == 1


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "ticket", "cursor"])
@pytest.mark.parametrize("encoded", [False, True], ids=["raw", "base64url"])
async def test_a_token_in_the_address_is_400(
    server: Server, user: str, name: str, encoded: bool
) -> None:
    token = make_token(user)
    query = f"{name}={url_safe(token) if encoded else token}"
    async with refused(400), dial(server.port, query=query, token=token):
        raise AssertionError("unreachable")


async def test_a_ticket_works_once(server: Server, user: str) -> None:
    query = f"cursor=none&ticket={ticket_of(server, user)}"
    async with dial(server.port, query=query) as device:
        assert (await device.hear())["user_id"] == user
    async with dial(server.port, query=query) as device:
        assert (await device.hear())["error"] == "unauthorized"
        assert await device.end_code() == 4401


async def test_hello_with_another_users_token_closes_4403(server: Server, user: str) -> None:
    async with dial(server.port, token=make_token(user)) as device:
        await device.say({"type": "hello", "token": make_token(f"not-{user}")})
        assert (await device.hear())["error"] == "forbidden_user"
        assert await device.end_code() == 4403


async def test_auth_with_another_users_token_closes_4403(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        await device.say({"type": "auth", "token": make_token(f"not-{user}")})
        assert await device.end_code() == 4403


@pytest.mark.parametrize("credential", [True, False], ids=["known", "unknown"])
async def test_no_hello_in_time_closes_4401(quick: Server, user: str, credential: bool) -> None:
    token = make_token(user) if credential else None
    with Stopwatch() as watch:
        async with dial(quick.port, token=token) as device:
            assert (await device.hear())["error"] == "unauthorized"
            assert await device.end_code() == 4401
    assert 0.3 < watch.s < 3


async def test_another_first_frame_than_hello_closes_4401(server: Server, user: str) -> None:
    async with dial(server.port, token=make_token(user)) as device:
        await device.say({"type": "ping"})
        assert (await device.hear())["error"] == "unauthorized"
        assert await device.end_code() == 4401


async def test_who_is_unknown_may_stumble_but_not_for_ever(server: Server, user: str) -> None:
    async with dial(server.port) as device:
        await device.say("{")
        assert (await device.hear())["error"] == "invalid_json"
        await device.say({"type": "hello", "token": make_token(user)})
        await device.until("replay_end")
    async with dial(server.port) as device:
        for _ in range(100):
            await device.say("{")
        assert await device.end_code() == 4029


async def test_sockets_without_credential_are_few_for_each_address(
    quick: Server, user: str
) -> None:
    async with dial(quick.port), dial(quick.port), dial(quick.port):
        async with refused(429) as body, dial(quick.port):
            raise AssertionError("unreachable")
        assert body[0]["error"] == "quota_exceeded"
        async with connected(quick, user) as device:
            assert device.seen[0]["type"] == "welcome"
    # Those that have gone are forgotten.
    async with dial(quick.port) as device:
        await device.say({"type": "hello", "token": make_token(user)})
        assert (await device.hear())["type"] == "welcome"


# --- from where


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:1", ""])
async def test_pages_of_strangers_are_refused_403(quick: Server, user: str, origin: str) -> None:
    headers = [("origin", origin)]
    async with refused(403) as body, dial(quick.port, token=make_token(user), headers=headers):
        raise AssertionError("unreachable")
    assert body[0]["error"] == "forbidden"


@pytest.mark.parametrize("origin", ["own", "https://app.example.org", "https://APP.example.org"])
async def test_pages_of_friends_may_connect(quick: Server, user: str, origin: str) -> None:
    headers = [("origin", quick.http if origin == "own" else origin)]
    async with dial(quick.port, token=make_token(user), headers=headers) as device:
        await device.say({"type": "hello"})
        assert (await device.hear())["type"] == "welcome"


# --- subprotocols


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        (["netra.v1"], "netra.v1"),
        (["jwt-auth", "netra.v1"], "jwt-auth"),
        (["chat", "bearer"], "bearer"),
        (["jwt", "jwt.TOKEN"], "jwt"),
        (["jwt.TOKEN", "netra.v1"], "netra.v1"),
    ],
)
async def test_the_first_known_subprotocol_is_selected(
    server: Server, user: str, offered: list[str], selected: str
) -> None:
    token = make_token(user)
    offered = [name.replace("TOKEN", token) for name in offered]
    async with dial(server.port, subprotocols=offered, token=token) as device:
        assert device.subprotocol == selected


@pytest.mark.parametrize("offered", [["jwt.TOKEN"], ["bearer.TOKEN"], ["chat"]])
async def test_no_subprotocol_to_select_is_400(
    server: Server, user: str, offered: list[str]
) -> None:
    offered = [name.replace("TOKEN", make_token(user)) for name in offered]
    async with refused(400), dial(server.port, subprotocols=offered):
        raise AssertionError("unreachable")


# --- where it begins


async def _conversation(server: Server, user: str) -> tuple[str, list[bytes]]:
    async with connected(server, user) as device:
        await device.run("hi")
        return device.seen[0]["epoch"], list(device.lines)


@pytest.mark.parametrize("said", ["hello", "address"])
async def test_a_cursor_resumes_behind_it(server: Server, user: str, said: str) -> None:
    epoch, lines = await _conversation(server, user)
    for seq in (0, 2, 8, 9, 10):
        async with dial(
            server.port,
            token=make_token(user),
            query=f"cursor={epoch}:{seq}" if said == "address" else "",
        ) as device:
            if said == "hello":
                await device.say({"type": "hello", "cursor": {"epoch": epoch, "seq": seq}})
            await device.until("replay_end", seq=10)
            welcome = device.seen[0]
            assert (welcome["mode"], welcome["head"]) == ("resumed", 10)
            covered = [
                number
                for event in device.events
                for number in range(event.get("seq_from", event["seq"]), event["seq"] + 1)
            ]
            assert covered == list(range(seq + 1, 11))
            whole = [line for line in device.lines if b"seq_from" not in line]
            assert all(line in lines for line in whole)


@pytest.mark.parametrize("cursor", ["none", "other:5", "other:500"])
async def test_another_cursor_gets_a_snapshot(server: Server, user: str, cursor: str) -> None:
    await _conversation(server, user)
    async with connected(server, user, query=f"cursor={cursor}") as device:
        welcome, snapshot, end = device.seen
        assert (welcome["mode"], welcome["head"]) == ("snapshot", 10)
        assert (snapshot["type"], snapshot["at"], end["seq"]) == ("snapshot", 10, 10)
        state = snapshot["state"]
        assert [message["role"] for message in state["messages"]] == ["user", "agent"]
        assert state["runs"] == []
        assert state["threads"][0]["title"] == "hi"


async def test_a_snapshot_of_a_run_under_way_goes_on_live(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        ok = await device.ask({"type": "chat", "content": "9", "agent": "slow", "message_id": "m"})
        await device.until("partial_result")
        async with connected(server, user) as late:
            assert late.seen[0]["mode"] == "snapshot"
            run = late.seen[1]["state"]["runs"][0]
            assert (run["run_id"], run["state"], run["agent_name"]) == (
                ok["run_id"], "running", "slow",
            )  # fmt: skip
            assert run["text"].startswith("tick ")
            assert [step["kind"] for step in run["steps"]] == ["thinking", "tool"]
            await device.say({"type": "stop_agent", "all": True})
            await late.until("agent_completed")
            assert late.seqs[0] == late.seen[1]["at"] + 1
            await device.until("agent_completed")
            assert device.lines[-len(late.lines) :] == late.lines


async def test_a_cursor_beyond_the_head_closes_4409(server: Server, user: str) -> None:
    epoch, _ = await _conversation(server, user)
    async with dial(server.port, token=make_token(user), query=f"cursor={epoch}:11") as device:
        assert await device.end_code() == 4409
        assert device.seen == []


@pytest.mark.parametrize("cursor", ["5", "x:y", ":5", "e:-1", "e:1.5", ""])
async def test_a_cursor_that_is_none_is_400(server: Server, user: str, cursor: str) -> None:
    token = make_token(user)
    async with refused(400) as body, dial(server.port, token=token, query=f"cursor={cursor}"):
        raise AssertionError("unreachable")
    assert body[0]["error"] == "invalid_field"


async def test_a_tail_over_a_thousand_events_becomes_a_snapshot(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        epoch = device.seen[0]["epoch"]
        await device.run("10 10 990", agent="flood")
        head = device.seqs[-1]
        thread_id = device.events[0]["thread_id"]
    after = head - 1000
    async with connected(server, user, query=f"cursor={epoch}:{after}") as device:
        assert device.seen[0]["mode"] == "resumed"
        assert len(device.events) <= 1000
        assert device.arrays > 0
    async with connected(server, user, query=f"cursor={epoch}:0") as device:
        # 1,004 events; the ten pieces of text count as one.
        assert device.seen[0]["mode"] == "resumed"
        assert device.events[3]["seq_from"] == 4
        await device.run("0 0 20", agent="flood", thread_id=thread_id)
    async with connected(server, user, query=f"cursor={epoch}:0") as device:
        assert device.seen[0]["mode"] == "snapshot"


async def test_a_tail_over_one_mib_becomes_a_snapshot(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        epoch = device.seen[0]["epoch"]
        await device.run("0 20000 60", agent="flood")
    async with connected(server, user, query=f"cursor={epoch}:30") as device:
        assert device.seen[0]["mode"] == "resumed"
    async with connected(server, user, query=f"cursor={epoch}:0") as device:
        assert device.seen[0]["mode"] == "snapshot"


async def test_live_events_wait_for_the_end_of_the_replay(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        epoch = device.seen[0]["epoch"]
        await device.run("0 1000 500", agent="flood")
        await device.say({"type": "chat", "content": "9", "agent": "slow"})
        await device.until("tool_executing")
        for _ in range(5):
            async with connected(server, user, query=f"cursor={epoch}:3") as late:
                end = late.seen[-1]
                assert late.seqs[-1] == end["seq"]
                live = await late.until("partial_result")
                assert live["seq"] >= end["seq"] + 1
                covered = 3
                for event in late.events:
                    assert event.get("seq_from", event["seq"]) == covered + 1
                    covered = event["seq"]
        await device.say({"type": "stop_agent", "all": True})


# --- without a subprotocol


async def test_without_subprotocol_hello_is_implied_after_a_while(
    server: Server, user: str
) -> None:
    with Stopwatch() as watch:
        async with dial(server.port, subprotocols=None, token=make_token(user)) as device:
            assert device.subprotocol is None
            await device.until("replay_end")
    assert watch.s > 0.2
    assert [item["type"] for item in device.seen] == ["welcome", "replay_end"]


async def test_without_subprotocol_any_command_implies_hello(server: Server, user: str) -> None:
    async with dial(server.port, subprotocols=None, token=make_token(user)) as device:
        await device.say({"type": "chat", "content": "hi", "message_id": "m1"})
        await device.until("agent_completed")
        assert [item["type"] for item in device.seen[:2]] == ["welcome", "replay_end"]
        assert device.seqs == list(range(1, 11))
        assert device.arrays == 0


async def test_without_subprotocol_a_later_hello_resyncs(server: Server, user: str) -> None:
    async with dial(server.port, subprotocols=None, token=make_token(user)) as device:
        await device.until("replay_end")
        epoch = device.seen[0]["epoch"]
        await device.run("hi")
        await device.say({"type": "hello", "cursor": {"epoch": epoch, "seq": 9}})
        await device.until("replay_end")
        assert device.seqs[-1] == 10
        assert device.arrays == 0


async def test_without_subprotocol_there_is_one_object_in_each_frame(
    server: Server, user: str
) -> None:
    async with connected(server, user) as device:
        epoch = device.seen[0]["epoch"]
        await device.run("0 100 400", agent="flood")
        head = device.seqs[-1]
    async with dial(
        server.port, subprotocols=None, token=make_token(user), query=f"cursor={epoch}:0"
    ) as plain:
        await plain.until("replay_end")
        assert plain.arrays == 0
        assert plain.seqs == list(range(1, head + 1))
    async with connected(server, user, query=f"cursor={epoch}:0") as device:
        assert device.arrays > 0
        assert device.lines == plain.lines
        assert device.received_bytes < 1024 * 1024


# --- how many


async def test_at_the_cap_the_new_one_is_refused_while_the_others_speak(
    quick: Server, user: str
) -> None:
    token = make_token(user, plan="early")
    async with (
        connected(quick, user, token=token) as one,
        connected(quick, user, token=token) as two,
    ):
        async with dial(quick.port, token=token, query="cursor=none") as third:
            error = await third.hear()
            assert error["error"] == "quota_exceeded"
            assert await third.end_code() == 4429
        # Their pongs count as speaking.
        assert await one.quiet() == await two.quiet() == []
    async with connected(quick, user, token=token) as device:
        assert device.seen[0]["type"] == "welcome"


async def test_a_place_is_free_again_when_somebody_leaves(quick: Server, user: str) -> None:
    token = make_token(user, plan="early")
    async with connected(quick, user, token=token):
        for _ in range(10):
            async with connected(quick, user, token=token) as device:
                assert device.seen[0]["type"] == "welcome"


async def test_the_worker_has_a_bound_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = start_server(tmp_path_factory.mktemp("small"), NETRA_MAX_CONNECTIONS="2")
    try:
        async with (
            connected(server, "a"),
            connected(server, "b"),
            refused(503),
            dial(server.port, token=make_token("c")),
        ):
            raise AssertionError("unreachable")
    finally:
        server.kill()


# --- the same for all


async def test_two_devices_see_the_same_bytes(server: Server, user: str) -> None:
    async with connected(server, user) as one, connected(server, user) as two:
        for agent in ("echo", "team", "broken"):
            await one.run("for both", agent=agent)
        await two.until(lambda item: item.get("seq") == one.seqs[-1])
        assert one.lines == two.lines
        stored = b"\n".join(one.lines)
        assert b"secret detail" not in stored
        for run_id in {event["run_id"] for event in one.events if event["run_id"]}:
            answer = server.call("GET", f"/api/runs/{run_id}/events", user=user)
            if answer.status_code == 200:
                for event in answer.json()["events"]:
                    assert event == json.loads(one.lines[event["seq"] - 1])


async def test_a_client_that_leaves_ends_nothing(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        epoch = device.seen[0]["epoch"]
        ok: dict[str, Any] = await device.ask({
            "type": "chat",
            "content": "1",
            "agent": "slow",
            "message_id": "m",
        })
    await trio.sleep(0.1)
    async with connected(server, user, query=f"cursor={epoch}:0") as device:
        terminal = await device.until("agent_completed", run_id=ok["run_id"])
        assert terminal["payload"]["status"] == "completed"


async def test_closing_is_answered_with_the_same_code(server: Server, user: str) -> None:
    async with connected(server, user) as device:
        await device.socket.aclose(1000)
        with pytest.raises(Ended) as ended:
            await device.hear()
    assert ended.value.code == 1000
