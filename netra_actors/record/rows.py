"""What an event implies for threads, messages and runs: one pure function, used by every record.

`rows` returns *writes*: small tuples whose class names one statement and whose fields are its
parameters. The memory record applies them to dictionaries, the SQL record hands them to the
driver's `executemany`; so the two cannot drift apart. Most events imply nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias, cast

from netra_actors.protocol.events import (
    AgentCompleted,
    AgentStarted,
    Event,
    Payload,
    RunCancelling,
    ThreadCreated,
    ThreadDeleted,
    ThreadRenamed,
    UserMessage,
)

OPEN_STATUSES: Final = ("queued", "running", "cancelling")
"""A run with one of these has no terminal."""


class AddThread(NamedTuple):
    """A thread came to be."""

    thread_id: str
    title: str
    at: int


class RenameThread(NamedTuple):
    """A thread has a new title; that is no news in it."""

    thread_id: str
    title: str


class TouchThread(NamedTuple):
    """Something was said in a thread; the clock may have gone back since the last time."""

    thread_id: str
    at: int


class AddMessage(NamedTuple):
    """A user's message or a run's answer; not stored when its run belongs to a deleted thread."""

    message_id: str
    thread_id: str
    role: str
    content: str
    at: int
    run_id: str | None
    status: str | None
    seq: int


class QueueRun(NamedTuple):
    """A message was accepted; its run waits."""

    run_id: str
    thread_id: str
    message_id: str
    seq: int


class StartRun(NamedTuple):
    """A run began: a waiting one, or a sub-run or a recovery that has no row yet.

    One that was told to stop while it waited stays `cancelling`.
    """

    run_id: str
    thread_id: str
    parent_run_id: str | None
    message_id: str | None
    agent_name: str
    seq: int


class MarkRun(NamedTuple):
    """A run is in another state."""

    run_id: str
    status: str
    seq: int


class DropMessages(NamedTuple):
    """A thread's messages go."""

    thread_id: str


class HideRuns(NamedTuple):
    """A thread's runs are no longer shown; those without a terminal are still to be closed."""

    thread_id: str


class DropThread(NamedTuple):
    """A thread goes."""

    thread_id: str


Write: TypeAlias = (
    AddThread
    | RenameThread
    | TouchThread
    | AddMessage
    | QueueRun
    | StartRun
    | MarkRun
    | DropMessages
    | HideRuns
    | DropThread
)

WRITES: Final[tuple[type[Write], ...]] = (
    AddThread, RenameThread, TouchThread, AddMessage, QueueRun, StartRun, MarkRun,
    DropMessages, HideRuns, DropThread,
)  # fmt: skip
"""Every kind of write, in the order in which `stages` groups them."""

_RANK: Final = {kind: rank for rank, kind in enumerate(WRITES)}


def _needed(event: Event, field: str) -> str:
    value = cast("str | None", getattr(event, field))
    if value is None:
        raise ValueError(f"{event.type} at seq {event.seq} has no {field}")
    return value


def _user_message(event: Event) -> tuple[Write, ...]:
    payload = cast("UserMessage", event.payload)
    thread_id, run_id = _needed(event, "thread_id"), _needed(event, "run_id")
    message_id = _needed(event, "message_id")
    return (
        TouchThread(thread_id, event.timestamp),
        AddMessage(
            message_id=message_id,
            thread_id=thread_id,
            role="user",
            content=payload.content,
            at=event.timestamp,
            run_id=run_id,
            status=None,
            seq=event.seq,
        ),
        QueueRun(run_id, thread_id, message_id, event.seq),
    )


def _agent_started(event: Event) -> tuple[Write, ...]:
    payload = cast("AgentStarted", event.payload)
    return (
        StartRun(
            run_id=_needed(event, "run_id"),
            thread_id=_needed(event, "thread_id"),
            parent_run_id=event.parent_run_id,
            message_id=event.message_id,
            agent_name=payload.agent_name,
            seq=event.seq,
        ),
    )


def _agent_completed(event: Event) -> tuple[Write, ...]:
    payload = cast("AgentCompleted", event.payload)
    run_id = _needed(event, "run_id")
    closed = MarkRun(run_id, payload.status, event.seq)
    if event.parent_run_id is not None:
        return (closed,)
    thread_id = _needed(event, "thread_id")
    touched = TouchThread(thread_id, event.timestamp)
    if not payload.final_response:
        return (touched, closed)
    answer = AddMessage(
        message_id=run_id,
        thread_id=thread_id,
        role="agent",
        content=payload.final_response,
        at=event.timestamp,
        run_id=run_id,
        status=payload.status,
        seq=event.seq,
    )
    return (touched, answer, closed)


def _thread_created(event: Event) -> tuple[Write, ...]:
    payload = cast("ThreadCreated", event.payload)
    return (AddThread(_needed(event, "thread_id"), payload.title, event.timestamp),)


def _thread_renamed(event: Event) -> tuple[Write, ...]:
    payload = cast("ThreadRenamed", event.payload)
    return (RenameThread(_needed(event, "thread_id"), payload.title),)


def _thread_deleted(event: Event) -> tuple[Write, ...]:
    thread_id = _needed(event, "thread_id")
    return (DropMessages(thread_id), HideRuns(thread_id), DropThread(thread_id))


_ROWS: Final[Mapping[type[Payload], Callable[[Event], tuple[Write, ...]]]] = {
    UserMessage: _user_message,
    AgentStarted: _agent_started,
    RunCancelling: lambda event: (MarkRun(_needed(event, "run_id"), "cancelling", event.seq),),
    AgentCompleted: _agent_completed,
    ThreadCreated: _thread_created,
    ThreadRenamed: _thread_renamed,
    ThreadDeleted: _thread_deleted,
}


def rows(event: Event) -> Sequence[Write]:
    """Return what *event* implies, in the order in which it has to be written.

    Raises:
        ValueError: the event lacks an identifier that its type needs.
    """
    implied = _ROWS.get(type(event.payload))
    return () if implied is None else implied(event)


def stages(
    sessions: Iterable[tuple[str, Sequence[Event]]],
) -> Sequence[tuple[type[Write], list[tuple[str, Write]]]]:
    """Group the writes of many sessions into as few statements as their order allows.

    Returns (kind of write, [(user_id, write), ...]) in the order of execution: within a session
    the order of its writes is kept, between sessions there is none to keep.

    Raises:
        ValueError: see `rows`.
    """
    groups: dict[tuple[int, int], list[tuple[str, Write]]] = {}
    for user_id, events in sessions:
        level = highest = 0
        for event in events:
            for write in rows(event):
                rank = _RANK[type(write)]
                if rank < highest:
                    level += 1
                highest = rank
                groups.setdefault((level, rank), []).append((user_id, write))
    return [(WRITES[rank], groups[level, rank]) for level, rank in sorted(groups)]
