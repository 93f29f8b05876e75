"""Execution: one terminal for every run, and words for the user that give nothing away."""

from collections.abc import MutableMapping
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.agents import Run, UserMessage, agent, tool
from netra_actors.agents.execution import execute, explain
from netra_actors.errors import (
    ClientError,
    IllegalTransition,
    InvalidContextError,
    LogFull,
    NetraError,
    NotFound,
    QuotaExceeded,
    RecordCorrupt,
    RecordUnavailable,
)
from netra_actors.identity import CallID
from netra_actors.log.limits import EventTooLarge, LogLimits
from netra_actors.protocol.events import RunCancelling, encode_event
from tests.agents.stage import all_of, only, open_stage
from tests.sessions.world import check_grammar, open_world, types

Logs = list[MutableMapping[str, Any]]
SECRET = "postgresql://netra:hunter2@10.0.0.7/netra"


@tool(purpose="Wait")
async def wait(seconds: float) -> None:
    await trio.sleep(seconds)


@agent("answering", promises={"agent_thinking", "final_report"})
async def answering(run: Run, answer: Any = "forty-two") -> Any:
    await run.partial("so far")
    await trio.sleep(1)
    return answer


@agent("crashing")
async def crashing(run: Run, crash: BaseException) -> None:
    await run.partial("so far")
    raise crash


@agent("waiting")
async def waiting(run: Run, message: UserMessage | None = None) -> str:
    await run.partial("so far")
    await run.call(wait, 1_000)
    return "never"


async def test_a_run_that_returns_is_completed_with_its_answer(
    autojump_clock: MockClock, logs: Logs
) -> None:
    async with open_stage() as stage:
        outcome = await stage.play(answering)
        found = await stage.events()
    check_grammar(found)
    terminal = only(found, "agent_completed")
    assert (outcome.status, outcome.value, outcome.crash) == ("completed", "forty-two", None)
    assert (terminal.status, terminal.final_response) == ("completed", "forty-two")
    assert (terminal.duration_ms, terminal.cancelled_by, terminal.reason) == (1_000, None, None)
    assert terminal.metrics == {"events": 3, "tools": 0, "subagents": 0}
    assert logs == []


@pytest.mark.parametrize("answer", [None, 7, {"not": "text"}])
async def test_without_an_answer_in_text_the_streamed_text_is_it(
    answer: Any, autojump_clock: MockClock
) -> None:
    async with open_stage() as stage:
        outcome = await stage.play(answering, answer)
        terminal = only(await stage.events(), "agent_completed")
    assert (outcome.value, terminal.final_response) == (answer, "so far")


async def test_an_answer_is_cleaned(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        await stage.play(answering, "a\x00\ud800")
        terminal = only(await stage.events(), "agent_completed")
    assert terminal.final_response == "a\ufffd\ufffd"


async def test_attempt_and_continuation_stand_in_the_start(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        work = partial(answering.fn, stage.run)
        await execute(stage.run, answering, work, attempt=2)
        started = only(await stage.events(), "agent_started")
    assert (started.agent_name, started.attempt, started.continues) == ("answering", 2, None)


async def test_promised_events_that_did_not_come_are_reported(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        await stage.play(answering)
    assert stage.missing == [("run_1", "answering", ["agent_thinking", "final_report"])]


async def test_a_run_that_keeps_its_promises_is_not_reported(autojump_clock: MockClock) -> None:
    @agent("true", promises={"agent_started", "agent_thinking", "agent_completed"})
    async def true(run: Run) -> None:
        await run.think("as promised")

    async with open_stage() as stage:
        await stage.play(true)
    assert stage.missing == []


async def test_a_run_that_failed_owes_nothing(autojump_clock: MockClock) -> None:
    @agent("failing", promises={"final_report"})
    async def failing(run: Run) -> None:
        raise ValueError

    async with open_stage() as stage:
        await stage.play(failing)
    assert stage.missing == []


async def test_a_crash_is_told_and_logged_under_one_reference(
    autojump_clock: MockClock, logs: Logs
) -> None:
    crash = ValueError(SECRET)
    async with open_stage() as stage:
        outcome = await stage.play(crashing, crash)
        found = await stage.events()
    check_grammar(found)
    assert types(found)[-2:] == ["agent_error", "agent_completed"]
    told, terminal = only(found, "agent_error"), only(found, "agent_completed")
    [logged] = logs
    assert (outcome.status, outcome.crash) == ("failed", crash)
    assert (terminal.status, terminal.final_response) == ("failed", "so far")
    assert logged["event"] == "run_failed"
    assert logged["reference"] == told.reference
    assert logged["exc_info"] is crash
    assert (logged["run_id"], logged["user_id"], logged["agent"]) == ("run_1", "alice", "crashing")
    assert not any(SECRET.encode() in encode_event(event) for event in found)


async def test_a_group_of_crashes_is_told_by_its_first(autojump_clock: MockClock) -> None:
    group = ExceptionGroup("many", [ExceptionGroup("few", [NotFound("no such file")]), OSError()])
    async with open_stage() as stage:
        outcome = await stage.play(crashing, group)
        told = only(await stage.events(), "agent_error")
    assert outcome.crash is group
    assert (told.error_type, told.user_friendly_message) == ("not_found", "no such file")


async def test_a_crash_after_the_report_still_fails_the_run(autojump_clock: MockClock) -> None:
    @agent("late")
    async def late(run: Run) -> None:
        await run.report({"sum": 1})
        raise ValueError

    async with open_stage() as stage:
        await stage.play(late)
        found = await stage.events()
    check_grammar(found)
    assert types(found)[-3:] == ["final_report", "agent_error", "agent_completed"]


async def test_an_impossible_order_is_the_agents_defect(autojump_clock: MockClock) -> None:
    @agent("confused")
    async def confused(run: Run) -> None:
        await run.report({"sum": 1})
        await run.think("wait, there is more")

    async with open_stage() as stage:
        await stage.play(confused)
        found = await stage.events()
    check_grammar(found)
    assert only(found, "agent_error").error_type == "agent_defect"


async def test_tools_opened_by_hand_are_closed_with_the_run(autojump_clock: MockClock) -> None:
    @agent("untidy")
    async def untidy(run: Run) -> None:
        await run.notifier.send_tool_executing(CallID("call_1"), "hammer", "Hit")

    async with open_stage() as stage:
        await stage.play(untidy)
        found = await stage.events()
    check_grammar(found)
    assert only(found, "tool_completed").status == "cancelled"
    assert only(found, "agent_completed").status == "completed"


@pytest.mark.parametrize("then", ["return", "raise"])
async def test_an_error_told_by_hand_ends_the_run_as_failed(
    then: str, autojump_clock: MockClock, logs: Logs
) -> None:
    @agent("frank")
    async def frank(run: Run) -> None:
        await run.notifier.send_agent_error(
            "mine", "I could not", recoverable=True, recovery_suggestions=[], reference="err_x"
        )
        if then == "raise":
            raise ValueError

    async with open_stage() as stage:
        outcome = await stage.play(frank)
        found = await stage.events()
    check_grammar(found)
    assert outcome.status == "failed"
    assert only(found, "agent_error").error_type == "mine"
    assert only(found, "agent_completed").status == "failed"
    assert len(logs) == (then == "raise")


async def test_a_terminal_sent_by_hand_stays_the_only_one(autojump_clock: MockClock) -> None:
    @agent("hasty")
    async def hasty(run: Run) -> str:
        await run.notifier.send_agent_completed("completed", duration_ms=1, metrics={})
        return "ignored"

    async with open_stage() as stage:
        await stage.play(hasty)
        check_grammar(await stage.events())


async def test_advice_of_any_length_and_kind_does_not_cost_the_terminal(
    autojump_clock: MockClock,
) -> None:
    crash = NotFound("x\x00" * 40_000, recovery="\ud800" * 80_000)
    async with open_stage() as stage:
        await stage.play(crashing, crash)
        found = await stage.events()
    check_grammar(found)
    told = only(found, "agent_error")
    assert told.user_friendly_message == "x\ufffd" * 150
    assert told.recovery_suggestions == ["\ufffd" * 300]


async def test_a_stop_ends_cancelled_and_says_who(autojump_clock: MockClock) -> None:
    async with open_world(waiting) as world:
        run_id = (await world.send())["run_id"]
        await trio.sleep(1)
        await world.ask({"type": "stop_agent", "run_id": run_id})
        found = await world.settle()
    check_grammar(found)
    terminal = only(found, "agent_completed")
    assert (terminal.status, terminal.cancelled_by) == ("cancelled", "http")
    assert (terminal.descendants, terminal.final_response) == (0, "so far")
    assert only(found, "tool_completed").status == "cancelled"


async def test_a_service_that_ends_interrupts_and_says_why(autojump_clock: MockClock) -> None:
    async with open_world(waiting) as world:
        await world.send()
        await trio.sleep(1)
        (await world.entry()).engine.interrupt("the service restarts")
        found = await world.settle()
    check_grammar(found)
    terminal = only(found, "agent_completed")
    assert (terminal.status, terminal.reason) == ("interrupted", "the service restarts")
    assert (terminal.cancelled_by, terminal.descendants) == (None, None)


async def test_sub_runs_of_an_interrupted_run_are_interrupted(autojump_clock: MockClock) -> None:
    @agent("breaks")
    async def breaks(run: Run) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("could not clean up")

    @agent("parent")
    async def parent(run: Run, message: UserMessage) -> None:
        async with run.subagents() as group:
            group.start(waiting)
            group.start(breaks)

    async with open_world(parent) as world:
        await world.send()
        await trio.sleep(1)
        (await world.entry()).engine.interrupt("the service restarts")
        found = await world.settle()
    check_grammar(found)
    assert {end.status for end in all_of(found, "agent_completed")} == {"interrupted"}
    assert not all_of(found, "agent_error")


async def test_a_cancellation_that_nobody_announced_is_an_interruption(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        with trio.move_on_after(1):
            await stage.play(waiting)
        found = await stage.events()
    check_grammar(found)
    assert only(found, "agent_completed").status == "interrupted"
    assert only(found, "agent_completed").reason is None


async def test_an_answer_that_comes_with_the_stop_is_late(autojump_clock: MockClock) -> None:
    @agent("quick")
    async def quick(run: Run, message: UserMessage) -> str:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:  # noqa: ASYNC103  what is tested
            return "made it"  # noqa: ASYNC103, ASYNC104  what is tested

    async with open_world(quick) as world:
        run_id = (await world.send())["run_id"]
        await trio.sleep(1)
        await world.ask({"type": "stop_agent", "run_id": run_id})
        found = await world.settle()
    terminal = only(found, "agent_completed")
    assert (terminal.status, terminal.final_response) == ("cancelled", None)


async def test_a_crash_during_a_stop_is_logged_and_not_told(
    autojump_clock: MockClock, logs: Logs
) -> None:
    @agent("stubborn")
    async def stubborn(run: Run) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("could not clean up")

    async with open_stage() as stage:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.play, stubborn)
            await trio.sleep(1)
            stage.run.cancelled_by = "alice"
            await stage.mouth.send(RunCancelling(by="alice"))
            nursery.cancel_scope.cancel()
        found = await stage.events()
    check_grammar(found)
    assert only(found, "agent_completed").cancelled_by == "alice"
    assert not all_of(found, "agent_error")
    assert [entry["event"] for entry in logs] == ["run_failed"]


async def test_a_group_of_crash_and_cancellation_lets_the_cancellation_go_on(
    autojump_clock: MockClock, logs: Logs
) -> None:
    async def break_when_stopped() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("could not clean up")

    @agent("parallel")
    async def parallel(run: Run) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(break_when_stopped)
            nursery.start_soon(trio.sleep_forever)

    async with open_stage() as stage:
        went_on = False
        with trio.move_on_after(1) as scope:
            await stage.play(parallel)
            went_on = True
        found = await stage.events()
    check_grammar(found)
    assert scope.cancelled_caught
    assert not went_on
    assert only(found, "agent_completed").status == "failed"
    assert [type(entry["exc_info"]) for entry in logs] == [ExceptionGroup]


async def test_an_interrupt_from_the_keyboard_ends_the_run_and_goes_on(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        with pytest.raises(KeyboardInterrupt):
            await stage.play(crashing, KeyboardInterrupt())
        found = await stage.events()
    check_grammar(found)
    assert only(found, "agent_completed").status == "interrupted"


async def test_an_agent_that_leaves_by_sys_exit_fails_alone(
    autojump_clock: MockClock, logs: Logs
) -> None:
    async with open_stage() as stage:
        outcome = await stage.play(crashing, SystemExit(3))
        found = await stage.events()
    check_grammar(found)
    assert outcome.status == only(found, "agent_completed").status == "failed"
    assert str(logs[0]["exc_info"]) == "sys.exit(3)"


async def test_a_stop_wins_against_an_interruption_that_comes_after_it(
    autojump_clock: MockClock,
) -> None:
    async with open_world(waiting) as world:
        run_id = (await world.send())["run_id"]
        await trio.sleep(1)
        engine = (await world.entry()).engine
        engine.stop([run_id], "alice")
        engine.interrupt("the service restarts")
        found = await world.settle()
    terminal = only(found, "agent_completed")
    assert (terminal.status, terminal.cancelled_by) == ("cancelled", "alice")
    assert terminal.reason is None


@agent("flooding")
async def flooding(run: Run) -> None:
    while True:
        run.partial("x" * 500)  # Never awaited: nothing holds it back.


async def test_a_run_that_floods_the_log_fails_and_is_closed(autojump_clock: MockClock) -> None:
    async with open_stage(limits=LogLimits(full_bytes=40_000)) as stage:
        outcome = await stage.play(flooding)
        found = await stage.events()
    check_grammar(found)
    assert isinstance(outcome.crash, LogFull)
    assert only(found, "agent_error").error_type == "log_full"
    terminal = only(found, "agent_completed")
    assert terminal.status == "failed"
    assert len(terminal.final_response) > 20_000


async def test_where_the_text_does_not_fit_any_more_the_terminal_goes_without(
    autojump_clock: MockClock,
) -> None:
    limits = LogLimits(full_bytes=40_000, reserve_bytes=3_000)
    async with open_stage(limits=limits) as stage:
        outcome = await stage.play(flooding)
        found = await stage.events()
    check_grammar(found)
    terminal = only(found, "agent_completed")
    assert outcome.status == terminal.status == "failed"
    assert terminal.final_response is None


async def test_sub_runs_that_flood_the_log_are_all_closed(autojump_clock: MockClock) -> None:
    @agent("parent")
    async def parent(run: Run) -> None:
        async with run.subagents() as group:
            for _ in range(8):
                group.start(flooding)

    async with open_stage(limits=LogLimits(full_bytes=40_000, reserve_bytes=20_000)) as stage:
        await stage.play(parent)
        check_grammar(await stage.events())


async def test_an_agent_that_awaits_is_held_back_instead(autojump_clock: MockClock) -> None:
    @agent("patient")
    async def patient(run: Run) -> None:
        for _ in range(500):
            await run.partial("x" * 500)

    limits = LogLimits(full_bytes=40_000, wait_bytes=10_000)
    async with open_stage(limits=limits) as stage:
        outcome = await stage.play(patient)
        found = await stage.events()
    assert outcome.status == "completed"
    assert len(all_of(found, "partial_result")) == 500


@pytest.mark.parametrize(
    ("crash", "code", "recoverable"),
    [
        (RecordUnavailable(SECRET), "unavailable", True),
        (RecordCorrupt(SECRET), "unavailable", True),
        (LogFull(SECRET), "log_full", True),
        (IllegalTransition(SECRET), "agent_defect", False),
        (TimeoutError(SECRET), "timeout", True),
        (trio.TooSlowError(SECRET), "timeout", True),
        (InvalidContextError("run_id", SECRET), "internal_error", True),
        (NetraError(SECRET), "internal_error", True),
        (EventTooLarge(SECRET), "internal_error", True),
        (ValueError(SECRET), "internal_error", True),
        (KeyError(SECRET), "internal_error", True),
        (OSError(2, SECRET, SECRET), "internal_error", True),
        (ExceptionGroup(SECRET, [ValueError(SECRET)]), "internal_error", True),
        (BaseExceptionGroup(SECRET, [SystemExit(SECRET)]), "internal_error", True),
    ],
)
def test_no_crash_gives_its_own_text_away(
    crash: BaseException, code: str, recoverable: bool
) -> None:
    said = explain(crash)
    assert (said.error_type, said.recoverable) == (code, recoverable)
    assert "hunter2" not in repr(said)
    assert said.sentence.endswith(".")
    assert said.suggestions


@pytest.mark.parametrize("crash", [NotFound("no such file"), QuotaExceeded("used up")])
def test_what_was_written_for_the_client_is_told_as_it_is(crash: ClientError) -> None:
    said = explain(ExceptionGroup("one", [crash]))
    assert (said.error_type, said.sentence) == (crash.code, crash.message)
    assert said.suggestions == (crash.advice,)
    assert said.recoverable == crash.recoverable
