"""What events say: one frozen class for each type of event.

Optional fields that are `None` do not appear on the wire. All durations are milliseconds.
"""

from typing import Any, ClassVar, Final, Literal, TypeAlias

import msgspec

ToolStatus: TypeAlias = Literal["success", "error", "cancelled", "unknown"]
RunStatus: TypeAlias = Literal["completed", "failed", "cancelled", "interrupted"]
Priority: TypeAlias = Literal["low", "normal", "high"]
Policy: TypeAlias = Literal["enqueue", "reject", "interrupt"]
Urgency: TypeAlias = Literal["low", "medium", "high"]


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What an event says; one subclass for each type."""

    type: ClassVar[str]


class FileRef(msgspec.Struct, frozen=True):
    """Points at a result too large for an event, stored as a file of the user."""

    file_id: str
    bytes: int


class AttachmentRef(msgspec.Struct, frozen=True):
    """A file that came with a message."""

    file_id: str
    name: str
    bytes: int


class UserMessage(Payload, frozen=True, kw_only=True):
    """The user asked; the envelope's `run_id` is the run that this starts."""

    type: ClassVar[str] = "user_message"
    content: str
    priority: Priority
    policy: Policy
    attachments: tuple[AttachmentRef, ...] | None = None
    agent: str | None = None
    """Who was asked; a run that waits over a restart needs it."""


class RunQueued(Payload, frozen=True, kw_only=True):
    """The run waits; `place` counts from 1."""

    type: ClassVar[str] = "run_queued"
    place: int


class RunSuperseded(Payload, frozen=True, kw_only=True):
    """Another message took this run's place; `by` is its message_id."""

    type: ClassVar[str] = "run_superseded"
    by: str


class AgentStarted(Payload, frozen=True, kw_only=True):
    """A run began."""

    type: ClassVar[str] = "agent_started"
    agent_name: str
    message: str | None = None
    attempt: int | None = None
    continues: str | None = None
    """run_id of the interrupted run that this one takes up."""


class AgentThinking(Payload, frozen=True, kw_only=True):
    """What the agent is at."""

    type: ClassVar[str] = "agent_thinking"
    thought: str
    step_number: int | None = None
    total_steps: int | None = None
    progress_percentage: float | None = None
    estimated_remaining_ms: int | None = None
    current_operation: str | None = None
    urgency: Urgency


class ToolExecuting(Payload, frozen=True, kw_only=True):
    """A tool began; closed by the `tool_completed` of the same `call_id`."""

    type: ClassVar[str] = "tool_executing"
    call_id: str
    tool_name: str
    tool_purpose: str
    parameters: dict[str, Any]
    """Redacted: see `codec.redact`."""
    parameters_summary: str | None = None
    estimated_duration_ms: int | None = None


class ToolCompleted(Payload, frozen=True, kw_only=True):
    """A tool ended."""

    type: ClassVar[str] = "tool_completed"
    call_id: str
    tool_name: str
    status: ToolStatus
    execution_time_ms: int
    result: Any = None
    result_ref: FileRef | None = None
    error: str | None = None


class PartialResult(Payload, frozen=True, kw_only=True):
    """A piece of the answer, to be appended to what came before."""

    type: ClassVar[str] = "partial_result"
    content: str
    is_complete: bool


class FinalReport(Payload, frozen=True, kw_only=True):
    """The agent's structured result."""

    type: ClassVar[str] = "final_report"
    report: Any = None
    report_ref: FileRef | None = None
    executive_summary: str | None = None
    recommendations: list[Any]
    action_plan: list[Any]
    cost_analysis: Any = None
    confidence: float | None = None
    total_duration_ms: int


class ProgressUpdate(Payload, frozen=True, kw_only=True):
    """How far the run is."""

    type: ClassVar[str] = "progress_update"
    percentage: float | None = None
    current_step: int | None = None
    total_steps: int | None = None
    message: str | None = None


class Custom(Payload, frozen=True, kw_only=True):
    """An agent author's own event."""

    type: ClassVar[str] = "custom"
    name: str
    data: Any = None


class AgentError(Payload, frozen=True, kw_only=True):
    """Why the run fails; stands directly before a `failed` terminal."""

    type: ClassVar[str] = "agent_error"
    error_type: str
    user_friendly_message: str
    recoverable: bool
    recovery_suggestions: list[str]
    reference: str
    """Under which the service's own log has the trace."""


class SubagentStarted(Payload, frozen=True, kw_only=True):
    """In the parent: a sub-run may begin now."""

    type: ClassVar[str] = "subagent_started"
    subagent_run_id: str
    subagent_name: str


class SubagentCompleted(Payload, frozen=True, kw_only=True):
    """In the parent: the sub-run has its terminal."""

    type: ClassVar[str] = "subagent_completed"
    subagent_run_id: str
    subagent_name: str
    status: RunStatus | None = None
    duration_ms: int | None = None


class RunCancelling(Payload, frozen=True, kw_only=True):
    """A stop took effect; the terminal will be `cancelled`."""

    type: ClassVar[str] = "run_cancelling"
    by: str
    reason: str | None = None


class AgentCompleted(Payload, frozen=True, kw_only=True):
    """The one terminal of a run."""

    type: ClassVar[str] = "agent_completed"
    status: RunStatus
    final_response: str | None = None
    final_response_ref: FileRef | None = None
    duration_ms: int
    metrics: dict[str, Any]
    reason: str | None = None
    cancelled_by: str | None = None
    descendants: int | None = None
    continued_by: str | None = None


class ThreadCreated(Payload, frozen=True, kw_only=True):
    """A thread came to be."""

    type: ClassVar[str] = "thread_created"
    title: str


class ThreadRenamed(Payload, frozen=True, kw_only=True):
    """A thread has a new title."""

    type: ClassVar[str] = "thread_renamed"
    title: str


class ThreadDeleted(Payload, frozen=True, kw_only=True):
    """A thread is gone, with its messages."""

    type: ClassVar[str] = "thread_deleted"
    title: str


class Erased(Payload, frozen=True, kw_only=True):
    """What stood here was deleted on request."""

    type: ClassVar[str] = "erased"


class Unknown(Payload, frozen=True, kw_only=True):
    """An event of a later release: counted as applied, shown to nobody."""

    type: ClassVar[str] = "unknown"


PAYLOADS: Final[dict[str, type[Payload]]] = {
    payload.type: payload
    for payload in (
        UserMessage, RunQueued, RunSuperseded, AgentStarted, AgentThinking, ToolExecuting,
        ToolCompleted, PartialResult, FinalReport, ProgressUpdate, Custom, AgentError,
        SubagentStarted, SubagentCompleted, RunCancelling, AgentCompleted, ThreadCreated,
        ThreadRenamed, ThreadDeleted, Erased,
    )
}  # fmt: skip
