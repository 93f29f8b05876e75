"""What the API's JSON bodies and answers look like; the OpenAPI document is made from these."""

from typing import Any, Literal

import msgspec

from netra_actors.protocol.events import Policy, Priority


class ErrorAnswer(msgspec.Struct, omit_defaults=True):
    """Every answer from 400 on."""

    type: Literal["error"]
    error: str
    message: str
    recovery: str
    recoverable: bool
    timestamp: int
    message_id: str | None = None
    re: str | None = None
    field: str | None = None
    retry_after_s: float | None = None
    run_id: str | None = None
    reference: str | None = None


class DevTokenBody(msgspec.Struct):
    """Whose token to sign; no user_id: a new guest's."""

    user_id: str | None = None
    plan: Literal["free", "early", "mid", "enterprise"] | None = None
    permissions: list[str] | None = None


class DevTokenAnswer(msgspec.Struct):
    """A guest's token."""

    token: str
    expires_in_s: int
    user_id: str


class TicketAnswer(msgspec.Struct):
    """A single-use ticket."""

    ticket: str
    expires_in_s: int


class Thread(msgspec.Struct):
    """One thread; times are Unix milliseconds."""

    thread_id: str
    title: str
    created_at: int
    updated_at: int


class ThreadsAnswer(msgspec.Struct):
    """The newest threads."""

    threads: list[Thread]
    at: int


class TitleBody(msgspec.Struct):
    """A thread's title; none: the service makes one."""

    title: str | None = None


class NewTitleBody(msgspec.Struct):
    """A thread's new title."""

    title: str


class ThreadAnswer(msgspec.Struct):
    """One thread."""

    thread: Thread
    at: int


class Message(msgspec.Struct):
    """One message of a user, or an agent's final answer."""

    message_id: str
    role: Literal["user", "agent"]
    content: str
    created_at: int
    run_id: str | None = None
    status: str | None = None


class MessagesAnswer(msgspec.Struct):
    """Messages of one thread, the oldest first."""

    messages: list[Message]
    at: int


class MessageBody(msgspec.Struct):
    """What to ask an agent."""

    content: str
    message_id: str | None = None
    agent: str | None = None
    policy: Policy = "enqueue"
    priority: Priority = "normal"
    attachments: list[str] = []


class MessageAnswer(msgspec.Struct):
    """The message is accepted; its run's events follow on the sockets."""

    message_id: str
    thread_id: str
    run_id: str
    at: int


class CancelAnswer(msgspec.Struct, omit_defaults=True):
    """What was stopped."""

    at: int
    stopped: list[str] = []
    noop: bool = False
    pending: bool = False


class EventsAnswer(msgspec.Struct):
    """A run's events, exactly as they were sent; `next_after` is null when there are no more."""

    events: list[dict[str, Any]]
    next_after: int | None


class FileAnswer(msgspec.Struct):
    """A stored file; name its `file_id` in a message's attachments."""

    file_id: str
    name: str
    bytes: int


class Agent(msgspec.Struct):
    """One agent."""

    name: str
    description: str
    promises: list[str]


class AgentsAnswer(msgspec.Struct):
    """What can be asked; the first one is the default."""

    agents: list[Agent]


class StatusAnswer(msgspec.Struct):
    """One word."""

    status: str


class Dependency(msgspec.Struct):
    """How one dependency is; `since` is Unix milliseconds."""

    state: Literal["up", "down"]
    latency_ms: float | None
    since: int


class HealthAnswer(msgspec.Struct):
    """How the worker is."""

    status: Literal["ok", "degraded", "draining"]
    version: str
    uptime_s: int
    sessions: int
    connections: int
    runs: int
    dependencies: dict[str, Dependency]
