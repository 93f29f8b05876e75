"""Threads: created, renamed, deleted with what runs in them; nobody sees another user's."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.errors import NotFound
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import FakeSubscriber, check_grammar, open_world, types


async def test_a_thread_is_created_renamed_and_listed(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        made = (await world.ask({"type": "create_thread", "title": "first"})).fields["thread"]
        blank = (await world.ask({"type": "create_thread"})).fields["thread"]
        assert (made["title"], blank["title"]) == ("first", "New conversation")
        named = {"type": "rename_thread", "thread_id": made["thread_id"], "title": " better "}
        assert (await world.ask(named)).fields["thread"]["title"] == "better"
        listed = (await world.ask({"type": "list_threads"})).fields["threads"]
        assert {t["thread_id"]: t["title"] for t in listed} == {
            made["thread_id"]: "better",
            blank["thread_id"]: "New conversation",
        }


async def test_a_message_without_a_thread_begins_one_named_after_it(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        await world.send("say:hello   " + "x" * 80)
        events = await world.settle()
        assert payload(events[0]).title == "say:hello " + "x" * 50


async def test_deleting_a_thread_ends_its_runs_first(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("linger:3")
        waiting = await world.send("say:never", thread_id=sent["thread_id"])
        await trio.sleep(1)
        named = {"thread_id": sent["thread_id"]}
        done = await world.ask({"type": "delete_thread", **named})
        events = await world.settle()
        check_grammar(events)
        assert events[-1].type == "thread_deleted"
        assert events[-1].seq == done.fields["at"]
        assert types(events, waiting["run_id"])[-1] == "agent_completed"
        assert (await world.ask({"type": "list_threads"})).fields["threads"] == []
        for command in (
            {"type": "get_thread_history", **named},
            {"type": "rename_thread", "title": "t", **named},
            {"type": "switch_thread", **named},
            {"type": "delete_thread", **named},
            {"type": "user_message", "content": "hi", **named},
        ):
            with pytest.raises(NotFound):
                await world.ask(command)


async def test_nothing_new_begins_in_a_thread_that_is_being_deleted(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("linger:5")
        await trio.sleep(1)
        answers = await world.tell({"type": "delete_thread", "thread_id": sent["thread_id"]})
        await trio.sleep(1)
        assert not answers
        with pytest.raises(NotFound):
            await world.send("say:late", thread_id=sent["thread_id"])
        await world.answered(answers)
        check_grammar(await world.settle())


async def test_the_connection_s_thread_follows_its_messages_and_its_switches(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        phone = FakeSubscriber()

        async def say(content: str) -> dict[str, Any]:
            message = {"type": "user_message", "content": content}
            fields: dict[str, Any] = (
                await world.answered(await world.tell(message, origin=phone))
            ).fields
            return fields

        first = await say("say:one")
        assert phone.thread_id == first["thread_id"]
        assert (await say("say:two"))["thread_id"] == first["thread_id"]
        other = (await world.ask({"type": "create_thread"})).fields["thread"]["thread_id"]
        switch = {"type": "switch_thread", "thread_id": other}
        await world.answered(await world.tell(switch, origin=phone))
        assert (await say("say:three"))["thread_id"] == other
        await world.settle()
        await world.ask({"type": "delete_thread", "thread_id": other})
        fourth = await say("say:four")
        assert fourth["thread_id"] not in {other, first["thread_id"]}
        check_grammar(await world.settle())


@pytest.mark.parametrize(
    "kind", "get_thread_history rename_thread switch_thread delete_thread".split()
)
async def test_another_user_s_thread_is_not_there(kind: str, autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        foreign = (await world.send("say:hi", user="bob"))["thread_id"]
        with pytest.raises(NotFound):
            await world.ask({"type": kind, "thread_id": foreign, "title": "t"})
        with pytest.raises(NotFound):
            await world.send("hi", thread_id=foreign)
        assert await world.events() == []
        await world.settle("bob")
