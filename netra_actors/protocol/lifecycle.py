"""The grammar of runs: which event may follow which, checked before an event gets its `seq`.

A run is *introduced* by its `user_message`, by its parent's `subagent_started`, or by an
`agent_started` that `continues` an interrupted run. It is then queued, running, reported (after
`final_report`), failing (after `agent_error`), and forgotten at its one terminal. Being
cancelled is beside these: `run_cancelling` may come in all but the failing one.

One `Lifecycle` belongs to one session. It is built again from stored events by advancing over
them, and `runs` is then what was open.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, final

import attrs

from netra_actors.errors import IllegalTransition
from netra_actors.protocol.events import (
    AgentCompleted,
    AgentError,
    AgentStarted,
    AgentThinking,
    Custom,
    FinalReport,
    PartialResult,
    Payload,
    ProgressUpdate,
    RunCancelling,
    RunQueued,
    RunSuperseded,
    SubagentCompleted,
    SubagentStarted,
    ThreadCreated,
    ThreadDeleted,
    ThreadRenamed,
    ToolCompleted,
    ToolExecuting,
    UserMessage,
)
from netra_actors.protocol.runs import Phase, RunState

__all__ = ["Lifecycle", "Phase", "RunState"]


_EXPECTED: Final[Mapping[Phase, str]] = {
    Phase.QUEUED: "agent_started, run_queued, run_superseded or run_cancelling",
    Phase.RUNNING: "what a running agent does, or agent_completed once nothing is open",
    Phase.REPORTED: "agent_error, run_cancelling, run_superseded or agent_completed",
    Phase.FAILING: "agent_completed with status failed",
}


@final
@attrs.define(eq=False)
class Lifecycle:
    """Which runs of one session are open, and what may happen to each.

    It holds as much as is open, and nothing of what is closed.
    """

    runs: dict[str, RunState] = attrs.field(factory=dict, init=False)
    """The open runs, in the order of their introduction."""

    def advance(
        self,
        payload: Payload,
        *,
        run_id: str | None,
        parent_run_id: str | None,
        thread_id: str | None = None,
        message_id: str | None = None,
    ) -> None:
        """Take the next event of the session; the other arguments are its envelope's.

        Raises:
            IllegalTransition: it may not happen here; nothing was changed.
        """
        run = self.runs.get(run_id)  # type: ignore[arg-type]  # None finds nothing, as it should
        kind = type(payload)
        if (
            kind in _TALK
            and run is not None
            and run.phase is Phase.RUNNING
            and run.parent_run_id == parent_run_id
        ):
            return
        if kind not in _STEPS:
            _check_session_level(payload, run_id)
            return
        if run_id is None:
            raise IllegalTransition(f"{payload.type} came without a run_id; expected its run's")
        if run is None:
            self._introduce(
                RunState(
                    run_id=run_id,
                    parent_run_id=parent_run_id,
                    thread_id=thread_id,
                    message_id=message_id,
                ),
                payload,
            )
            return
        if run.parent_run_id != parent_run_id:
            raise _illegal(run, payload, f"parent_run_id {run.parent_run_id}, not {parent_run_id}")
        _STEPS[kind](self, run, payload)

    def _introduce(self, run: RunState, payload: Payload) -> None:
        match payload:
            case UserMessage():
                pass
            case AgentStarted(agent_name=name, continues=str(earlier)):
                if earlier in self.runs or earlier == run.run_id:
                    raise IllegalTransition(
                        f"agent_started of {run.run_id} continues {earlier}; "
                        "expected a run that has its terminal"
                    )
                run.agent_name, run.phase = name, Phase.RUNNING
            case _:
                raise IllegalTransition(
                    f"{payload.type} came for run {run.run_id}, which is not open; expected a "
                    "run without a terminal that user_message or subagent_started introduced"
                )
        if run.parent_run_id is not None:
            raise IllegalTransition(
                f"{payload.type} of {run.run_id} names the parent {run.parent_run_id}; "
                "expected subagent_started in that parent first"
            )
        self.runs[run.run_id] = run


def _illegal(run: RunState, payload: Payload, expected: str | None = None) -> IllegalTransition:
    return IllegalTransition(
        f"{payload.type} came for run {run.run_id}, which is {run.describe()}; "
        f"expected {expected or _EXPECTED[run.phase]}"
    )


def _check_session_level(payload: Payload, run_id: str | None) -> None:
    # `erased` keeps the envelope of what it replaces, and an unknown event is a later
    # release's business: both pass with any run.
    if isinstance(payload, ThreadCreated | ThreadRenamed | ThreadDeleted) and run_id is not None:
        raise IllegalTransition(f"{payload.type} came for run {run_id}; expected no run_id")


def _refuse(_: Lifecycle, run: RunState, payload: Payload) -> None:
    raise _illegal(run, payload)


def _queue(_: Lifecycle, run: RunState, payload: RunQueued) -> None:
    if run.phase is not Phase.QUEUED:
        raise _illegal(run, payload)


def _supersede(_: Lifecycle, run: RunState, payload: RunSuperseded) -> None:
    if run.phase is Phase.FAILING:
        raise _illegal(run, payload)


def _cancel(_: Lifecycle, run: RunState, payload: RunCancelling) -> None:
    if run.cancelling or run.phase is Phase.FAILING:
        raise _illegal(run, payload)
    run.cancelling, run.cancelled_by = True, payload.by


def _start(_: Lifecycle, run: RunState, payload: AgentStarted) -> None:
    if run.phase is not Phase.QUEUED:
        raise _illegal(run, payload)
    run.agent_name, run.phase = payload.agent_name, Phase.RUNNING


def _open_tool(_: Lifecycle, run: RunState, payload: ToolExecuting) -> None:
    if run.phase is not Phase.RUNNING:
        raise _illegal(run, payload)
    if payload.call_id in run.tools:
        raise _illegal(run, payload, f"a call_id that is not open, not {payload.call_id}")
    run.tools[payload.call_id] = payload.tool_name


def _close_tool(_: Lifecycle, run: RunState, payload: ToolCompleted) -> None:
    name = run.tools.get(payload.call_id)
    if name is None:
        raise _illegal(run, payload, f"tool_executing with call_id {payload.call_id} before it")
    if name != payload.tool_name:
        raise _illegal(run, payload, f"tool_name {name}, not {payload.tool_name}")
    del run.tools[payload.call_id]


def _open_subrun(runs: Lifecycle, run: RunState, payload: SubagentStarted) -> None:
    subrun_id = payload.subagent_run_id
    if run.phase is not Phase.RUNNING:
        raise _illegal(run, payload)
    if subrun_id in runs.runs or subrun_id in run.subruns:
        raise _illegal(run, payload, f"a new subagent_run_id, not {subrun_id}")
    run.subruns[subrun_id] = payload.subagent_name
    runs.runs[subrun_id] = RunState(
        run_id=subrun_id,
        parent_run_id=run.run_id,
        thread_id=run.thread_id,
        message_id=run.message_id,
    )


def _close_subrun(_: Lifecycle, run: RunState, payload: SubagentCompleted) -> None:
    subrun_id = payload.subagent_run_id
    status = run.ended.get(subrun_id)
    if status is None:
        raise _illegal(run, payload, f"the terminal of sub-run {subrun_id} before it")
    if payload.status not in {None, status}:
        raise _illegal(run, payload, f"status {status}, as the terminal of {subrun_id} said")
    if run.subruns[subrun_id] != payload.subagent_name:
        raise _illegal(run, payload, f"subagent_name {run.subruns[subrun_id]}")
    del run.subruns[subrun_id], run.ended[subrun_id]


def _report(_: Lifecycle, run: RunState, payload: FinalReport) -> None:
    if run.phase is not Phase.RUNNING or run.tools or run.subruns:
        raise _illegal(run, payload)
    run.phase = Phase.REPORTED


def _fail(_: Lifecycle, run: RunState, payload: AgentError) -> None:
    # Its terminal would have to be both `failed` and `cancelled`, so not while cancelling.
    if run.phase in {Phase.QUEUED, Phase.FAILING} or run.cancelling or run.tools or run.subruns:
        raise _illegal(run, payload)
    run.phase = Phase.FAILING


def _complete(runs: Lifecycle, run: RunState, payload: AgentCompleted) -> None:
    if run.phase is Phase.QUEUED or run.tools or run.subruns:
        raise _illegal(run, payload)
    if run.cancelling and payload.status not in {"cancelled", "interrupted"}:
        raise _illegal(run, payload, f"status cancelled or interrupted, not {payload.status}")
    if run.phase is Phase.FAILING and payload.status != "failed":
        raise _illegal(run, payload, f"status failed, not {payload.status}")
    del runs.runs[run.run_id]
    if run.parent_run_id is not None:
        runs.runs[run.parent_run_id].ended[run.run_id] = payload.status


_TALK: Final[frozenset[type[Payload]]] = frozenset({
    AgentThinking,
    PartialResult,
    ProgressUpdate,
    Custom,
})
_STEPS: Final[Mapping[type[Payload], Callable[[Lifecycle, RunState, Any], None]]] = {
    **dict.fromkeys(_TALK, _refuse),
    UserMessage: _refuse,
    RunQueued: _queue,
    RunSuperseded: _supersede,
    RunCancelling: _cancel,
    AgentStarted: _start,
    ToolExecuting: _open_tool,
    ToolCompleted: _close_tool,
    SubagentStarted: _open_subrun,
    SubagentCompleted: _close_subrun,
    FinalReport: _report,
    AgentError: _fail,
    AgentCompleted: _complete,
}
