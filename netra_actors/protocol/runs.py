"""One open run, as the grammar sees it."""

import enum
from typing import final

import attrs

from netra_actors.protocol.events import RunStatus


class Phase(enum.Enum):
    """How far a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    REPORTED = "reported"
    FAILING = "failing"


@final
@attrs.define(eq=False, kw_only=True)
class RunState:
    """One open run; only its `Lifecycle` changes it."""

    run_id: str
    parent_run_id: str | None
    thread_id: str | None
    message_id: str | None
    agent_name: str | None = None
    """None until it started."""
    phase: Phase = Phase.QUEUED
    cancelling: bool = False
    cancelled_by: str | None = None
    """`by` of its `run_cancelling`."""
    tools: dict[str, str] = attrs.field(factory=dict)
    """Names of the open tools by call_id, in the order of their opening."""
    subruns: dict[str, str] = attrs.field(factory=dict)
    """Names of the sub-runs by run_id that have no `subagent_completed` yet."""
    ended: dict[str, RunStatus] = attrs.field(factory=dict)
    """Status of those in `subruns` that have their terminal."""

    @property
    def started(self) -> bool:
        """Whether its `agent_started` came."""
        return self.phase is not Phase.QUEUED

    def describe(self) -> str:
        """Say in words how far it is, for messages to people."""
        words = [self.phase.value]
        if self.cancelling:
            words.append("being cancelled")
        if self.tools:
            words.append(f"with tools {', '.join(self.tools)} open")
        if self.subruns:
            words.append(f"with sub-runs {', '.join(self.subruns)} open")
        return " and ".join(words)
