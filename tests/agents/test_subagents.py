"""Sub-runs: nested in the parent's order, closed with it, their results handed back."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.agents import Run, SubRun, UserMessage, agent, tool
from netra_actors.errors import IllegalTransition, InvalidContextError
from netra_actors.protocol.events import Event
from tests.agents.stage import all_of, only, open_stage
from tests.sessions.world import check_grammar, open_world, types


@agent("double")
async def double(run: Run, number: int, seconds: float = 1) -> int:
    await run.think(f"doubling {number}")
    await trio.sleep(seconds)
    return number * 2


@agent("breaking")
async def breaking(run: Run, seconds: float) -> None:
    await trio.sleep(seconds)
    raise ValueError("it broke")


@agent("stubborn")
async def stubborn(run: Run) -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise RuntimeError("could not clean up")


@tool(purpose="Wait")
async def wait(seconds: float) -> None:
    await trio.sleep(seconds)


@agent("asleep")
async def asleep(run: Run) -> None:
    await run.call(wait, 1_000)


def statuses(found: list[Event]) -> list[tuple[str, str]]:
    return [(e.subagent_name, e.status) for e in all_of(found, "subagent_completed")]


def terminals(found: list[Event]) -> dict[str, Any]:
    names = {e.run_id: e.payload for e in found if e.type == "agent_started"}
    return {
        names[e.run_id].agent_name: e.payload  # type: ignore[attr-defined]
        for e in found
        if e.type == "agent_completed"
    }


async def test_sub_agents_work_side_by_side_and_give_their_results(
    autojump_clock: MockClock,
) -> None:
    @agent("parent")
    async def parent(run: Run) -> int:
        async with run.subagents() as group:
            handles = [group.start(double, number) for number in range(5)]
        return sum(int(handle.result) for handle in handles)

    async with open_stage() as stage:
        outcome = await stage.play(parent)
        assert (outcome.status, outcome.value) == ("completed", 20)
        assert stage.run.elapsed_ms == 1_000
        found = await stage.events()
    check_grammar(found)
    assert statuses(found) == [("double", "completed")] * 5
    assert terminals(found)["parent"].metrics["subagents"] == 5
    children = {e.run_id for e in found if e.parent_run_id == "run_1"}
    assert len(children) == 5


async def test_a_sub_run_carries_its_parents_context(autojump_clock: MockClock) -> None:
    runs: list[Run] = []

    @agent("child")
    async def child(run: Run) -> None:
        await trio.lowlevel.checkpoint()
        runs.append(run)

    async with open_stage() as stage:
        stage.mouth.send_agent_started("parent")
        async with stage.run.subagents() as group:
            group.start(child)
        parent = stage.run.context
    context = runs[0].context
    assert (context.user_id, context.thread_id) == (parent.user_id, parent.thread_id)
    assert (context.run_id, context.depth) == (runs[0].run_id, 1)
    assert context.parent_request_id == parent.request_id
    assert runs[0].parent is stage.run


async def test_a_result_before_the_end_of_the_block_raises(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("parent")
        async with stage.run.subagents() as group:
            handle = group.start(double, 2)
            with pytest.raises(RuntimeError, match="sub-agent 'double' has not returned yet"):
                _ = handle.result
            assert not handle.done
        assert handle.result == 4


async def test_a_sub_agent_that_fails_cancels_its_siblings_and_fails_its_parent(
    autojump_clock: MockClock,
) -> None:
    @agent("parent")
    async def parent(run: Run) -> None:
        async with run.subagents() as group:
            group.start(breaking, 1)
            group.start(asleep)
            group.start(double, 1, 0.5)

    async with open_stage() as stage:
        outcome = await stage.play(parent)
        found = await stage.events()
    check_grammar(found)
    assert isinstance(outcome.crash, ExceptionGroup)
    ends = terminals(found)
    assert {name: end.status for name, end in ends.items()} == {
        "double": "completed",
        "breaking": "failed",
        "asleep": "cancelled",
        "parent": "failed",
    }
    assert ends["asleep"].cancelled_by == "parent"
    assert only(found, "tool_completed").status == "cancelled"
    assert len(all_of(found, "agent_error")) == 2


async def test_a_parent_may_catch_what_its_sub_agents_raise(autojump_clock: MockClock) -> None:
    @agent("parent")
    async def parent(run: Run) -> str:
        handle: SubRun | None = None
        try:
            async with run.subagents() as group:
                handle = group.start(breaking, 1)
        except* ValueError:
            await run.think("going on without it")
        assert handle is not None
        assert not handle.done
        return "done all the same"

    async with open_stage() as stage:
        outcome = await stage.play(parent)
        found = await stage.events()
    check_grammar(found)
    assert outcome.status == "completed"
    assert statuses(found) == [("breaking", "failed")]


async def test_leaving_the_block_early_ends_the_sub_runs(autojump_clock: MockClock) -> None:
    @agent("parent")
    async def parent(run: Run) -> None:
        async with run.subagents() as group:
            group.start(asleep)
            await trio.sleep(1)
            raise KeyError("changed my mind")

    async with open_stage() as stage:
        outcome = await stage.play(parent)
        found = await stage.events()
    check_grammar(found)
    assert outcome.status == "failed"
    assert statuses(found) == [("asleep", "cancelled")]
    assert only(found, "agent_error").error_type == "internal_error"


async def test_a_sub_agent_that_raises_while_it_is_stopped_takes_nothing_down(
    autojump_clock: MockClock,
) -> None:
    @agent("parent")
    async def parent(run: Run, message: UserMessage) -> str:
        if message.content == "hello":
            async with run.subagents() as group:
                group.start(stubborn)
                group.start(asleep)
        return "fine"

    async with open_world(parent) as world:
        run_id = (await world.send())["run_id"]
        await trio.sleep(1)
        await world.ask({"type": "stop_agent", "run_id": run_id})
        await world.settle()
        await world.send("still there?")
        found = await world.settle()
    check_grammar(found)
    mine = [e.payload for e in found if e.type == "agent_completed" and e.run_id == run_id]
    assert [(end.status, end.cancelled_by) for end in mine] == [("cancelled", "http")]  # type: ignore[attr-defined]
    assert not all_of(found, "agent_error"), "a stop is no fault"
    assert found[-1].payload.final_response == "fine"  # type: ignore[attr-defined]


async def test_a_sub_agent_that_raises_while_a_sibling_fails_is_told_as_failed(
    autojump_clock: MockClock,
) -> None:
    @agent("parent")
    async def parent(run: Run) -> None:
        async with run.subagents() as group:
            group.start(stubborn)
            group.start(breaking, 1)

    async with open_stage() as stage:
        outcome = await stage.play(parent)
        found = await stage.events()
    check_grammar(found)
    assert outcome.status == "failed"
    assert sorted(statuses(found)) == [("breaking", "failed"), ("stubborn", "failed")]


@agent("nested")
async def nested(run: Run, levels: int) -> int:
    if levels == 0:
        return run.context.depth
    async with run.subagents() as group:
        handle = group.start(nested, levels - 1)
    return int(handle.result)


async def test_sub_runs_nest_ten_deep(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        outcome = await stage.play(nested, 10)
        found = await stage.events()
    check_grammar(found)
    assert outcome.value == 10


async def test_an_eleventh_level_is_refused_and_everything_closed(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        outcome = await stage.play(nested, 11)
        found = await stage.events()
    check_grammar(found)
    assert isinstance(outcome.crash, ExceptionGroup)
    assert outcome.crash.subgroup(InvalidContextError) is not None
    assert types(found).count("subagent_started") == 10
    assert {status for _, status in statuses(found)} == {"failed"}


async def test_only_agents_are_started(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("parent")
        async with stage.run.subagents() as group:
            with pytest.raises(TypeError, match="is not an agent; decorate it"):
                group.start(double.fn, 1)  # type: ignore[arg-type]
        assert stage.mouth.counts == {"agent_started": 1}


async def test_a_group_whose_block_has_ended_starts_nothing(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("parent")
        async with stage.run.subagents() as group:
            pass
        with pytest.raises(RuntimeError):
            group.start(double, 1)
        stage.mouth.send_agent_completed("completed", duration_ms=1, metrics={})
        check_grammar(await stage.events())


async def test_a_parent_that_has_reported_starts_nothing(autojump_clock: MockClock) -> None:
    began: list[str] = []

    @agent("late")
    async def late(run: Run) -> None:
        await trio.lowlevel.checkpoint()
        began.append(run.run_id)

    async with open_stage() as stage:
        stage.mouth.send_agent_started("parent")
        async with stage.run.subagents() as group:
            await stage.run.report({"sum": 1})
            with pytest.raises(IllegalTransition):
                group.start(late)
        stage.mouth.send_agent_completed("completed", duration_ms=1, metrics={})
        check_grammar(await stage.events())
    assert began == []


async def test_a_sub_run_started_in_a_cancelled_block_is_closed_too(
    autojump_clock: MockClock,
) -> None:
    @agent("parent")
    async def parent(run: Run) -> None:
        with trio.CancelScope() as scope:
            async with run.subagents() as group:
                scope.cancel()
                group.start(double, 1)

    async with open_stage() as stage:
        await stage.play(parent)
        found = await stage.events()
    check_grammar(found)
    assert statuses(found) == [("double", "cancelled")]


async def test_a_stopped_run_says_how_many_sub_runs_ended_with_it(
    autojump_clock: MockClock,
) -> None:
    @agent("middle")
    async def middle(run: Run) -> None:
        async with run.subagents() as group:
            group.start(asleep)
            group.start(asleep)

    @agent("parent")
    async def parent(run: Run, message: UserMessage) -> str:
        async with run.subagents() as group:
            group.start(middle)
            group.start(double, 1)
        return ""

    async with open_world(parent) as world:
        run_id = (await world.send())["run_id"]
        await trio.sleep(5)
        await world.ask({"type": "stop_agent", "run_id": run_id})
        found = await world.settle()
    check_grammar(found)
    ends = terminals(found)
    assert (ends["parent"].descendants, ends["middle"].descendants) == (3, 2)
    assert {ends[name].cancelled_by for name in ("parent", "middle", "asleep")} == {"http"}
    assert ends["double"].status == "completed"
