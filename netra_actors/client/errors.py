"""What can go wrong on the client's side of the wire.

NetraError
├── SessionEnded           this session object is of no further use; open a new one
│   ├── Unreachable        nothing answers there, or not for as long as was allowed
│   ├── Refused            the service does not want this client: it says why
│   └── FoldFailed         an event contradicts the state; the state is not to be trusted
├── ReaderTooSlow          an iterator was not read and reached its bound
└── EventsLost             events that were asked for are no longer to be had
ClientError                what the service answers to a command (`netra_actors.errors`)
"""

from typing import Final

from netra_actors.errors import ClientError, NetraError, NotFound


class SessionEnded(NetraError):
    """The session has ended and does not come back by itself."""


class Unreachable(SessionEnded):
    """Nothing answers at the address."""


class Refused(SessionEnded):
    """The service closed the connection for good.

    Attributes:
        code: the WebSocket close code, or the HTTP status when there was no WebSocket yet.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class FoldFailed(SessionEnded):
    """The state cannot take an event: one of the two sides has a defect."""


class ReaderTooSlow(NetraError):
    """An iterator over events was left unread; the session itself goes on."""

    def __init__(self, bound: int) -> None:
        super().__init__(
            f"{bound} events are waiting in an iterator that nobody reads; "
            "read it faster, or open a new one (the session's state is complete)"
        )
        self.bound = bound


class EventsLost(NetraError):
    """The service no longer keeps events that fell into a gap."""


def _subclasses(root: type[ClientError]) -> dict[str, type[ClientError]]:
    found: dict[str, type[ClientError]] = {}
    for child in root.__subclasses__():
        found.setdefault(child.code, child)
        for code, kind in _subclasses(child).items():
            found.setdefault(code, kind)
    return found


_BY_CODE: Final[dict[str, type[ClientError]]] = {**_subclasses(ClientError), "not_found": NotFound}


def error_from_wire(body: dict[str, object]) -> ClientError:
    """Return the exception for an error object of the wire (WebSocket or HTTP, the same shape).

    A code of a later release becomes a plain `ClientError` with the code in its text.
    """
    code = str(body.get("error", "unknown"))
    kind = _BY_CODE.get(code, ClientError)
    text = str(body.get("message") or code)
    recovery, field, run_id = body.get("recovery"), body.get("field"), body.get("run_id")
    retry_after = body.get("retry_after_s")
    return kind(
        text if code in _BY_CODE else f"{code}: {text}",
        recovery=recovery if isinstance(recovery, str) else None,
        field=field if isinstance(field, str) else None,
        retry_after_s=float(retry_after) if isinstance(retry_after, int | float) else None,
        run_id=run_id if isinstance(run_id, str) else None,
    )
