"""Events: the immutable facts of a session, in the order of its log.

An `Event` is an envelope of eight fields around one payload class; the payload's class decides
the event's type. Optional payload fields that are `None` do not appear on the wire. All
instants are Unix milliseconds, all durations milliseconds.
"""

from typing import Final

import msgspec

from netra_actors.protocol.payloads import (
    PAYLOADS,
    AgentCompleted,
    AgentError,
    AgentStarted,
    AgentThinking,
    AttachmentRef,
    Custom,
    Erased,
    FileRef,
    FinalReport,
    PartialResult,
    Payload,
    Policy,
    Priority,
    ProgressUpdate,
    RunCancelling,
    RunQueued,
    RunStatus,
    RunSuperseded,
    SubagentCompleted,
    SubagentStarted,
    ThreadCreated,
    ThreadDeleted,
    ThreadRenamed,
    ToolCompleted,
    ToolExecuting,
    ToolStatus,
    Unknown,
    Urgency,
    UserMessage,
)

__all__ = [
    "PAYLOADS",
    "AgentCompleted",
    "AgentError",
    "AgentStarted",
    "AgentThinking",
    "AttachmentRef",
    "Custom",
    "Erased",
    "Event",
    "FileRef",
    "FinalReport",
    "PartialResult",
    "Payload",
    "Policy",
    "Priority",
    "ProgressUpdate",
    "RunCancelling",
    "RunQueued",
    "RunStatus",
    "RunSuperseded",
    "SubagentCompleted",
    "SubagentStarted",
    "ThreadCreated",
    "ThreadDeleted",
    "ThreadRenamed",
    "ToolCompleted",
    "ToolExecuting",
    "ToolStatus",
    "Unknown",
    "Urgency",
    "UserMessage",
    "decode_event",
    "encode_event",
]


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One fact of one session.

    `seq` rises by exactly 1 within a session's epoch; `message_id` is the user message that
    caused it; `timestamp` is Unix milliseconds.
    """

    type: str
    seq: int
    timestamp: int
    thread_id: str | None = None
    run_id: str | None = None
    parent_run_id: str | None = None
    message_id: str | None = None
    payload: Payload


class _Raw(msgspec.Struct):
    type: str
    seq: int
    timestamp: int
    thread_id: str | None = None
    run_id: str | None = None
    parent_run_id: str | None = None
    message_id: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"{}")


_encoder = msgspec.json.Encoder()
_decode_raw = msgspec.json.Decoder(_Raw).decode
_decoders: Final = {name: msgspec.json.Decoder(cls).decode for name, cls in PAYLOADS.items()}
_UNKNOWN: Final = Unknown()


def encode_event(event: Event) -> bytes:
    """Return the event as the one line of JSON that is stored and sent."""
    return _encoder.encode(event)


def decode_event(line: bytes | memoryview) -> Event:
    """Read a stored or sent event; a type of a later release gets an `Unknown` payload.

    Raises:
        msgspec.DecodeError: the line is not an event.
    """
    raw = _decode_raw(line)
    decode = _decoders.get(raw.type)
    payload = _UNKNOWN if decode is None else decode(raw.payload)
    return Event(
        type=raw.type,
        seq=raw.seq,
        timestamp=raw.timestamp,
        thread_id=raw.thread_id,
        run_id=raw.run_id,
        parent_run_id=raw.parent_run_id,
        message_id=raw.message_id,
        payload=payload,
    )
