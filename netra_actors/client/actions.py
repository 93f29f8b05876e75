"""What the core tells its shell: facts to pass on, and things to do."""

from typing import Any, TypeAlias, final

import attrs

from netra_actors.client.errors import FoldFailed
from netra_actors.errors import ClientError
from netra_actors.protocol.controls import Welcome
from netra_actors.protocol.events import Event


@final
@attrs.frozen
class Applied:
    """A log event is part of the state now; a merged one stands for `seq_from` to `event.seq`."""

    event: Event
    seq_from: int


@final
@attrs.frozen
class SnapshotTaken:
    """The state was replaced as a whole; events up to `at` that were not seen are not coming."""

    at: int
    after: int
    """The last seq applied before."""


@final
@attrs.frozen
class Typing:
    """Another connection of the user began or ceased to type; holds for 5 s."""

    thread_id: str
    who: str
    is_typing: bool


@final
@attrs.frozen
class Connected:
    """The service said welcome."""

    welcome: Welcome


@final
@attrs.frozen
class Disconnected:
    """The connection ended; the next try comes after `retry_in_s`."""

    reason: str
    retry_in_s: float


@final
@attrs.frozen
class Live:
    """The replay is over: everything up to `seq` is applied, what follows is news."""

    seq: int


@final
@attrs.frozen
class Complaint:
    """The service reports an error that belongs to no command under way."""

    error: ClientError


Update: TypeAlias = Applied | SnapshotTaken | Typing | Connected | Disconnected | Live | Complaint
"""What an iterator over updates yields."""


@final
@attrs.frozen
class Answered:
    """The service answered the command with this id (its `message_id`, or a JSON-RPC id)."""

    command_id: str
    answer: dict[str, Any] | ClientError


@final
@attrs.frozen
class RenewToken:
    """The token expires in so many seconds."""

    in_s: float


@final
@attrs.frozen
class Drop:
    """End this connection and resume on another."""

    reason: str


@final
@attrs.frozen
class Failed:
    """The fold cannot go on: end the session and say so."""

    error: FoldFailed


Action: TypeAlias = (
    Applied | SnapshotTaken | Typing | Connected | Live | Complaint
    | Answered | RenewToken | Drop | Failed
)  # fmt: skip
