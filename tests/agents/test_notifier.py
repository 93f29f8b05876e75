"""The notifier: each method appends its one event, clean and cut, in its run's name."""

from collections.abc import Callable
from typing import Any

import pytest
from trio.testing import MockClock

from netra_actors.agents.notifier import WebSocketNotifier
from netra_actors.errors import IllegalTransition, LogFull, RunClosed
from netra_actors.identity import CallID, RunID
from netra_actors.log.limits import EventTooLarge, LogLimits
from netra_actors.protocol.events import FileRef, decode_event, encode_event
from tests.agents.stage import MESSAGE, RUN, THREAD, only, open_stage
from tests.sessions.world import check_grammar, types

CALL = CallID("call_1")


def speak(mouth: WebSocketNotifier) -> None:
    """Say everything that a run can say by a method of its own."""
    mouth.send_agent_started("tester", "Off we go", attempt=2)
    mouth.send_agent_thinking(
        "Reading",
        step_number=1,
        total_steps=3,
        progress_percentage=10.5,
        estimated_remaining_ms=900,
        current_operation="open",
        urgency="high",
    )
    mouth.send_partial_result("one")
    mouth.send_tool_executing(
        CALL,
        "fetch",
        "Fetch a page",
        parameters={"url": "u", "api_key": "k"},
        parameters_summary="one page",
        estimated_duration_ms=5,
    )
    mouth.send_tool_completed(
        CALL, "fetch", "success", execution_time_ms=4, result={"n": 1}, result_ref=FileRef("f", 9)
    )
    mouth.send_subagent_started(RunID("run_2"), "helper")
    child = WebSocketNotifier(
        log=mouth.log, run_id=RunID("run_2"), thread_id=THREAD, parent_run_id=RUN
    )
    child.send_agent_started("helper")
    child.send_agent_completed("completed", duration_ms=1, metrics={})
    mouth.send_subagent_completed(RunID("run_2"), "helper", "completed", duration_ms=1)
    mouth.send_progress_update(percentage=50.0, current_step=2, total_steps=4, message="half")
    mouth.send_custom("mood", {"good": True})
    mouth.send_final_report(
        {"sum": 3},
        total_duration_ms=7,
        report_ref=FileRef("g", 8),
        executive_summary="fine",
        recommendations=["rest"],
        action_plan=({"step": 1},),
        cost_analysis={"usd": 2},
        confidence=0.5,
    )
    mouth.send_agent_error(
        "timeout", "Too slow", recoverable=True, recovery_suggestions=["again"], reference="err_1"
    )
    mouth.send_agent_completed("failed", duration_ms=9, metrics={"events": 1}, reason="so")


async def test_every_method_appends_its_event_as_it_was_told(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        speak(stage.mouth)
        found = await stage.events()
    check_grammar(found)
    assert types(found, RUN) == (
        "user_message agent_started agent_thinking partial_result tool_executing tool_completed "
        "subagent_started subagent_completed progress_update custom final_report agent_error "
        "agent_completed".split()
    )
    assert only(found, "agent_thinking").progress_percentage == 10.5
    assert only(found, "tool_executing").parameters == {"url": "u", "api_key": "***"}
    assert only(found, "tool_completed").result_ref == FileRef("f", 9)
    assert only(found, "final_report").action_plan == [{"step": 1}]
    assert only(found, "agent_error").recovery_suggestions == ["again"]
    assert found[-1].payload.reason == "so"  # type: ignore[attr-defined]
    own = [event for event in found if event.run_id == RUN]
    assert {(e.thread_id, e.message_id, e.parent_run_id) for e in own} == {(THREAD, MESSAGE, None)}
    child = [event for event in found if event.run_id == "run_2"]
    assert {event.parent_run_id for event in child} == {RUN}


async def test_counts_are_by_type(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        speak(stage.mouth)
        assert sum(stage.mouth.counts.values()) == 12
        assert stage.mouth.counts["agent_thinking"] == 1


async def test_awaiting_gives_the_event_that_was_appended(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        emitted = stage.mouth.send_agent_started("tester")
        assert stage.log.head == emitted.event.seq == 2
        assert await emitted is emitted.event


async def test_nothing_follows_the_terminal(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        stage.mouth.send_agent_completed("completed", duration_ms=1, metrics={})
        head = stage.log.head
        with pytest.raises(RunClosed, match="agent_thinking after the end of run_1"):
            stage.mouth.send_agent_thinking("still here")
        with pytest.raises(RunClosed):
            stage.mouth.send_agent_completed("completed", duration_ms=1, metrics={})
        assert stage.log.head == head


async def test_a_refused_event_is_neither_counted_nor_closing(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        with pytest.raises(IllegalTransition):
            stage.mouth.send_partial_result("too early")
        with pytest.raises(IllegalTransition):
            stage.mouth.send_agent_completed("completed", duration_ms=1, metrics={})
        assert stage.mouth.counts == {}
        assert not stage.mouth.closed


BAD = "a\x00b\ud800c"
GOOD = "a\ufffdb\ufffdc"
SAYINGS: dict[str, Callable[[WebSocketNotifier], Any]] = {
    "thinking": lambda m: m.send_agent_thinking(BAD, current_operation=BAD),
    "partial": lambda m: m.send_partial_result(BAD),
    "executing": lambda m: m.send_tool_executing(
        CALL, BAD, BAD, parameters={BAD: [BAD]}, parameters_summary=BAD
    ),
    "progress": lambda m: m.send_progress_update(message=BAD),
    "custom": lambda m: m.send_custom(BAD, {BAD: [BAD, {"in": BAD}]}),
    "report": lambda m: m.send_final_report(
        {BAD: BAD},
        total_duration_ms=0,
        executive_summary=BAD,
        recommendations=[BAD],
        action_plan=[{BAD: BAD}],
        cost_analysis=BAD,
    ),
    "error": lambda m: m.send_agent_error(
        BAD, BAD, recoverable=True, recovery_suggestions=[BAD], reference="err_1"
    ),
}


@pytest.mark.parametrize("saying", SAYINGS)
async def test_what_cannot_be_stored_is_replaced_wherever_it_stands(
    saying: str, autojump_clock: MockClock
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester", BAD)
        event = SAYINGS[saying](stage.mouth).event
        started = (await stage.events())[1]
    assert started.payload.message == GOOD  # type: ignore[attr-defined]
    shown = repr(decode_event(encode_event(event)).payload)
    assert GOOD in shown
    assert "\\x00" not in shown
    assert "\\ud800" not in shown


async def test_a_tool_with_an_unstorable_name_is_closed_under_the_name_it_got(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        stage.mouth.send_tool_executing(CALL, BAD, "Try")
        stage.mouth.send_tool_completed(
            CALL, BAD, "error", execution_time_ms=0, result={BAD: BAD}, error=BAD
        )
        found = await stage.events()
    done = only(found, "tool_completed")
    assert (done.tool_name, done.result, done.error) == (GOOD, {GOOD: GOOD}, GOOD)


async def test_texts_are_cut_at_their_limits(autojump_clock: MockClock) -> None:
    long = "x" * 5_000
    async with open_stage() as stage:
        mouth = stage.mouth
        mouth.send_agent_started("tester", long)
        mouth.send_agent_thinking(long)
        mouth.send_tool_executing(CALL, "t", "p", parameters={"a": long}, parameters_summary=long)
        mouth.send_tool_completed(CALL, "t", "error", execution_time_ms=0, error=long)
        mouth.send_final_report(None, total_duration_ms=0, executive_summary=long)
        mouth.send_agent_error(
            "code", long, recoverable=True, recovery_suggestions=[long], reference="err_1"
        )
        found = await stage.events()
    assert len(only(found, "agent_started").message) == 500
    assert len(only(found, "agent_thinking").thought) == 2_000
    assert len(only(found, "tool_executing").parameters["a"]) == 200
    assert len(only(found, "tool_executing").parameters_summary) == 500
    assert len(only(found, "tool_completed").error) == 300
    assert len(only(found, "final_report").executive_summary) == 500
    assert len(only(found, "agent_error").user_friendly_message) == 300
    assert [len(words) for words in only(found, "agent_error").recovery_suggestions] == [300]


async def test_an_event_keeps_what_it_was_given_when_the_giver_changes_it_later(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        mood = {"good": True}
        event = stage.mouth.send_custom("mood", mood).event
        mood["good"] = False
        assert event.payload.data == {"good": True}  # type: ignore[attr-defined]


async def test_an_event_over_its_limit_is_refused(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        with pytest.raises(EventTooLarge, match="custom has"):
            stage.mouth.send_custom("big", "x" * 70_000)
        stage.mouth.send_partial_result("still works")


async def test_a_full_log_refuses_talk_and_still_takes_the_terminal(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(limits=LogLimits(full_bytes=2_000)) as stage:
        stage.mouth.send_agent_started("tester")
        for _ in range(5):
            stage.mouth.send_partial_result("x" * 100)
        with pytest.raises(LogFull):
            stage.mouth.send_partial_result("x" * 1_000)
        stage.mouth.send_agent_completed("failed", duration_ms=1, metrics={})
        check_grammar(await stage.events())
