"""Tools: what everybody sees of a call, whatever becomes of it."""

import threading
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from netra_actors.agents import Run, agent, tool
from netra_actors.agents.tools import ThreadRunner, run_inline
from netra_actors.errors import ConfigurationError, RunClosed
from tests.agents.stage import all_of, only, open_stage
from tests.sessions.world import check_grammar


@tool(purpose="Add two numbers", estimated_duration_ms=1_000)
async def add(first: int, second: int = 1) -> int:
    await trio.sleep(1)
    return first + second


@tool(purpose="Count letters")
def letters(text: str) -> int:
    return len(text)


@tool(purpose="Sign in", name="sign-in")
async def sign_in(user: str, password: str, options: dict[str, Any], *scopes: str) -> None:
    await trio.lowlevel.checkpoint()


@tool(purpose="Fail")
async def fail(words: str) -> None:
    await trio.sleep(0.25)
    raise ValueError(words)


@attrs.frozen
class Table:
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)


def test_a_tool_stays_callable_as_the_plain_function() -> None:
    assert letters("four") == 4
    assert letters.name == "letters"
    assert not letters.is_async
    assert sign_in.name == "sign-in"
    assert add.is_async


@pytest.mark.parametrize("purpose", ["", "  "])
def test_a_tool_without_a_purpose_is_refused(purpose: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a purpose"):
        tool(purpose)


async def test_an_async_tool_runs_in_place_between_its_two_events(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        assert await stage.run.call(add, 2, second=3) == 5
        found = await stage.events()
    begun, done = only(found, "tool_executing"), only(found, "tool_completed")
    assert (begun.tool_name, begun.tool_purpose) == ("add", "Add two numbers")
    assert begun.parameters == {"first": 2, "second": 3}
    assert begun.estimated_duration_ms == 1_000
    assert (done.call_id, done.status, done.result) == (begun.call_id, "success", 5)
    assert done.execution_time_ms == 1_000
    assert done.error is None


async def test_a_sync_tool_runs_where_the_service_says(autojump_clock: MockClock) -> None:
    asked: list[Any] = []

    async def elsewhere(fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        asked.append((fn, args, kwargs))
        return await run_inline(fn, *args, **kwargs)

    async with open_stage(run_sync=elsewhere) as stage:
        stage.mouth.send_agent_started("tester")
        assert await stage.run.call(letters, text="abc") == 3
    assert asked == [(letters.fn, (), {"text": "abc"})]


async def test_parameters_are_redacted_and_described(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        await stage.run.call(
            sign_in,
            Table((1, 2, 3)),
            "hunter2",
            {"apiKey": "k", "long": "x" * 300, "rows": list(range(30)), "raw": b"123"},
            "read",
            "write",
        )
        found = await stage.events()
    assert only(found, "tool_executing").parameters == {
        "user": "Table of 3",
        "password": "***",
        "options": {
            "apiKey": "***",
            "long": "x" * 200,
            "rows": [*range(10), "... 30 in all"],
            "raw": "bytes of 3",
        },
        "scopes": ["read", "write"],
    }


async def test_arguments_that_do_not_fit_are_refused_before_anything_is_said(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        with pytest.raises(TypeError, match="missing a required argument: 'first'"):
            await stage.run.call(add)
        with pytest.raises(TypeError, match="third"):
            await stage.run.call(add, 1, third=2)
        with pytest.raises(TypeError, match="is not a tool; decorate it"):
            await stage.run.call(len, "abc")  # type: ignore[arg-type]
        assert stage.mouth.counts == {"agent_started": 1}


async def test_a_tool_may_call_its_parameters_what_the_run_calls_its_own(
    autojump_clock: MockClock,
) -> None:
    @tool(purpose="Take odd names")
    def odd(fn: int, tool: int, self: int) -> int:
        return fn + tool + self

    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        assert await stage.run.call(odd, fn=1, tool=2, self=3) == 6


async def test_a_tool_that_raises_is_completed_as_an_error_and_the_agent_gets_it(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        with pytest.raises(ValueError, match="no such page"):
            await stage.run.call(fail, "no such page\x00")
        found = await stage.events()
    done = only(found, "tool_completed")
    assert (done.status, done.error) == ("error", "ValueError: no such page\ufffd")
    assert (done.result, done.execution_time_ms) == (None, 250)


async def test_a_tool_that_is_cancelled_is_completed_as_cancelled(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        with trio.move_on_after(0.5):
            await stage.run.call(add, 1)
        found = await stage.events()
    done = only(found, "tool_completed")
    assert (done.status, done.result, done.execution_time_ms) == ("cancelled", None, 500)


async def test_tools_in_parallel_are_told_apart_by_their_call_ids(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(stage.run.call, add, 1, 1))
            nursery.start_soon(partial(stage.run.call, add, 2, 2))
        found = await stage.events()
    results = {done.call_id: done.result for done in all_of(found, "tool_completed")}
    for begun in all_of(found, "tool_executing"):
        assert results.pop(begun.call_id) == begun.parameters["first"] * 2
    assert results == {}


async def test_a_result_that_json_cannot_hold_is_described_and_returned_whole(
    autojump_clock: MockClock,
) -> None:
    thing = object()

    @tool(purpose="Make things")
    async def make() -> list[Any]:
        await trio.lowlevel.checkpoint()
        return [thing, {"a\ud800": "\x00"}, {1, 2}]

    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        assert (await stage.run.call(make))[0] is thing
        found = await stage.events()
    assert only(found, "tool_completed").result == ["object", {"a\ufffd": "\ufffd"}, [1, 2]]


async def test_a_summary_shows_instead_of_the_result(autojump_clock: MockClock) -> None:
    @tool(purpose="Load", summary=lambda table: {"rows": len(table)})
    def load() -> Table:
        return Table((1, 2, 3))

    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        assert await stage.run.call(load) == Table((1, 2, 3))
        found = await stage.events()
    assert only(found, "tool_completed").result == {"rows": 3}
    assert stage.files == {}


async def test_a_thread_that_outlives_its_run_says_nothing_more() -> None:
    """On the real clock, with a real thread: it is let go, and only then goes on."""
    release, over = threading.Event(), threading.Event()
    refused: list[type[BaseException]] = []
    limiter = trio.CapacityLimiter(1)
    began = trio.Event()
    token = trio.lowlevel.current_trio_token()
    held: list[Run] = []

    @tool(purpose="Be slow")
    def slow() -> str:
        token.run_sync_soon(began.set)
        release.wait(5)
        try:
            held[0].notifier.send_agent_thinking("from beyond")
        except RunClosed as closed:
            refused.append(type(closed))
        finally:
            over.set()
        return "too late"

    @agent("slow")
    async def ask(run: Run) -> str:
        return str(await run.call(slow))

    async with open_stage(run_sync=ThreadRunner(limiter)) as stage:
        held.append(stage.run)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stage.play, ask)
                await began.wait()
                scope.cancel()
        assert stage.mouth.closed
        assert limiter.borrowed_tokens == 1, "an abandoned thread keeps its place"
        head = stage.log.head
        release.set()
        with trio.fail_after(5):
            await trio.to_thread.run_sync(over.wait, 5, limiter=trio.CapacityLimiter(1))
            while limiter.borrowed_tokens:
                await trio.sleep(0.001)
        assert stage.log.head == head
        found = await stage.events()
    assert refused == [RunClosed]
    assert only(found, "tool_completed").status == "cancelled"
    assert limiter.borrowed_tokens == 0
    check_grammar(found)


async def test_at_most_as_many_threads_work_as_the_pool_has() -> None:
    limiter = trio.CapacityLimiter(2)
    runner = ThreadRunner(limiter)
    at_once, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def work(*, word: str) -> str:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        both.wait(5)
        with lock:
            at_once -= 1
        return word

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(partial(runner, work, word="done"))
    assert most == 2
