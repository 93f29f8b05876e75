"""Loading: what a worker that is gone left open is closed, or goes on."""

import trio
from trio.testing import MockClock

from netra_actors.agents import Run, UserMessage, agent
from tests.sessions.records import power_cut
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import check_grammar, open_world, types


@agent("newlines")
async def newlines(run: Run, message: UserMessage) -> str:
    """Stream 64 KiB that JSON writes in twice as many bytes, then hang."""
    for _ in range(64):
        await run.partial("\n" * 1024)
    await trio.sleep_forever()
    return message.content


async def test_a_started_run_is_interrupted_and_its_tools_are_unknown(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("say:half sub:tool:60")
        await trio.sleep(1)
        disk, ids = power_cut(world.record), world.ids
    async with open_world(scripted, record=disk, ids=ids) as later:
        assert await later.sessions.sweep() == 1
        events = await later.settle()
        check_grammar(events)
        tool = next(e for e in events if e.type == "tool_completed")
        assert payload(tool).status == "unknown"
        end = payload(events[-1])
        assert (events[-1].run_id, end.status) == (sent["run_id"], "interrupted")
        assert (end.final_response, end.reason) == ("half", "the service stopped")
        assert await later.record.users_with_open_runs() == []


async def test_a_long_text_of_newlines_is_cut_to_what_a_terminal_holds(
    autojump_clock: MockClock,
) -> None:
    async with open_world(newlines) as world:
        await world.send()
        await trio.sleep(1)
        disk, ids = power_cut(world.record), world.ids
    async with open_world(newlines, record=disk, ids=ids) as later:
        await later.entry()
        events = await later.settle()
        check_grammar(events)
        text = payload(events[-1]).final_response
        assert set(text) == {"\n"}
        assert 10_000 < len(text) * 2 <= 32 * 1024


async def test_a_stop_that_was_under_way_is_honoured(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("linger:60")
        await trio.sleep(1)
        await world.ask({"type": "stop_agent", "run_id": sent["run_id"]})
        disk, ids = power_cut(world.record), world.ids
    async with open_world(scripted, record=disk, ids=ids) as later:
        await later.entry()
        events = await later.settle()
        check_grammar(events)
        assert (payload(events[-1]).status, payload(events[-1]).cancelled_by) == (
            "cancelled",
            "http",
        )


async def test_what_waited_runs_in_the_order_it_came(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        thread = (await world.send("sleep:60"))["thread_id"]
        runs = [
            (await world.send(f"say:{number}", thread_id=thread))["run_id"] for number in range(3)
        ]
        disk, ids = power_cut(world.record), world.ids
    async with open_world(scripted, record=disk, ids=ids) as later:
        await later.sessions.sweep()
        events = await later.settle()
        check_grammar(events)
        started = [e.run_id for e in events if e.type == "agent_started"][1:]
        assert started == runs
        assert types(events).count("user_message") == 4
        texts = [payload(e).content for e in events if e.type == "partial_result"]
        assert texts == ["0", "1", "2"]


async def test_a_snapshot_and_the_events_after_it_give_the_same_state(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        await world.send("say:one")
        await world.settle()
        await world.sessions.put_away_idle(after_s=0)
        await world.send("say:two tool:1")
        await world.settle()
        entry = await world.entry()
        shown = entry.log.fold()[1].snapshot()
        disk, ids = power_cut(world.record), world.ids
    async with open_world(scripted, record=disk, ids=ids) as later:
        log = (await later.entry()).log
        assert log.fold()[1].snapshot() == shown
        assert log.fold()[0] == log.head == entry.log.head
        assert log.term == entry.log.term + 1


async def test_a_user_without_a_past_gets_an_empty_log(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        log = (await world.entry()).log
        assert (log.head, log.term, log.takes_term) == (0, 1, True)
        assert await world.sessions.put_away_idle(after_s=0) == 1
        assert await world.record.session(log.user_id) is None
