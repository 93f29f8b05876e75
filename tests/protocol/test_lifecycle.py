import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.errors import IllegalTransition
from netra_actors.protocol import events as e
from netra_actors.protocol.lifecycle import Lifecycle, Phase
from scripts.histories import History

ASK = e.UserMessage(content="Why?", priority="normal", policy="enqueue")
START = e.AgentStarted(agent_name="analyst")
THINK = e.AgentThinking(thought="hm", urgency="low")
SAY = e.PartialResult(content="a", is_complete=False)
TOOL = e.ToolExecuting(call_id="c1", tool_name="query", tool_purpose="p", parameters={})
TOOL_DONE = e.ToolCompleted(call_id="c1", tool_name="query", status="success", execution_time_ms=1)
SUB = e.SubagentStarted(subagent_run_id="sub", subagent_name="reader")
SUB_DONE = e.SubagentCompleted(subagent_run_id="sub", subagent_name="reader")
REPORT = e.FinalReport(recommendations=[], action_plan=[], total_duration_ms=1)
ERROR = e.AgentError(
    error_type="t", user_friendly_message="m", recoverable=False, recovery_suggestions=[],
    reference="r",
)  # fmt: skip
CANCEL = e.RunCancelling(by="phone")
QUEUED = e.RunQueued(place=1)
SUPERSEDED = e.RunSuperseded(by="msg_2")


def _end(status: e.RunStatus = "completed") -> e.AgentCompleted:
    return e.AgentCompleted(status=status, duration_ms=1, metrics={})


def _advance(lifecycle: Lifecycle, *payloads: e.Payload, run_id: str = "run") -> None:
    parent = "run" if run_id == "sub" else None
    for payload in payloads:
        lifecycle.advance(
            payload, run_id=run_id, parent_run_id=parent, thread_id="thr", message_id="msg"
        )


def _after(*payloads: e.Payload) -> Lifecycle:
    lifecycle = Lifecycle()
    _advance(lifecycle, *payloads)
    return lifecycle


def _picture(lifecycle: Lifecycle) -> list[Any]:
    return [
        (run.run_id, run.phase, run.cancelling, run.agent_name, dict(run.tools),
         dict(run.subruns), dict(run.ended), run.cancelled_by)
        for run in lifecycle.runs.values()
    ]  # fmt: skip


LEGAL: list[tuple[e.Payload, ...]] = [
    (ASK, START, _end()),
    (ASK, QUEUED, QUEUED, START, THINK, SAY, e.ProgressUpdate(), e.Custom(name="x"), _end()),
    (ASK, START, TOOL, THINK, TOOL_DONE, TOOL, TOOL_DONE, REPORT, _end()),
    (ASK, START, REPORT, ERROR, _end("failed")),
    (ASK, START, ERROR, _end("failed")),
    (ASK, START, _end("failed")),
    (ASK, START, _end("interrupted")),
    (ASK, START, CANCEL, TOOL, SAY, TOOL_DONE, _end("cancelled")),
    (ASK, START, REPORT, SUPERSEDED, CANCEL, _end("interrupted")),
    (ASK, CANCEL, QUEUED, SUPERSEDED, START, _end("cancelled")),
    (ASK, START, SUPERSEDED, _end("cancelled")),
]


@pytest.mark.parametrize("payloads", LEGAL)
def test_a_legal_run_leaves_nothing_behind(payloads: tuple[e.Payload, ...]) -> None:
    assert _after(*payloads).runs == {}


ILLEGAL: list[tuple[tuple[e.Payload, ...], e.Payload, str]] = [
    ((), START, "not open"),
    ((), THINK, "not open"),
    ((), CANCEL, "not open"),
    ((ASK,), ASK, "is queued"),
    ((ASK,), THINK, "expected agent_started"),
    ((ASK,), TOOL, "expected agent_started"),
    ((ASK,), SUB, "expected agent_started"),
    ((ASK,), REPORT, "expected agent_started"),
    ((ASK,), ERROR, "expected agent_started"),
    ((ASK,), _end("cancelled"), "expected agent_started"),
    ((ASK, CANCEL), CANCEL, "being cancelled"),
    ((ASK, START), START, "is running"),
    ((ASK, START), QUEUED, "is running"),
    ((ASK, START), ASK, "is running"),
    ((ASK, START), TOOL_DONE, "expected tool_executing with call_id c1"),
    ((ASK, START, TOOL), TOOL, "a call_id that is not open"),
    ((ASK, START, TOOL), _end(), "with tools c1 open"),
    ((ASK, START, TOOL), REPORT, "with tools c1 open"),
    ((ASK, START, TOOL), ERROR, "with tools c1 open"),
    ((ASK, START, TOOL), e.ToolCompleted(
        call_id="c1", tool_name="other", status="error", execution_time_ms=1), "tool_name query"),
    ((ASK, START, SUB), SUB, "a new subagent_run_id"),
    ((ASK, START, SUB), SUB_DONE, "the terminal of sub-run sub"),
    ((ASK, START, SUB), _end(), "with sub-runs sub open"),
    ((ASK, START, SUB), REPORT, "with sub-runs sub open"),
    ((ASK, START, SUB), ERROR, "with sub-runs sub open"),
    ((ASK, START), SUB_DONE, "the terminal of sub-run sub"),
    ((ASK, START, REPORT), THINK, "is reported"),
    ((ASK, START, REPORT), SAY, "is reported"),
    ((ASK, START, REPORT), TOOL, "is reported"),
    ((ASK, START, REPORT), SUB, "is reported"),
    ((ASK, START, REPORT), REPORT, "is reported"),
    ((ASK, START, ERROR), ERROR, "status failed"),
    ((ASK, START, ERROR), THINK, "is failing"),
    ((ASK, START, ERROR), CANCEL, "is failing"),
    ((ASK, START, ERROR), SUPERSEDED, "is failing"),
    ((ASK, START, ERROR), _end(), "status failed, not completed"),
    ((ASK, START, ERROR), _end("interrupted"), "status failed, not interrupted"),
    ((ASK, START, CANCEL), ERROR, "being cancelled"),
    ((ASK, START, CANCEL), _end(), "status cancelled or interrupted, not completed"),
    ((ASK, START, CANCEL), _end("failed"), "status cancelled or interrupted, not failed"),
    ((ASK, START, _end()), SAY, "not open"),
    ((ASK, START, _end()), _end(), "not open"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "payload", "words"), ILLEGAL)
def test_an_illegal_event_is_refused_in_words_and_changes_nothing(
    before: tuple[e.Payload, ...], payload: e.Payload, words: str
) -> None:
    lifecycle = _after(*before)
    picture = _picture(lifecycle)
    with pytest.raises(IllegalTransition) as caught:
        _advance(lifecycle, payload)
    assert words in str(caught.value)
    assert payload.type in str(caught.value)
    assert _picture(lifecycle) == picture


def test_a_subrun_starts_and_ends_inside_its_parent() -> None:
    lifecycle = _after(ASK, START, SUB)
    subrun = lifecycle.runs["sub"]
    assert (subrun.thread_id, subrun.message_id, subrun.started) == ("thr", "msg", False)
    _advance(lifecycle, START, TOOL, run_id="sub")
    _advance(lifecycle, TOOL)
    assert lifecycle.runs["sub"].tools == lifecycle.runs["run"].tools == {"c1": "query"}
    _advance(lifecycle, TOOL_DONE, _end("failed"), run_id="sub")
    assert lifecycle.runs["run"].ended == {"sub": "failed"}
    with pytest.raises(IllegalTransition, match="a new subagent_run_id"):
        _advance(lifecycle, SUB)
    for wrong, words in (
        (e.SubagentCompleted(subagent_run_id="sub", subagent_name="x"), "subagent_name reader"),
        (
            e.SubagentCompleted(subagent_run_id="sub", subagent_name="reader", status="completed"),
            "status failed",
        ),
    ):
        with pytest.raises(IllegalTransition, match=words):
            _advance(lifecycle, wrong)
    _advance(lifecycle, SUB_DONE, TOOL_DONE, _end())
    assert lifecycle.runs == {}


def test_a_run_names_its_own_parent() -> None:
    lifecycle = _after(ASK, START, SUB)
    for run_id, parent in (("sub", None), ("sub", "other"), ("run", "sub")):
        with pytest.raises(IllegalTransition, match="parent_run_id"):
            lifecycle.advance(START, run_id=run_id, parent_run_id=parent)
    _advance(lifecycle, START, run_id="sub")
    with pytest.raises(IllegalTransition, match="expected parent_run_id run, not None"):
        lifecycle.advance(THINK, run_id="sub", parent_run_id=None)


@pytest.mark.parametrize("payload", [ASK, e.AgentStarted(agent_name="a", continues="old")])
def test_only_its_parent_introduces_a_subrun(payload: e.Payload) -> None:
    lifecycle = _after(ASK, START)
    with pytest.raises(IllegalTransition, match="expected subagent_started in that parent"):
        lifecycle.advance(payload, run_id="new", parent_run_id="run")
    assert list(lifecycle.runs) == ["run"]


def test_a_run_may_continue_one_that_ended() -> None:
    lifecycle = _after(e.AgentStarted(agent_name="analyst", continues="old"), SAY)
    assert lifecycle.runs["run"].phase is Phase.RUNNING
    for run_id, earlier in (("new", "run"), ("new", "new")):
        again = e.AgentStarted(agent_name="analyst", continues=earlier)
        with pytest.raises(IllegalTransition, match="expected a run that has its terminal"):
            lifecycle.advance(again, run_id=run_id, parent_run_id=None)


def test_events_of_the_session_have_no_run() -> None:
    lifecycle = Lifecycle()
    renamed = e.ThreadRenamed(title="b")
    for payload in (e.ThreadCreated(title="a"), renamed, e.ThreadDeleted(title="a"), e.Erased()):
        lifecycle.advance(payload, run_id=None, parent_run_id=None)
    with pytest.raises(IllegalTransition, match="expected no run_id"):
        lifecycle.advance(renamed, run_id="run", parent_run_id=None)
    with pytest.raises(IllegalTransition, match="without a run_id"):
        lifecycle.advance(THINK, run_id=None, parent_run_id=None)


@pytest.mark.parametrize("payload", [e.Erased(), e.Unknown()])
def test_what_cannot_be_read_passes_with_any_run(payload: e.Payload) -> None:
    lifecycle = Lifecycle()
    lifecycle.advance(payload, run_id="run", parent_run_id="x")
    assert lifecycle.runs == {}


def test_a_closer_can_read_what_is_open() -> None:
    lifecycle = _after(ASK, START, TOOL, SUB, CANCEL)
    run = lifecycle.runs["run"]
    assert (run.agent_name, run.cancelled_by, run.cancelling) == ("analyst", "phone", True)
    assert run.describe() == (
        "running and being cancelled and with tools c1 open and with sub-runs sub open"
    )


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_stored_events_rebuild_what_was_open(rng: random.Random, steps: int) -> None:
    history = History(rng)
    again = Lifecycle()
    for event in history.write(steps):
        again.advance(
            event.payload,
            run_id=event.run_id,
            parent_run_id=event.parent_run_id,
            thread_id=event.thread_id,
            message_id=event.message_id,
        )
    assert _picture(again) == _picture(history.lifecycle)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.randoms(use_true_random=False))
def test_whatever_comes_is_taken_whole_or_not_at_all(rng: random.Random) -> None:
    events = History(rng).write(20)
    lifecycle = Lifecycle()
    for event in rng.choices(events, k=80):
        picture = _picture(lifecycle)
        try:
            lifecycle.advance(event.payload, run_id=event.run_id, parent_run_id=event.parent_run_id)
        except IllegalTransition:
            assert _picture(lifecycle) == picture
        for run in lifecycle.runs.values():
            assert (
                run.parent_run_id is None or run.run_id in lifecycle.runs[run.parent_run_id].subruns
            )
            assert set(run.ended) <= set(run.subruns)


def test_the_common_case_makes_no_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle = _after(ASK, START)

    def fail(*_: object) -> None:
        pytest.fail("the slow path was taken")

    monkeypatch.setattr(Lifecycle, "_introduce", fail)
    monkeypatch.setattr("netra_actors.protocol.lifecycle._STEPS", {})
    monkeypatch.setattr("netra_actors.protocol.lifecycle._check_session_level", fail)
    check: Callable[..., None] = lifecycle.advance
    for payload in (THINK, SAY, e.ProgressUpdate(), e.Custom(name="x")):
        check(payload, run_id="run", parent_run_id=None)
