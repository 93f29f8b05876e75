"""The service is killed as it works, and started again: nobody loses or doubles anything."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from netra_actors.client import Answer, Applied, Session, Subscription, Update, connect
from netra_actors.protocol.events import AgentCompleted, encode_event
from tests.e2e.comparing import check_grammar, check_seen
from tests.e2e.process import ServerProcess, serving, sign, stored_lines
from tests.e2e.wire import Device

USERS = 5
WITHIN_S = 40.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One file and one port for all tests here: each goes on where the crash before it was."""
    with serving(tmp_path_factory.mktemp("killed")) as started:
        yield started


@attrs.define(eq=False)
class Witness:
    """A user's Python client and a device that keeps every byte; both outlive the service."""

    user: str
    device: Device
    session: Session
    updates: Subscription[Update]
    nursery: trio.Nursery = attrs.field(init=False)
    answers: list[Answer] = attrs.field(factory=list)
    threads: list[dict[str, Any]] = attrs.field(factory=list)
    """Before the kill."""
    ended: list[trio.Event] = attrs.field(factory=list)

    def ask(self, content: str, agent: str, thread_id: str | None = None) -> Answer:
        """Ask with the Python client; the answer is read in the background, whatever happens."""
        answer = self.session.ask(content, agent=agent, thread_id=thread_id)
        ended = trio.Event()
        self.answers.append(answer)
        self.ended.append(ended)
        self.nursery.start_soon(self._read, answer, ended)
        return answer

    @staticmethod
    async def _read(answer: Answer, ended: trio.Event) -> None:
        async for _ in answer:
            pass
        ended.set()

    async def ask_and_queue(self, agent: str) -> None:
        """Ask, and ask once more in the same thread, where the second has to wait."""
        first = self.ask("first", agent)
        await _accepted(first)
        await _accepted(self.ask("second", "plain", first.thread_id))
        await self.device.until(
            lambda: any(line.raw.startswith(b'{"type":"run_queued"') for line in self.device.lines)
        )

    async def terminals(self) -> list[AgentCompleted]:
        """Wait for the end of all that was asked; returns how each ended."""
        for ended in self.ended:
            await ended.wait()
        return [answer.terminal for answer in self.answers if answer.terminal is not None]


async def _accepted(answer: Answer) -> None:
    """Wait until the client has the `ok` of a message."""
    while answer.run_id is None:
        await trio.sleep(0.005)


@asynccontextmanager
async def _witnesses(server: ServerProcess, name: str) -> AsyncIterator[list[Witness]]:
    """Connect two clients of each user; what is asked is read in one nursery, ended first."""
    witnesses = []
    async with AsyncExitStack() as stack:
        for user in (f"{name}-{number}" for number in range(USERS)):
            token, updates = sign(user), Subscription[Update]()
            device = Device(user, token)
            session = await stack.enter_async_context(
                connect(server.url, token=token, updates=updates)
            )
            await stack.enter_async_context(device.connected(server.port))
            # A log without an event has nothing to keep its epoch by.
            await device.request(type="create_thread", title=f"of {user}")
            witnesses.append(Witness(user, device, session, updates))
        nursery = await stack.enter_async_context(trio.open_nursery())
        for witness in witnesses:
            witness.nursery = nursery
        yield witnesses


@asynccontextmanager
async def _killed(
    server: ServerProcess, name: str, until: Callable[[Witness], Awaitable[None]], *, first: bool
) -> AsyncIterator[list[Witness]]:
    """Kill the service once *until* has returned for all users (or the first), and start it again.

    Gives the witnesses when each device is connected again. At the end, everything that they
    saw is compared with the record.
    """
    with trio.fail_after(WITHIN_S):
        async with _witnesses(server, name) as witnesses, AsyncExitStack() as stack:
            async with trio.open_nursery() as nursery:

                async def reach(witness: Witness) -> None:
                    await until(witness)
                    if first:
                        nursery.cancel_scope.cancel()
                        return
                    witness.threads = await witness.session.threads()

                for witness in witnesses:
                    nursery.start_soon(reach, witness)
            server.kill()
            for witness in witnesses:
                await witness.device.until_closed()
            await trio.to_thread.run_sync(server.start)
            for witness in witnesses:
                await stack.enter_async_context(witness.device.connected(server.port))
            yield witnesses
            for witness in witnesses:
                await _check(server, witness)


async def _check(server: ServerProcess, witness: Witness) -> None:
    device, session = witness.device, witness.session
    await device.settle()
    stored = stored_lines(server.database, witness.user)
    check_seen(device, stored)
    check_grammar(stored)
    assert device.applied == len(stored)
    with trio.fail_after(5):
        while session.cursor is None or session.cursor.seq < len(stored):
            await trio.sleep(0.01)
    seen = [witness.updates._items.popleft() for _ in range(witness.updates.unread)]
    singles = [
        update.event
        for update in seen
        if isinstance(update, Applied) and update.seq_from == update.event.seq
    ]
    assert singles
    assert [encode_event(event) for event in singles] == [
        stored[event.seq - 1] for event in singles
    ]
    fresh = Device(witness.user, device.token)
    async with fresh.connected(server.port):
        assert fresh.snapshots == [len(stored)]
        assert fresh.state.snapshot() == session.state.snapshot() == device.state.snapshot()
    known = {thread["thread_id"]: thread["title"] for thread in await session.threads()}
    assert {thread["thread_id"]: thread["title"] for thread in witness.threads}.items() <= (
        known.items()
    )


async def test_runs_inside_tools_are_interrupted_and_waiting_ones_run(
    server: ServerProcess,
) -> None:
    async def until(witness: Witness) -> None:
        await witness.ask_and_queue("lingering")
        key = witness.answers[0].message_id
        await witness.device.until(lambda: len(witness.device.tools.get(key, ())) == 2)

    async with _killed(server, "tools", until, first=False) as witnesses:
        for witness in witnesses:
            first, second = await witness.terminals()
            assert (first.status, second.status) == ("interrupted", "completed")
            assert first.final_response == f"{witness.user} waits. "
            assert second.final_response == f"{witness.user} said second"
            lines = [line.raw for line in witness.device.lines]
            tools = [line for line in lines if line.startswith(b'{"type":"tool_completed"')]
            assert len(tools) == 2
            assert all(b'"status":"unknown"' in line for line in tools)


async def test_runs_in_the_middle_of_a_burst_keep_what_anybody_saw(server: ServerProcess) -> None:
    async def until(witness: Witness) -> None:
        await witness.ask_and_queue("talking")
        await witness.device.until(lambda: witness.device.applied > 300)

    async with _killed(server, "burst", until, first=False) as witnesses:
        for witness in witnesses:
            first, second = await witness.terminals()
            assert (first.status, second.status) == ("interrupted", "completed")
            assert first.final_response is not None
            assert f"{witness.user} 000299" in first.final_response


async def test_an_accepted_message_is_kept_and_an_unanswered_one_is_sent_again(
    server: ServerProcess,
) -> None:
    accepted: dict[str, dict[str, Any]] = {}

    async def until(witness: Witness) -> None:
        witness.ask("by the client", "pausing")
        witness.ask("0.01", "pausing")
        accepted[witness.user] = await witness.device.ask(
            "by the device", agent="plain", message_id=f"kept-{witness.user}"
        )

    async with _killed(server, "accepted", until, first=True) as witnesses:
        assert accepted
        for witness in witnesses:
            refused, paused = await witness.terminals()
            assert refused.status in {"failed", "interrupted"}
            assert paused.status in {"completed", "interrupted"}
            await witness.device.settle()
            for answer in witness.answers:
                assert _times_asked(witness.device, answer.message_id) == 1
            if witness.user in accepted:
                await _check_kept(witness, accepted[witness.user])


async def _check_kept(witness: Witness, answer: dict[str, Any]) -> None:
    """Check that the run of an accepted message is there, and that asking again starts nothing."""
    device = witness.device
    again = await device.ask("by the device", agent="plain", message_id=answer["message_id"])
    assert again == {**answer, "duplicate": True}
    await device.until(lambda: answer["run_id"] in device.ended)
    assert device.ended[answer["run_id"]].status in {"completed", "interrupted"}
    assert _times_asked(device, answer["message_id"]) == 1


def _times_asked(device: Device, message_id: str) -> int:
    wanted = f'"message_id":"{message_id}"'.encode()
    return sum(
        line.raw.startswith(b'{"type":"user_message"') and wanted in line.raw
        for line in device.lines
    )


async def test_a_stop_that_was_accepted_just_before_is_honoured(server: ServerProcess) -> None:
    async def until(witness: Witness) -> None:
        await witness.ask_and_queue("stubborn")
        key = witness.answers[0].message_id
        await witness.device.until(lambda: witness.device.tools.get(key))
        reply = await witness.device.request(
            type="stop_agent", thread_id=witness.answers[0].thread_id
        )
        assert set(reply["stopped"]) == {answer.run_id for answer in witness.answers}

    async with _killed(server, "stopped", until, first=False) as witnesses:
        for witness in witnesses:
            first, second = await witness.terminals()
            assert (first.status, second.status) == ("cancelled", "cancelled")
            assert first.cancelled_by == second.cancelled_by is not None
