"""The shape of a session's state, as a `snapshot` carries it.

Every key is always there and null where it has nothing to say. Lengths in characters are
Unicode code points, lengths in bytes are UTF-8; both are cut between code points.
"""

from typing import Literal, TypeAlias

import msgspec

from netra_actors.protocol.events import RunStatus

StepKind: TypeAlias = Literal["thinking", "tool", "subagent"]
Role: TypeAlias = Literal["user", "agent"]
OpenState: TypeAlias = Literal["queued", "running", "cancelling"]


class ThreadView(msgspec.Struct, kw_only=True):
    """A thread; times are Unix milliseconds."""

    thread_id: str
    title: str
    """At most 200 characters; empty if it was named before what the state remembers."""
    created_at: int
    updated_at: int
    """Of its last user message or top-level terminal."""


class MessageView(msgspec.Struct, kw_only=True, frozen=True):
    """What a user asked, or a top-level run's answer."""

    message_id: str
    """Of an answer: its run_id."""
    thread_id: str | None
    role: Role
    content: str
    """At most 4 KiB."""
    created_at: int
    run_id: str | None
    status: RunStatus | None
    """Of an answer: how its run ended."""
    cut: bool
    """Whether there is more than `content` holds."""


class StepView(msgspec.Struct, kw_only=True):
    """One thing that a run did or does."""

    kind: StepKind
    call_id: str | None
    """Of a tool its call_id, of a sub-run its run_id."""
    name: str
    """The thought, the tool's or the sub-run's name; at most 200 characters."""
    purpose: str | None
    """Of a tool; at most 200 characters."""
    status: str
    """`running` while a tool or sub-run is open, then as it ended; of a thought `done`."""
    duration_ms: int | None


class RunView(msgspec.Struct, kw_only=True):
    """A run without its terminal."""

    run_id: str
    thread_id: str | None
    parent_run_id: str | None
    message_id: str | None
    agent_name: str | None
    """Null until it starts."""
    state: OpenState
    place: int | None
    """In the queue, from 1; null if it does not wait there."""
    text: str
    """The end of what it has said."""
    steps: list[StepView]
    """The last ones, oldest first."""


class StateView(msgspec.Struct, kw_only=True):
    """A session's state."""

    threads: list[ThreadView]
    """The newest 100, the most recently updated first."""
    messages: list[MessageView]
    """The newest 50, oldest first."""
    runs: list[RunView]
    """Those that are open, in the order of their introduction."""
