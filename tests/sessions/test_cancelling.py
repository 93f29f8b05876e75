"""A stop at any moment: balanced tools, one terminal, nothing after it, no task left."""

import pytest
import trio
from trio.testing import MockClock

from netra_actors.agents import Run, UserMessage, agent, tool
from tests.sessions.world import check_grammar, open_world, types


@tool(purpose="Add two numbers")
async def add(first: int, second: int) -> int:
    await trio.sleep(1)
    return first + second


@tool(purpose="Count letters")
def letters(text: str) -> int:
    return len(text)


@agent("inner")
async def inner(run: Run, number: int) -> int:
    await run.think(f"inner {number}")
    await trio.sleep(1)
    return int(await run.call(add, number, number))


@agent("middle")
async def middle(run: Run, number: int) -> int:
    await run.think(f"middle {number}")
    async with run.subagents() as group:
        handle = group.start(inner, number)
    await run.partial("half way")
    return int(handle.result)


@agent("busy", promises={"agent_thinking", "final_report"})
async def busy(run: Run, message: UserMessage) -> str:
    await run.think("Reading", step_number=1, total_steps=3)
    await trio.sleep(1)
    count = await run.call(letters, message.content)
    await trio.sleep(1)
    async with run.subagents() as group:
        first = group.start(middle, count)
        second = group.start(inner, 2)
        third = await run.call(add, 1, 2)
    for word in ("one ", "two ", "three "):
        await run.partial(word)
        await trio.sleep(1)
    await run.custom("mood", {"good": True})
    await run.progress(90.0, message="nearly")
    await run.report({"sum": first.result + second.result + third}, executive_summary="done")
    await trio.sleep(1)
    return "one two three"


async def _length_of_a_whole_run() -> int:
    async with open_world(busy) as world:
        await world.send()
        events = await world.settle()
        check_grammar(events)
        assert events[-1].payload.status == "completed"  # type: ignore[attr-defined]
        return len(events)


WHOLE = trio.run(_length_of_a_whole_run, clock=MockClock(autojump_threshold=0))


def test_the_whole_run_is_long_enough_to_be_worth_stopping() -> None:
    assert WHOLE > 30


@pytest.mark.parametrize("index", range(2, WHOLE))
async def test_a_stop_after_any_event_closes_everything_in_order(
    index: int, autojump_clock: MockClock
) -> None:
    async with open_world(busy) as world:
        run_id = (await world.send())["run_id"]
        entry = await world.entry()
        # The agent sleeps between its steps, so this sees every length it waits at.
        while entry.log.head < index:
            await trio.sleep(0.05)
        stopped = await world.ask({"type": "stop_agent", "run_id": run_id})
        events = await world.settle()
        assert not entry.engine.active
        assert entry.engine.nursery is not None
        assert not entry.engine.nursery.child_tasks
    check_grammar(events)
    terminal = events[-1]
    assert (terminal.type, terminal.run_id) == ("agent_completed", run_id)
    assert types(events).count("run_cancelling") == 1
    assert terminal.payload.status == "cancelled"  # type: ignore[attr-defined]
    assert terminal.payload.cancelled_by == "http"  # type: ignore[attr-defined]
    assert stopped.fields["stopped"] == [run_id]


async def test_a_stop_names_how_many_sub_runs_it_ended(autojump_clock: MockClock) -> None:
    async with open_world(busy) as world:
        run_id = (await world.send())["run_id"]
        await trio.sleep(2.5)
        await world.ask({"type": "stop_agent", "run_id": run_id})
        events = await world.settle()
    assert events[-1].payload.descendants == 3  # type: ignore[attr-defined]
