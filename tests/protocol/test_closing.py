import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.errors import IllegalTransition
from netra_actors.protocol import events as e
from netra_actors.protocol.closing import Closer, Closing
from netra_actors.protocol.lifecycle import Lifecycle
from scripts.fold_vectors import Script
from scripts.histories import History


def _tool(call_id: str) -> e.ToolExecuting:
    return e.ToolExecuting(call_id=call_id, tool_name="query", tool_purpose="p", parameters={})


def _append(lifecycle: Lifecycle, closers: list[Closer]) -> list[tuple[str, str]]:
    for closer in closers:
        run = closer.run
        lifecycle.advance(closer.payload, run_id=run.run_id, parent_run_id=run.parent_run_id)
    return [(closer.run.run_id, closer.payload.type) for closer in closers]


def _nested() -> Lifecycle:
    script = Script()
    script.start("run")
    script.act("run", _tool("c1"), e.SubagentStarted(subagent_run_id="a", subagent_name="A"))
    script.act("run", e.SubagentStarted(subagent_run_id="b", subagent_name="B"))
    script.act("a", e.AgentStarted(agent_name="A"), _tool("c2"))
    script.act("a", e.SubagentStarted(subagent_run_id="aa", subagent_name="AA"))
    return script.lifecycle


def test_the_deepest_are_closed_first_and_the_tools_of_a_run_before_its_terminal() -> None:
    lifecycle = _nested()
    closers = Closing(status="interrupted", tool_status="unknown").close(lifecycle.runs, "run")
    assert _append(lifecycle, closers) == [
        ("aa", "agent_started"),
        ("aa", "agent_completed"),
        ("a", "subagent_completed"),
        ("a", "tool_completed"),
        ("a", "agent_completed"),
        ("run", "subagent_completed"),
        ("b", "agent_started"),
        ("b", "agent_completed"),
        ("run", "subagent_completed"),
        ("run", "tool_completed"),
        ("run", "agent_completed"),
    ]
    assert lifecycle.runs == {}


def test_closers_say_what_is_known() -> None:
    lifecycle = _nested()
    closing = Closing(
        status="cancelled",
        reason="drain",
        cancelled_by="drain",
        continued_by="run_2",
        elapsed_ms=len,
        text_so_far=lambda run_id: f"text of {run_id}",
        metrics={"events": 1},
    )
    closers = closing.close(lifecycle.runs, "run")
    last, inner = closers[-1].payload, closers[1].payload
    assert last == e.AgentCompleted(
        status="cancelled",
        final_response="text of run",
        duration_ms=3,
        metrics={"events": 1},
        reason="drain",
        cancelled_by="drain",
        continued_by="run_2",
    )
    assert isinstance(inner, e.AgentCompleted)
    assert inner.continued_by is None
    assert closers[0].payload == e.AgentStarted(agent_name="AA")
    assert closers[3].payload == e.ToolCompleted(
        call_id="c2", tool_name="query", status="cancelled", execution_time_ms=2
    )


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_subruns_of_a_run_that_ends_by_itself_are_cancelled(status: e.RunStatus) -> None:
    lifecycle = _nested()
    closers = Closing(status=status).close(lifecycle.runs, "run")
    statuses = {
        closer.run.run_id: closer.payload.status
        for closer in closers
        if isinstance(closer.payload, e.AgentCompleted)
    }
    assert statuses == {"aa": "cancelled", "a": "cancelled", "b": "cancelled", "run": status}


def test_what_was_said_before_decides_the_status() -> None:
    script = Script()
    script.start("one")
    script.act("one", e.RunCancelling(by="phone"))
    script.start("two")
    error = e.AgentError(
        error_type="t", user_friendly_message="m", recoverable=True, recovery_suggestions=[],
        reference="r",
    )  # fmt: skip
    script.act("two", error)
    (one,) = Closing(status="interrupted").close(script.lifecycle.runs, "one")
    (two,) = Closing(status="interrupted").close(script.lifecycle.runs, "two")
    assert isinstance(one.payload, e.AgentCompleted)
    assert isinstance(two.payload, e.AgentCompleted)
    assert (one.payload.status, one.payload.cancelled_by) == ("cancelled", "phone")
    assert two.payload.status == "failed"


def test_the_run_itself_can_be_left_open() -> None:
    lifecycle = _nested()
    _append(lifecycle, Closing(status="failed").close_inside(lifecycle.runs, "run"))
    assert list(lifecycle.runs) == ["run"]
    assert not lifecycle.runs["run"].tools
    assert not lifecycle.runs["run"].subruns


def test_a_subrun_with_a_terminal_is_only_taken_note_of() -> None:
    lifecycle = _nested()
    _append(lifecycle, Closing(status="completed").close(lifecycle.runs, "a"))
    closers = Closing(status="cancelled").close_inside(lifecycle.runs, "run")
    assert closers[0].payload == e.SubagentCompleted(
        subagent_run_id="a", subagent_name="A", status="cancelled", duration_ms=0
    )


def test_a_queued_run_is_started_to_be_closed() -> None:
    script = Script()
    script.ask("run")
    closing = Closing(status="cancelled", agent_name="analyst")
    first, last = closing.close(script.lifecycle.runs, "run")
    assert first.payload == e.AgentStarted(agent_name="analyst")
    assert isinstance(last.payload, e.AgentCompleted)


def test_a_run_that_is_not_open_cannot_be_closed() -> None:
    with pytest.raises(KeyError):
        Closing(status="cancelled").close({}, "run")


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(["completed", "failed", "cancelled", "interrupted"]),
)
def test_whatever_is_open_can_be_closed_legally(rng: random.Random, status: e.RunStatus) -> None:
    history = History(rng)
    history.write(30)
    lifecycle = history.lifecycle
    while lifecycle.runs:
        top = next(run for run in lifecycle.runs.values() if run.parent_run_id is None)
        try:
            _append(lifecycle, Closing(status=status).close(lifecycle.runs, top.run_id))
        except IllegalTransition as error:  # pragma: no cover
            pytest.fail(str(error))
        assert top.run_id not in lifecycle.runs
