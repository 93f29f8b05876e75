"""The edge of /ws over a socket in memory and a worker on virtual time."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.connections.pool import SILENT_S
from netra_actors.errors import RecordUnavailable, Unavailable
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.service.worker import Worker
from netra_actors.web.credentials import Identity
from netra_actors.web.socket import FrameTooLarge
from tests.service.worlds import chat, open_world, token, until
from tests.web.sockets import FakeSocket, headers_of


def bearer(user: str = "alice", *pairs: tuple[str, str], **claims: Any) -> Any:
    return headers_of(("authorization", f"Bearer {token(user, **claims)}"), *pairs)


def socket_of(user: str = "alice", query: str = "cursor=none", **claims: Any) -> FakeSocket:
    return FakeSocket(query=query, subprotocols=["netra.v1"], headers=bearer(user, **claims))


@asynccontextmanager
async def serving(worker: Worker, *sockets: FakeSocket) -> AsyncIterator[None]:
    """Serve the sockets for the length of the block."""
    async with trio.open_nursery() as nursery:
        for socket in sockets:
            nursery.start_soon(worker.edge.serve, socket.as_socket())
        await wait_all_tasks_blocked()
        yield
        nursery.cancel_scope.cancel()


# --- before the upgrade is answered


async def test_what_the_upgrade_refuses_is_answered_by_http(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = FakeSocket(headers=headers_of(("origin", "https://evil.example")))
        await worker.edge.serve(socket.as_socket())
        assert (socket.status, socket.accepted) == (403, False)
        assert socket.refusal["error"] == "forbidden"
        assert worker.metrics.errors["forbidden"] == 1


async def test_a_bad_header_is_401_and_its_reason_is_counted(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = socket_of(life_s=-1)
        await worker.edge.serve(socket.as_socket())
        assert (socket.status, socket.accepted) == (401, False)
        assert worker.metrics.auth_failures["expired"] == 1
        assert len(worker.sessions) == 0


async def test_a_full_worker_says_so(autojump_clock: MockClock) -> None:
    async with open_world(MAX_CONNECTIONS="1") as worker, serving(worker, socket_of("alice")):
        late = socket_of("bob")
        await worker.edge.serve(late.as_socket())
        assert late.status == 503


async def test_too_many_sockets_of_unknown_clients_are_429(autojump_clock: MockClock) -> None:
    async with open_world(PENDING_SOCKETS_PER_ADDRESS="2") as worker:
        held = [FakeSocket(), FakeSocket()]
        async with serving(worker, *held):
            late, known = FakeSocket(), socket_of()
            await worker.edge.serve(late.as_socket())
            assert (late.status, late.accepted) == (429, False)
            async with serving(worker, known):
                assert known.sink.kinds == ["welcome", "replay_end"]
            elsewhere = FakeSocket(client=("198.51.100.1", 1))
            async with serving(worker, elsewhere):
                assert elsewhere.accepted


# --- after it


@pytest.mark.parametrize(
    ("socket", "first"),
    [
        (FakeSocket(subprotocols=["netra.v1", "jwt.a.b.c"]), None),
        (FakeSocket(query="ticket=none"), None),
        (FakeSocket(), {"type": "hello", "token": "a.b.c", "message_id": "m"}),
    ],
    ids=["subprotocol", "ticket", "hello"],
)
async def test_what_a_browser_cannot_see_as_401_is_told_and_closes_4401(
    socket: FakeSocket, first: dict[str, Any] | None, autojump_clock: MockClock
) -> None:
    async with open_world() as worker:
        if first is not None:
            socket.come(first)
        await worker.edge.serve(socket.as_socket())
        assert socket.accepted
        error = socket.sink.objects[-1]
        assert (error["error"], socket.code) == ("unauthorized", CloseCode.UNAUTHORIZED)
        assert error["re"] == (None if first is None else "hello")
        assert worker.pool.closes == {4401: 1}
        assert len(worker.sessions) == 0


async def test_a_ticket_is_used_up(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        identity = await worker.authenticator.authenticate(token())
        ticket = worker.tickets.issue(identity)
        query = f"ticket={ticket}&cursor=none"
        first, second = FakeSocket(query=query), FakeSocket(query=query)
        async with serving(worker, first):
            assert first.sink.kinds == ["welcome", "replay_end"]
        await worker.edge.serve(second.as_socket())
        assert second.code == CloseCode.UNAUTHORIZED


async def test_keys_that_cannot_be_fetched_are_not_the_clients_fault(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def authenticate(_: object, text: str) -> Identity:
        raise Unavailable(f"no keys for {len(text)} characters")

    async with open_world() as worker:
        monkeypatch.setattr(type(worker.authenticator), "authenticate", authenticate)
        header, subprotocol = socket_of(), FakeSocket(subprotocols=["jwt", "jwt.a.b.c"])
        await worker.edge.serve(header.as_socket())
        assert header.status == 503
        await worker.edge.serve(subprotocol.as_socket())
        assert subprotocol.sink.objects[0]["error"] == "unavailable"
        assert subprotocol.code == CloseCode.INTERNAL


async def test_a_cursor_beyond_the_end_closes_4409(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker)
        await until(lambda: not worker.sessions.open_runs())
        epoch = worker.sessions.live()[0].log.epoch
        socket = socket_of(query=f"cursor={epoch}:99")
        await worker.edge.serve(socket.as_socket())
        assert (socket.code, socket.sink.frames) == (CloseCode.IMPOSSIBLE_CURSOR, [])


async def test_a_session_put_aside_closes_4050(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker)
        worker.sessions.live()[0].quarantine()
        socket = socket_of()
        await worker.edge.serve(socket.as_socket())
        assert socket.sink.objects[0]["error"] == "unavailable"
        assert socket.code == CloseCode.INTERNAL


async def test_a_session_that_cannot_be_loaded_closes_4050(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def session(*_: object) -> None:
        raise RecordUnavailable("down")

    async with open_world() as worker:
        monkeypatch.setattr(type(worker.record), "session", session)
        socket = socket_of()
        await worker.edge.serve(socket.as_socket())
        assert socket.sink.objects[0]["error"] == "unavailable"
        assert socket.code == CloseCode.INTERNAL


async def test_at_the_cap_the_new_one_is_told_4429(autojump_clock: MockClock) -> None:
    async with open_world(PLAN_MID_CONNECTIONS="2") as worker:
        one, two, three = socket_of(), socket_of(), socket_of()
        async with serving(worker, one, two):
            await worker.edge.serve(three.as_socket())
            assert three.sink.objects[0]["error"] == "quota_exceeded"
            assert three.code == CloseCode.TOO_MANY_CONNECTIONS
            assert one.code is two.code is None


async def test_a_silent_one_gives_way_to_the_new_one_and_is_told(
    autojump_clock: MockClock,
) -> None:
    async with open_world(PLAN_MID_CONNECTIONS="2") as worker:
        one, two, three = socket_of(), socket_of(), socket_of()
        async with serving(worker, one, two):
            await trio.sleep(SILENT_S + 1)
            two.sink.last_heard = trio.current_time()
            async with serving(worker, three):
                assert one.code == CloseCode.TOO_MANY_CONNECTIONS
                assert two.code is three.code is None
                assert len(worker.pool) == 2


# --- live


async def test_a_conversation_and_its_end(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = socket_of()
        async with serving(worker, socket):
            socket.come({"type": "chat", "content": "hi", "message_id": "m"})
            await until(lambda: "agent_completed" in socket.sink.kinds)
            assert socket.sink.covered == [1, 2, 3, 4]
            assert len(worker.pool) == 1
            socket.leave(1001)
            await wait_all_tasks_blocked()
            assert len(worker.pool) == 0
            assert worker.pool.closes == {1001: 1}
            assert worker.sessions.live()[0].subscribers == {}


async def test_a_disconnect_cancels_nothing(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = socket_of()
        async with serving(worker, socket):
            socket.come({"type": "chat", "content": "5", "agent": "waiter"})
            await wait_all_tasks_blocked()
            socket.leave()
            await trio.sleep(1)
            assert len(worker.sessions.open_runs()) == 1
        back = socket_of()
        async with serving(worker, back):
            await until(lambda: "agent_completed" in back.sink.kinds)
            assert back.sink.objects[-1]["payload"]["status"] == "completed"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (FrameTooLarge("big"), CloseCode.TOO_LARGE),
        (trio.BrokenResourceError("gone"), CloseCode.INTERNAL),
        (trio.TooSlowError(), CloseCode.TOO_SLOW),
    ],
)
async def test_what_ends_a_connection_says_so(
    fault: Exception, code: CloseCode, autojump_clock: MockClock
) -> None:
    async with open_world() as worker:
        socket = socket_of()
        async with serving(worker, socket):
            socket.come(fault)
            await wait_all_tasks_blocked()
            assert socket.code == code
            assert worker.pool.closes == {code: 1}
            assert len(worker.pool) == 0


async def test_a_defect_goes_to_the_boundary_of_the_connection(autojump_clock: MockClock) -> None:
    """`NetraWebSocket` logs it and closes 4050; nothing of the connection stays behind."""
    async with open_world() as worker:
        socket = socket_of()
        with pytest.RaisesGroup(KeyError, flatten_subgroups=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(worker.edge.serve, socket.as_socket())
                await wait_all_tasks_blocked()
                socket.come(KeyError("a defect"))
        assert len(worker.pool) == 0
        assert worker.sessions.live()[0].subscribers == {}


async def test_errors_come_back_while_the_socket_stays(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = socket_of()
        async with serving(worker, socket):
            for _ in range(99):
                socket.come("{")
            await wait_all_tasks_blocked()
            assert socket.sink.kinds.count("error") == 99
            assert socket.code is None
            socket.come("{")
            await wait_all_tasks_blocked()
            assert socket.code == CloseCode.ABUSE


async def test_the_first_command_of_a_plain_client_is_carried_out(
    autojump_clock: MockClock,
) -> None:
    async with open_world() as worker:
        socket = FakeSocket(headers=bearer())
        socket.come({"type": "ping", "nonce": 1})
        async with serving(worker, socket):
            assert socket.sink.kinds == ["welcome", "replay_end", "pong"]


async def test_a_json_rpc_hello_is_answered_as_one(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = FakeSocket(headers=bearer(), subprotocols=["netra.v1"])
        socket.come({"jsonrpc": "2.0", "id": 3, "method": "hello", "params": {}})
        async with serving(worker, socket):
            assert json.loads(socket.sink.frames[-1])["id"] == 3


async def test_the_device_in_hello_is_named_by_stops(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = FakeSocket(headers=bearer(), subprotocols=["netra.v1"])
        socket.come({"type": "hello", "device": "phone"})
        async with serving(worker, socket):
            socket.come({"type": "chat", "content": "go", "agent": "waiter"})
            await wait_all_tasks_blocked()
            socket.come({"type": "stop_agent", "all": True})
            await until(lambda: "agent_completed" in socket.sink.kinds)
            terminal = socket.sink.objects[socket.sink.kinds.index("agent_completed")]
            assert terminal["payload"]["cancelled_by"] == "phone"


# --- tokens


async def test_a_fresh_token_changes_plan_and_end(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = socket_of(life_s=30)
        async with serving(worker, socket):
            (connection,) = worker.pool
            socket.come({"type": "auth", "token": token(life_s=900, plan="free")})
            await wait_all_tasks_blocked()
            answer = socket.sink.objects[-1]
            assert (answer["type"], answer["expires_in_s"]) == ("ok", 900)
            assert connection.context.plan == "free"
            await trio.sleep(60)
            worker.pool.tick()
            assert connection.close_code is not CloseCode.UNAUTHORIZED


async def test_a_bad_fresh_token_changes_nothing(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = socket_of(life_s=30)
        async with serving(worker, socket):
            (connection,) = worker.pool
            before = connection.expires_at
            socket.come({"type": "auth", "token": "a.b.c"})
            await wait_all_tasks_blocked()
            assert socket.sink.objects[-1]["error"] == "unauthorized"
            assert (connection.expires_at, socket.code) == (before, None)


async def test_another_users_fresh_token_closes_4403(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        socket = socket_of()
        async with serving(worker, socket):
            socket.come({"type": "auth", "token": token("bob")})
            await wait_all_tasks_blocked()
            assert socket.code == CloseCode.FORBIDDEN


# --- leaving


async def test_a_drain_reaches_those_who_have_not_said_who_they_are(
    autojump_clock: MockClock,
) -> None:
    async with open_world() as worker:
        unknown, waiting, live = FakeSocket(), socket_of(query=""), socket_of()
        async with serving(worker, unknown, waiting, live):
            worker.edge.drain()
            await wait_all_tasks_blocked()
            for socket in (unknown, waiting, live):
                assert socket.code == CloseCode.DRAINING
                assert socket.sink.objects[-1]["type"] == "draining"
            late = socket_of("bob")
            await worker.edge.serve(late.as_socket())
            assert late.code == CloseCode.DRAINING
            assert late.sink.kinds == ["draining"]
            assert worker.edge._greetings == set()


async def test_a_drain_while_the_upgrade_is_answered_is_not_missed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world() as worker:
        accept = FakeSocket.accept

        async def accept_slowly(socket: FakeSocket, subprotocol: str | None) -> None:
            worker.edge.drain()
            await accept(socket, subprotocol)

        monkeypatch.setattr(FakeSocket, "accept", accept_slowly)
        began = trio.current_time()
        unknown = FakeSocket()
        await worker.edge.serve(unknown.as_socket())
        assert unknown.code == CloseCode.DRAINING
        assert unknown.sink.kinds == ["draining"]
        assert trio.current_time() == began
