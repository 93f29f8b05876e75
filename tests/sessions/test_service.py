"""The message service: a message is accepted as a whole or refused as a whole."""

import pytest
from trio.testing import MockClock

from netra_actors.agents import Run, UserMessage, agent
from netra_actors.errors import InvalidField, NotFound
from netra_actors.identity import FileID, UserID
from netra_actors.log.port import FileRow
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import World, check_grammar, open_world


@agent("reader")
async def reader(_: Run, message: UserMessage) -> str:
    return "|".join([(await each.read()).decode() for each in message.attachments])


async def _files(world: World, user: str, count: int) -> list[str]:
    names = [FileID(f"file_{user}_{number}") for number in range(count)]
    for name in names:
        row = FileRow(file_id=name, name="a.txt", body=f"of {user}".encode(), created_at=0)
        await world.record.put_file(UserID(user), row)
    return [str(name) for name in names]


async def test_attachments_reach_the_agent(autojump_clock: MockClock) -> None:
    async with open_world(reader) as world:
        files = await _files(world, "alice", 10)
        await world.send("read", attachments=files)
        events = await world.settle()
        check_grammar(events)
        assert payload(events[-1]).final_response == "|".join(["of alice"] * 10)


async def test_foreign_missing_and_too_many_files_are_refused(autojump_clock: MockClock) -> None:
    async with open_world(reader) as world:
        mine, theirs = await _files(world, "alice", 11), await _files(world, "bob", 1)
        for names, error in (
            (theirs, NotFound),
            (["file_none"], NotFound),
            ([mine[0], theirs[0]], NotFound),
            (mine, InvalidField),
        ):
            with pytest.raises(error) as refused:
                await world.send("read", attachments=names)
            assert refused.value.field == "attachments"
        assert await world.events() == []


async def test_a_message_takes_its_place_in_the_log_in_one_step(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("say:hi", message_id="m1", priority="high")
        events = await world.settle()
        assert [e.type for e in events[:3]] == ["thread_created", "user_message", "agent_started"]
        message = events[1]
        assert (message.run_id, message.message_id) == (sent["run_id"], "m1")
        assert (payload(message).priority, payload(message).policy) == ("high", "enqueue")
        assert sent["at"] == message.seq
