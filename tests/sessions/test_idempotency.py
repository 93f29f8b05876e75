"""The same command again: the same answer, and nothing done twice."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.errors import Busy, Conflict
from netra_actors.sessions import idempotency
from tests.sessions.scripts import scripted
from tests.sessions.world import check_grammar, open_world, types

MESSAGE: dict[str, Any] = {"type": "user_message", "content": "say:hi", "message_id": "m1"}


async def test_the_same_again_gets_the_first_answer(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        first = await world.ask(MESSAGE)
        again = await world.ask(MESSAGE)
        assert (first.duplicate, again.duplicate) == (False, True)
        assert first.fields == again.fields
        assert types(await world.settle()).count("user_message") == 1


@pytest.mark.parametrize(
    "other",
    [{**MESSAGE, "content": "else"}, {"type": "create_thread", "message_id": "m1"}],
)
async def test_something_else_under_the_same_id_is_a_conflict(
    other: dict[str, Any], autojump_clock: MockClock
) -> None:
    async with open_world(scripted) as world:
        await world.ask(MESSAGE)
        head = (await world.settle())[-1].seq
        with pytest.raises(Conflict) as refused:
            await world.ask(other)
        assert refused.value.field == "message_id"
        assert (await world.entry()).log.head == head


async def test_the_answer_outlives_the_worker_and_the_session(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        first = await world.ask(MESSAGE)
        await world.settle()
        assert await world.sessions.put_away_idle(after_s=0.0) == 1
        assert (await world.ask(MESSAGE)).fields == first.fields
        record, ids = world.record, world.ids
    async with open_world(scripted, record=record, ids=ids) as later:
        again = await later.ask(MESSAGE)
        assert (again.duplicate, again.fields) == (True, first.fields)
        with pytest.raises(Conflict):
            await later.ask({**MESSAGE, "content": "else"})


async def test_users_do_not_share_ids(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        first, second = await world.ask(MESSAGE), await world.ask(MESSAGE, user="bob")
        assert not second.duplicate
        assert first.fields["run_id"] != second.fields["run_id"]
        await world.settle()
        await world.settle("bob")


async def test_a_run_s_id_is_no_message_id_and_the_session_lives(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        running = (await world.send("say:hi sleep:9"))["run_id"]
        with pytest.raises(Conflict, match="is a run's id"):
            await world.ask({**MESSAGE, "message_id": running})
        await world.settle()
        with pytest.raises(Conflict, match="is a run's id"):
            await world.ask({**MESSAGE, "message_id": running})
        await world.ask(MESSAGE)
        check_grammar(await world.settle())
        assert (await world.entry()).state == "running"


async def test_an_id_whose_command_is_under_way_is_taken(autojump_clock: MockClock) -> None:
    """Were it stored twice, the record would refuse the whole session."""
    async with open_world(scripted) as world:
        sent = await world.send("linger:5")
        await trio.sleep(1)
        delete = {"type": "delete_thread", "thread_id": sent["thread_id"], "message_id": "m1"}
        answers = await world.tell(delete)
        await trio.sleep(1)
        with pytest.raises(Busy):
            await world.ask(delete)
        with pytest.raises(Conflict):
            await world.ask(MESSAGE)
        await world.ask({"type": "stop_agent", "all": True, "message_id": "m1"})
        done = await world.answered(answers)
        again = await world.ask(delete)
        assert (again.duplicate, again.fields) == (True, done.fields)
        check_grammar(await world.settle())
        assert (await world.entry()).state == "running"


async def test_an_answer_that_memory_forgot_is_in_the_record(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(idempotency, "RECENT", 2)
    async with open_world(scripted) as world:
        first = await world.ask(MESSAGE)
        for number in range(5):
            await world.ask({"type": "create_thread", "message_id": f"t{number}"})
        entry = await world.entry()
        assert len(entry.actor.answers._recent) <= 3
        assert (await world.ask(MESSAGE)).fields == first.fields
        await world.settle()


async def test_an_answer_too_large_to_keep_is_read_again(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with open_world(scripted) as world:
        await world.ask(MESSAGE)
        await world.settle()
        monkeypatch.setattr(idempotency, "MAX_STORED_BYTES", 10)
        listing = {"type": "list_threads", "message_id": "l1"}
        assert not (await world.ask(listing)).duplicate
        assert not (await world.ask(listing)).duplicate
