"""The actor: one command at a time, each answered once, true at every edge."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.errors import Busy, Unavailable
from netra_actors.sessions.directory import Envelope
from netra_actors.sessions.router import Effect
from tests.sessions.records import FlakyRecord
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import FakeSubscriber, check_grammar, open_world, types

LIST = {"type": "list_threads"}


class Raising:
    """A custom handler with a defect in `rename_thread`."""

    def can_handle(self, command: Any) -> bool:
        return str(command.type) == "rename_thread"

    async def handle(self, envelope: Envelope) -> Effect:  # noqa: ARG002  # the port
        raise ZeroDivisionError("a defect")


RENAME = {"type": "rename_thread", "thread_id": "thr_x", "title": "t"}


async def test_a_crash_is_answered_and_the_next_command_works(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        entry = await world.entry()
        entry.actor.router.add_handler(Raising())
        sent = await world.send("sleep:3")
        with pytest.raises(Unavailable, match="could not be carried out"):
            await world.ask(RENAME)
        assert (await world.ask(LIST)).fields["threads"]
        assert (entry.restarts, entry.state, entry.actor.router.errors) == (1, "running", 1)
        events = await world.settle()
        check_grammar(events)
        assert payload(events[-1]).status == "completed"
        assert events[-1].run_id == sent["run_id"]


async def test_too_many_crashes_put_the_session_aside_and_nobody_else(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        entry = await world.entry()
        phone = FakeSubscriber()
        entry.attach(phone)
        entry.actor.router.add_handler(Raising())
        await world.send("forever")
        other = await world.send("sleep:3", user="bob")
        for _ in range(4):
            with pytest.raises(Unavailable):
                await world.ask(RENAME)
        await trio.sleep(1)
        assert (entry.state, phone.code) == ("quarantined", 4050)
        events = await world.events()
        check_grammar(events)
        assert (payload(events[-1]).status, payload(events[-1]).reason) == (
            "interrupted",
            "quarantined",
        )
        with trio.fail_after(5), pytest.raises(Unavailable, match="quarantined"):
            await world.ask(LIST)
        assert (await world.settle("bob"))[-1].run_id == other["run_id"]
        assert payload((await world.events("bob"))[-1]).status == "completed"


async def test_a_full_mailbox_refuses_at_once(autojump_clock: MockClock) -> None:
    async with open_world(scripted, mailbox_capacity=4) as world:
        entry = await world.entry()
        answers = [world.post(entry, LIST) for _ in range(6)]
        assert [bool(a) for a in answers] == [False] * 4 + [True] * 2
        assert all(isinstance(a[0], Busy) for a in answers[4:])
        for answer in answers[:4]:
            assert "threads" in (await world.answered(answer)).fields


@pytest.mark.parametrize(
    "command",
    [
        {"type": "user_message", "content": "say:hi"},
        {"type": "create_thread", "title": "t"},
        {"type": "stop_agent", "all": True},
    ],
)
async def test_ok_never_comes_before_its_commit(
    command: dict[str, Any], autojump_clock: MockClock
) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        await world.send("forever")
        record.hold()
        answers = await world.tell(command)
        twin = await world.tell({"type": "create_thread", "message_id": "c1"})
        again = await world.tell({"type": "create_thread", "message_id": "c1"})
        await trio.sleep(0.9)
        assert not answers
        assert not twin
        assert not again
        record.gate.set()
        done = await world.answered(answers)
        assert done.fields["at"] <= (await world.events())[-1].seq
        assert (await world.answered(again)).duplicate
        assert (await world.answered(again)).fields == (await world.answered(twin)).fields
        await world.ask({"type": "stop_agent", "all": True})
        check_grammar(await world.settle())


async def test_switch_thread_shows_no_title_that_is_not_durable(autojump_clock: MockClock) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        thread = (await world.ask({"type": "create_thread", "title": "old"})).fields["thread"]
        record.hold()
        named = {"thread_id": thread["thread_id"]}
        await world.tell({"type": "rename_thread", "title": "new", **named})
        phone = FakeSubscriber()
        answers = await world.tell({"type": "switch_thread", **named}, origin=phone)
        await trio.sleep(0.5)
        assert not answers
        record.gate.set()
        assert (await world.answered(answers)).fields["thread"]["title"] == "new"
        assert phone.thread_id == thread["thread_id"]


async def test_commands_are_refused_while_the_record_is_away_and_nothing_is_doubled(
    autojump_clock: MockClock,
) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        await world.send("sleep:30 say:done")
        record.down = True
        first = await world.tell({"type": "create_thread"})
        await trio.sleep(1.5)
        for number in range(3):
            with pytest.raises(Unavailable):
                await world.ask({
                    "type": "user_message",
                    "content": "hi",
                    "message_id": f"m{number}",
                })
        assert isinstance(await world.answered(first), Unavailable)
        record.down = False
        await trio.sleep(2)
        record.lose_replies = 2
        sent = [await world.send("say:hi", message_id=f"m{number}") for number in range(3)]
        events = await world.settle()
        check_grammar(events)
        assert types(events).count("user_message") == 4
        assert len({fields["run_id"] for fields in sent}) == 3


@pytest.mark.parametrize("by", ["run_id", "thread_id", "all"])
@pytest.mark.parametrize("message_id", [None, "s1"])
@pytest.mark.parametrize("hangs", [False, True])
async def test_a_stop_works_without_the_record(
    by: str, message_id: str | None, hangs: bool, autojump_clock: MockClock
) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        sent = await world.send("tool:90")
        await trio.sleep(1)
        if hangs:
            record.hold()
            record.silent = trio.Event()
        else:
            record.down = True
        await trio.sleep(3)
        entry = await world.entry()
        begun = trio.current_time()
        stop: dict[str, Any] = {"type": "stop_agent", by: True if by == "all" else sent[by]}
        answers = world.post(entry, stop | ({"message_id": message_id} if message_id else {}))
        await trio.sleep(2.5)
        assert not entry.engine.active
        assert isinstance(await world.answered(answers), Unavailable)
        assert 4 <= trio.current_time() - begun <= 8
        record.down = False
        record.gate.set()
        record.silent.set()
        await trio.sleep(2)
        again = await world.ask(stop | ({"message_id": message_id} if message_id else {}))
        assert again.fields.get("noop") or again.duplicate
        events = await world.settle()
        check_grammar(events)
        assert types(events).count("run_cancelling") == 1
        assert payload(events[-1]).status == "cancelled"
