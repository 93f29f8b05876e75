"""Control objects: what the server says beside the log. None but `replay_end` has a `seq`."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

Mode: TypeAlias = Literal["resumed", "snapshot", "fresh"]

_encode = msgspec.json.Encoder().encode


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the connection may do."""

    max_message_bytes: int
    """Of a whole frame."""
    window_bytes: int
    """How much may be sent and not acknowledged, from the first `ack` on."""


class Control(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all control objects have: a type, and no place in the log."""

    def encode(self) -> bytes:
        """Return it as a frame."""
        return _encode(self)

    def body(self) -> dict[str, Any]:
        """Return it as JSON values, `type` included."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


class Welcome(Control, frozen=True, kw_only=True, tag="welcome"):
    """The first frame: who the connection is, and from where it will be served."""

    connection_id: str
    user_id: str
    epoch: str
    head: int
    mode: Mode
    heartbeat_s: float
    expires_in_s: float | None
    """Until the token ends; None if it does not."""
    limits: Limits
    plan: str
    server_time: int


class ReplayEnd(Control, frozen=True, kw_only=True, tag="replay_end"):
    """Everything up to `seq` was replayed; live events follow."""

    seq: int


class Snapshot(Control, frozen=True, kw_only=True, tag="snapshot"):
    """Takes the place of the client's state; the tail after `at` follows."""

    at: int
    state: Mapping[str, Any]
    """As `State.snapshot` returns it."""


class Pong(Control, frozen=True, kw_only=True, tag="pong"):
    """The answer to `ping`."""

    nonce: str | int | None
    head: int
    sent: int


class Heartbeat(Control, frozen=True, kw_only=True, tag="heartbeat"):
    """Sent every `heartbeat_s`; a client that has not applied `sent` has a hole."""

    head: int
    sent: int


class TypingIndicator(Control, frozen=True, kw_only=True, tag="typing_indicator"):
    """Somebody types on another connection of the user; expires after 5 s."""

    thread_id: str | None
    who: str
    is_typing: bool


class TokenExpiring(Control, frozen=True, kw_only=True, tag="token_expiring"):
    """Send `auth` with a fresh token within `in_s`."""

    in_s: float


class Draining(Control, frozen=True, kw_only=True, tag="draining"):
    """The worker leaves; close 4001 follows."""

    reconnect_after_ms: int


def encode_snapshot(at: int, state: bytes) -> bytes:
    """Return the `snapshot` frame around a state that is already encoded."""
    return b'{"type":"snapshot","at":%d,"state":%b}' % (at, state)
