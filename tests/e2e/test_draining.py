"""SIGTERM: everybody is told when to come back, runs get their terminal, the exit code is 0."""

from collections.abc import Callable

import trio

from tests.e2e.harness import Server, connected, dial, make_token
from tests.e2e.peer import peer
from tests.e2e.record import check_grammar, stored_lines

Starter = Callable[..., Server]


async def test_a_drain_tells_everybody_and_ends_what_runs(starter: Starter, user: str) -> None:
    server = starter(NETRA_RUN_GRACE_S="0.3")
    async with (
        connected(server, user) as one,
        connected(server, user) as two,
        connected(server, f"other-{user}") as other,
        dial(server.port, subprotocols=None, token=make_token(user)) as plain,
        dial(server.port) as nobody,
    ):
        await plain.until("replay_end")
        epoch = one.seen[0]["epoch"]
        ok = await one.ask({"type": "chat", "content": "go", "agent": "slow", "message_id": "m1"})
        waits = await one.ask({"type": "chat", "content": "hi", "message_id": "m2"})
        await one.until("partial_result")
        server.terminate()
        for device in (one, two, other, plain):
            told = await device.until("draining")
            assert 0 <= told["reconnect_after_ms"] <= 2000
            assert await device.end_code() == 4001
        assert (await nobody.hear())["type"] == "draining"
        assert await nobody.end_code() == 4001
    assert await trio.to_thread.run_sync(server.wait) == 0
    stored = stored_lines(server.database, user)
    assert stored[: len(one.lines)] == one.lines
    server = starter()
    async with connected(server, user, query=f"cursor={epoch}:{len(one.lines)}") as back:
        assert back.seen[0]["mode"] == "resumed"
        terminals = {e["run_id"]: e for e in back.events if e["type"] == "agent_completed"}
        assert terminals[ok["run_id"]]["payload"]["status"] == "cancelled"
        assert terminals[ok["run_id"]]["payload"]["cancelled_by"] == "drain"
        if waits["run_id"] not in terminals:
            await back.until("agent_completed", run_id=waits["run_id"])
        await back.quiet()
    check_grammar(stored_lines(server.database, user))


async def test_a_run_that_ends_within_its_grace_is_completed(starter: Starter, user: str) -> None:
    server = starter()
    async with connected(server, user) as device:
        ok = await device.ask({"type": "chat", "content": "1", "agent": "slow", "message_id": "m"})
        await device.until("partial_result")
        server.terminate()
        assert await device.end_code() == 4001
    assert await trio.to_thread.run_sync(server.wait) == 0
    last = check_grammar(stored_lines(server.database, user))[-1]
    assert last.run_id == ok["run_id"]
    assert last.payload.status == "completed"  # type: ignore[attr-defined]


async def test_nobody_who_stops_reading_holds_up_the_exit(starter: Starter, user: str) -> None:
    server = starter(NETRA_RUN_GRACE_S="0", NETRA_CLOSE_GRACE_S="1")
    async with (
        peer(server.port, user, receive_buffer=4096),
        connected(server, user) as device,
    ):
        await device.run("20000 400 0", agent="flood")
        server.terminate()
        assert await device.end_code() == 4001
        assert await trio.to_thread.run_sync(lambda: server.wait(4)) == 0
