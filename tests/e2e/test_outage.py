"""The record is away, or the process was: nothing is half accepted, nothing is done twice."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import trio

from tests.e2e.harness import Server, connected
from tests.e2e.record import check_grammar, stored_lines

Starter = Callable[..., Server]


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Hold the one lock that writers of an SQLite file need."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_while_nothing_can_be_written_commands_are_unavailable(
    starter: Starter, user: str
) -> None:
    server = starter()
    async with connected(server, user) as device, connected(server, user) as other:
        ok = await device.ask({"type": "chat", "content": "9", "agent": "slow", "message_id": "m"})
        await device.until("partial_result")
        with locked(server):
            await trio.sleep(1.5)
            await other.quiet()
            shown = len(other.lines)
            for number in range(2):
                error = await device.ask({
                    "type": "chat",
                    "content": "now",
                    "message_id": f"n{number}",
                })
                assert error["error"] == "unavailable"
                assert error["retry_after_s"] > 0
            stop = {"type": "stop_agent", "run_id": ok["run_id"], "message_id": "s"}
            await device.say(stop)
            await trio.sleep(0.3)
            await other.quiet()
            # What is not durable, nobody sees.
            assert len(other.lines) == shown
        terminal = await other.until("agent_completed")
        assert terminal["payload"]["status"] == "cancelled"
        # Its steps end with the stop, although nobody could see it.
        cancelling = next(e for e in other.events if e["type"] == "run_cancelling")
        late = [
            event
            for event in other.events
            if event["seq"] > cancelling["seq"] and event["type"] == "partial_result"
        ]
        assert late == []
        again = await device.run("now", message_id="n0")
        assert "duplicate" not in again
        await other.until("agent_completed", run_id=again["run_id"])
        assert device.lines == other.lines == stored_lines(server.database, user)
    check_grammar(stored_lines(server.database, user))


async def test_a_repeat_after_a_kill_starts_nothing_new(starter: Starter, user: str) -> None:
    server = starter()
    async with connected(server, user) as device:
        command = {"type": "chat", "content": "once", "message_id": "m1"}
        first = await device.ask(command)
        await device.until("agent_completed", run_id=first["run_id"])
    await trio.to_thread.run_sync(server.kill)
    server = starter()
    async with connected(server, user) as device:
        again = await device.ask(command)
        assert again.pop("duplicate") is True
        assert again == first
        conflict = await device.ask({**command, "content": "twice"})
        assert conflict["error"] == "conflict"
        assert device.events == []
