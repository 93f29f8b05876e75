"""What has to be appended to close an open run legally, in order.

Used where a run cannot close itself: after a crash, at a quarantine, at the end of a drain.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, final

import attrs

from netra_actors.protocol.events import (
    AgentCompleted,
    AgentStarted,
    Payload,
    RunStatus,
    SubagentCompleted,
    ToolCompleted,
    ToolStatus,
)
from netra_actors.protocol.runs import Phase, RunState

_UNNAMED: Final = "unknown"


@final
@attrs.frozen
class Closer:
    """One event to append; its envelope is `run`'s."""

    run: RunState
    payload: Payload


def _no_time(_: str) -> int:
    return 0


def _no_text(_: str) -> str | None:
    return None


@final
@attrs.frozen(kw_only=True)
class Closing:
    """How open runs are closed; it changes nothing, the caller appends.

    The functions are asked with a run_id, `elapsed_ms` also with a call_id.
    """

    status: RunStatus
    """Of the run. One that is being cancelled ends `cancelled`, one after its `agent_error`
    `failed`, whatever stands here; sub-runs end `interrupted` or `cancelled` with it."""
    tool_status: ToolStatus = "cancelled"
    """Of the open tools; `unknown` where nobody can say what they did."""
    reason: str | None = None
    cancelled_by: str | None = None
    continued_by: str | None = None
    """run_id of the run that takes up the one that is closed; not given to its sub-runs."""
    agent_name: str = _UNNAMED
    """For a run that never started, whose agent only its queue knows."""
    elapsed_ms: Callable[[str], int] = _no_time
    text_so_far: Callable[[str], str | None] = _no_text
    metrics: Mapping[str, Any] = attrs.field(factory=dict)

    def close(self, runs: Mapping[str, RunState], run_id: str) -> list[Closer]:
        """Return everything up to the terminal of *run_id*, which is open in *runs*.

        Raises:
            KeyError: it is not open.
        """
        run = runs[run_id]
        inside = list(self._inside(runs, run))
        return [*inside, *self._end(run, self._status(run), self.continued_by, self.agent_name)]

    def close_inside(self, runs: Mapping[str, RunState], run_id: str) -> list[Closer]:
        """Return what closes the tools and sub-runs of *run_id* and leaves it open itself.

        Raises:
            KeyError: it is not open.
        """
        return list(self._inside(runs, runs[run_id]))

    def _inside(self, runs: Mapping[str, RunState], run: RunState) -> Iterator[Closer]:
        for subrun_id, name in run.subruns.items():
            status = run.ended.get(subrun_id)
            if status is None:
                subrun = runs[subrun_id]
                status = self._status(subrun)
                yield from self._inside(runs, subrun)
                yield from self._end(subrun, status, None, name)
            yield Closer(
                run,
                SubagentCompleted(
                    subagent_run_id=subrun_id,
                    subagent_name=name,
                    status=status,
                    duration_ms=self.elapsed_ms(subrun_id),
                ),
            )
        for call_id, name in run.tools.items():
            yield Closer(
                run,
                ToolCompleted(
                    call_id=call_id,
                    tool_name=name,
                    status=self.tool_status,
                    execution_time_ms=self.elapsed_ms(call_id),
                ),
            )

    def _status(self, run: RunState) -> RunStatus:
        if run.phase is Phase.FAILING:
            return "failed"
        if run.cancelling:
            return "cancelled"
        if run.parent_run_id is not None and self.status != "interrupted":
            return "cancelled"
        return self.status

    def _end(
        self, run: RunState, status: RunStatus, continued_by: str | None, name: str
    ) -> Iterator[Closer]:
        if not run.started:
            yield Closer(run, AgentStarted(agent_name=name))
        yield Closer(
            run,
            AgentCompleted(
                status=status,
                final_response=self.text_so_far(run.run_id),
                duration_ms=self.elapsed_ms(run.run_id),
                metrics=dict(self.metrics),
                reason=self.reason,
                cancelled_by=run.cancelled_by or self.cancelled_by,
                continued_by=continued_by,
            ),
        )
