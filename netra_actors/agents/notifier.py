"""The notifier: a run's typed mouth.

Each `send_*` appends one event to the session's log, at once and without waiting, and returns
an `Emitted`. Awaiting that is a separate step: it gives others a turn now and then, and waits
while too much is uncommitted. A notifier knows no socket and no other user.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, final

import attrs

from netra_actors.agents.values import builtins
from netra_actors.errors import RunClosed
from netra_actors.identity import CallID, MessageID, RunID, ThreadID
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol import events
from netra_actors.protocol.events import Event, FileRef, Payload, RunStatus, ToolStatus, Urgency
from netra_actors.protocol.redaction import redact
from netra_actors.protocol.text import clean_text, cut

MAX_THOUGHT: Final = 2_000
MAX_SUMMARY: Final = 500
MAX_ERROR: Final = 300


class Emitted:
    """An event that has its place in the log; await it to let others run."""

    __slots__ = ("_log", "event")

    def __init__(self, log: SessionLog, event: Event) -> None:
        self._log = log
        self.event = event

    def __await__(self) -> Generator[Any, Any, Event]:
        """Return the event; now and then after a checkpoint, and after waiting for room.

        Cancellation: the event stays appended.
        """
        if self._log.must_breathe:
            yield from self._log.breathe().__await__()
        return self.event


@final
@attrs.define(eq=False, kw_only=True)
class WebSocketNotifier:
    """Appends one run's events.

    Every method raises `IllegalTransition` when the grammar forbids the event here (nothing was
    appended), `LogFull` when too much is uncommitted, `EventTooLarge` over 64 KiB, and
    `RunClosed` after the terminal.

    Attributes:
        counts: how many events of each type were sent.
    """

    log: SessionLog
    run_id: RunID
    thread_id: ThreadID
    message_id: MessageID | None = None
    parent_run_id: RunID | None = None
    counts: dict[str, int] = attrs.field(factory=dict, init=False)
    closed: bool = attrs.field(default=False, init=False)

    def send(self, payload: Payload) -> Emitted:
        """Append *payload*, whose text must be clean, as an event of this run."""
        if self.closed:
            raise RunClosed(f"{payload.type} after the end of {self.run_id}")
        event = self.log.append(
            payload,
            thread_id=self.thread_id,
            run_id=self.run_id,
            parent_run_id=self.parent_run_id,
            message_id=self.message_id,
        )
        self.counts[event.type] = self.counts.get(event.type, 0) + 1
        return Emitted(self.log, event)

    def send_agent_started(
        self,
        agent_name: str,
        message: str | None = None,
        *,
        attempt: int | None = None,
        continues: str | None = None,
    ) -> Emitted:
        """The run begins."""
        return self.send(
            events.AgentStarted(
                agent_name=agent_name,
                message=message and cut(clean_text(message), MAX_SUMMARY),
                attempt=attempt,
                continues=continues,
            )
        )

    def send_agent_thinking(
        self,
        thought: str,
        *,
        step_number: int | None = None,
        total_steps: int | None = None,
        progress_percentage: float | None = None,
        estimated_remaining_ms: int | None = None,
        current_operation: str | None = None,
        urgency: Urgency = "low",
    ) -> Emitted:
        """What the agent is at."""
        return self.send(
            events.AgentThinking(
                thought=cut(clean_text(thought), MAX_THOUGHT),
                step_number=step_number,
                total_steps=total_steps,
                progress_percentage=progress_percentage,
                estimated_remaining_ms=estimated_remaining_ms,
                current_operation=current_operation and clean_text(current_operation),
                urgency=urgency,
            )
        )

    def send_partial_result(self, content: str, *, is_complete: bool = False) -> Emitted:
        """A piece of the answer; at most about 60 KiB (`Run.partial` splits longer ones)."""
        return self.send(events.PartialResult(content=clean_text(content), is_complete=is_complete))

    def send_tool_executing(
        self,
        call_id: CallID,
        tool_name: str,
        tool_purpose: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        parameters_summary: str | None = None,
        estimated_duration_ms: int | None = None,
    ) -> Emitted:
        """A tool begins; *parameters* are redacted here."""
        return self.send(
            events.ToolExecuting(
                call_id=call_id,
                tool_name=clean_text(tool_name),
                tool_purpose=clean_text(tool_purpose),
                parameters=redact(dict(parameters or {})),
                parameters_summary=parameters_summary
                and cut(clean_text(parameters_summary), MAX_SUMMARY),
                estimated_duration_ms=estimated_duration_ms,
            )
        )

    def send_tool_completed(
        self,
        call_id: CallID,
        tool_name: str,
        status: ToolStatus,
        *,
        execution_time_ms: int,
        result: Any = None,
        result_ref: FileRef | None = None,
        error: str | None = None,
    ) -> Emitted:
        """A tool ended."""
        return self.send(
            events.ToolCompleted(
                call_id=call_id,
                tool_name=clean_text(tool_name),
                status=status,
                execution_time_ms=execution_time_ms,
                result=builtins(result),
                result_ref=result_ref,
                error=error and cut(clean_text(error), MAX_ERROR),
            )
        )

    def send_final_report(
        self,
        report: Any,
        *,
        total_duration_ms: int,
        report_ref: FileRef | None = None,
        executive_summary: str | None = None,
        recommendations: Sequence[Any] = (),
        action_plan: Sequence[Any] = (),
        cost_analysis: Any = None,
        confidence: float | None = None,
    ) -> Emitted:
        """The structured result."""
        return self.send(
            events.FinalReport(
                report=builtins(report),
                report_ref=report_ref,
                executive_summary=executive_summary
                and cut(clean_text(executive_summary), MAX_SUMMARY),
                recommendations=[builtins(item) for item in recommendations],
                action_plan=[builtins(item) for item in action_plan],
                cost_analysis=builtins(cost_analysis),
                confidence=confidence,
                total_duration_ms=total_duration_ms,
            )
        )

    def send_agent_completed(
        self, status: RunStatus, *, duration_ms: int, metrics: Mapping[str, Any], **more: Any
    ) -> Emitted:
        """Append the terminal and close; *more* are optional fields of `AgentCompleted`."""
        emitted = self.send(
            events.AgentCompleted(
                status=status, duration_ms=duration_ms, metrics=dict(metrics), **more
            )
        )
        self.closed = True
        return emitted

    def send_agent_error(
        self,
        error_type: str,
        user_friendly_message: str,
        *,
        recoverable: bool,
        recovery_suggestions: Sequence[str],
        reference: str,
    ) -> Emitted:
        """Why the run fails; a `failed` terminal follows directly."""
        return self.send(
            events.AgentError(
                error_type=cut(clean_text(error_type), MAX_ERROR),
                user_friendly_message=cut(clean_text(user_friendly_message), MAX_ERROR),
                recoverable=recoverable,
                recovery_suggestions=[
                    cut(clean_text(words), MAX_ERROR) for words in recovery_suggestions
                ],
                reference=reference,
            )
        )

    def send_subagent_started(self, subagent_run_id: RunID, subagent_name: str) -> Emitted:
        """Announce a sub-run; its own `agent_started` may follow."""
        return self.send(
            events.SubagentStarted(subagent_run_id=subagent_run_id, subagent_name=subagent_name)
        )

    def send_subagent_completed(
        self,
        subagent_run_id: RunID,
        subagent_name: str,
        status: RunStatus,
        *,
        duration_ms: int,
    ) -> Emitted:
        """The sub-run has its terminal."""
        return self.send(
            events.SubagentCompleted(
                subagent_run_id=subagent_run_id,
                subagent_name=subagent_name,
                status=status,
                duration_ms=duration_ms,
            )
        )

    def send_progress_update(
        self,
        *,
        percentage: float | None = None,
        current_step: int | None = None,
        total_steps: int | None = None,
        message: str | None = None,
    ) -> Emitted:
        """How far the run is."""
        return self.send(
            events.ProgressUpdate(
                percentage=percentage,
                current_step=current_step,
                total_steps=total_steps,
                message=message and clean_text(message),
            )
        )

    def send_custom(self, name: str, data: Any = None) -> Emitted:
        """Append an event of the agent author's own making; *data* is anything JSON can hold."""
        return self.send(events.Custom(name=clean_text(name), data=builtins(data)))
