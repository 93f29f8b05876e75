"""Every error netra_actors raises on purpose.

    NetraError
    ├── ConfigurationError            the operator's: a setting, a module, a file
    ├── InvalidContextError           the caller's: an identifier that cannot be one
    ├── ActorStopped                  the actor is gone and will not answer
    ├── RestartIntensityExceeded      a child crashed faster than its budget allows
    ├── IllegalTransition             an event that the lifecycle grammar forbids
    ├── LogFull                       a run appends faster than the record takes it
    ├── RunClosed                     the run this mouth belongs to has its terminal already
    ├── RecordError                   the record refused or could not be reached
    │   ├── RecordUnavailable         try again: nothing is known to be wrong with the data
    │   └── RecordCorrupt             what is stored contradicts itself
    └── ClientError                   the client's doing; told to the client, not a fault
        ├── InvalidJSON UnknownType InvalidField EmptyMessage              400
        ├── Unauthorized                                                   401
        ├── ForbiddenUser Forbidden                                        403
        ├── NotFound                                                       404
        ├── Gone                                                           410
        ├── Conflict QueueFull                                             409
        ├── MessageTooLarge                                                413
        ├── RateLimited QuotaExceeded                                      429
        └── Busy Unavailable                                               503
               └── MailboxFull        (a `Busy`) the actor's inbox is at its bound

A `ClientError` carries what `protocol.md` says an error frame carries: a stable code, what
happened, what to do, whether trying again can help, and the field at fault.
"""

from typing import ClassVar


class NetraError(Exception):
    """The root of the tree above."""


class ConfigurationError(NetraError):
    """A setting, an agent module or a file that the operator gave is wrong."""


class InvalidContextError(NetraError, ValueError):
    """An identifier is empty, a placeholder, or cannot be one.

    Attributes:
        field: the name of the argument at fault.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field = field


class ActorStopped(NetraError):
    """The actor is gone and will not answer."""


class RestartIntensityExceeded(NetraError):
    """A child crashed faster than its restart budget allows."""


class IllegalTransition(NetraError):
    """The lifecycle grammar forbids this event here; it got no `seq`."""


class LogFull(NetraError):
    """A session has 1 MiB of events that the record has not taken yet."""


class RunClosed(NetraError):
    """The run has its terminal; nothing can follow it."""


class RecordError(NetraError):
    """The record refused, or could not be reached."""


class RecordUnavailable(RecordError):
    """The record cannot be reached now; the same call may go through later."""


class RecordCorrupt(RecordError):
    """What is stored contradicts itself; an operator has to look."""


class ClientError(NetraError):
    """The client's doing: reported back, not a fault of the service.

    Attributes:
        message_id: of the command at fault, where the decoder could read it.
        re: that command's type as it was sent, where the decoder could read it.
        is_rpc: whether it came as JSON-RPC and is answered so.
        rpc_id: the JSON-RPC request's id.
    """

    code: ClassVar[str] = "invalid_field"
    http_status: ClassVar[int] = 400
    recovery: ClassVar[str] = "Correct the command and send it again."
    recoverable: ClassVar[bool] = True

    def __init__(
        self,
        message: str,
        *,
        recovery: str | None = None,
        field: str | None = None,
        retry_after_s: float | None = None,
        run_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s
        self.run_id = run_id
        self.message_id: str | None = None
        self.re: str | None = None
        self.is_rpc = False
        self.rpc_id: str | int | float | None = None
        self.advice = recovery if recovery is not None else self.recovery


class InvalidJSON(ClientError):
    """The frame is not a JSON object in UTF-8, or nests too deep."""

    code = "invalid_json"
    recovery = "Send one JSON object in UTF-8."


class UnknownType(ClientError):
    """No command has this type."""

    code = "unknown_type"
    recovery = "Use one of the types in the protocol's table of commands."


class InvalidField(ClientError):
    """A field is missing, has the wrong type, or a value that it cannot have."""


class EmptyMessage(ClientError):
    """A message without text."""

    code = "empty_message"
    recovery = "Put text into content."


class Unauthorized(ClientError):
    """No token, a bad one, or an expired one."""

    code = "unauthorized"
    http_status = 401
    recovery = "Get a token and connect again."


class ForbiddenUser(ClientError):
    """A command names a user who is not the connection's."""

    code = "forbidden_user"
    http_status = 403
    recovery = "Leave user_id out: the token says who you are."
    recoverable = False


class Forbidden(ClientError):
    """The token lacks the permission."""

    code = "forbidden"
    http_status = 403
    recovery = "Ask for a token with this permission."
    recoverable = False


class NotFound(ClientError):
    """There is no such thing, or it is another user's."""

    code = "not_found"
    http_status = 404
    recovery = "List what there is and choose from it."


class Gone(ClientError):
    """It was there, and its time of keeping is over."""

    code = "not_found"
    http_status = 410
    recovery = "Older events are no longer kept."
    recoverable = False


class Conflict(ClientError):
    """It contradicts what is already there."""

    code = "conflict"
    http_status = 409
    recovery = "Use a new message_id, or wait for the run under way."


class QueueFull(ClientError):
    """The session has as many waiting runs as it may have."""

    code = "queue_full"
    http_status = 409
    recovery = "Wait for a run to end, or stop one."


class MessageTooLarge(ClientError):
    """The frame is over the limit."""

    code = "message_too_large"
    http_status = 413
    recovery = "Upload the text as a file and name it in attachments."


class RateLimited(ClientError):
    """More commands than the limit allows."""

    code = "rate_limited"
    http_status = 429
    recovery = "Wait for retry_after_s and send it again."


class QuotaExceeded(ClientError):
    """The plan's quota is used up."""

    code = "quota_exceeded"
    http_status = 429
    recovery = "Wait for retry_after_s, or change the plan."


class Busy(ClientError):
    """The session has more unread commands than it may have."""

    code = "busy"
    http_status = 503
    recovery = "Try again in a second."


class MailboxFull(Busy):
    """The actor's inbox is at its bound.

    Attributes:
        actor: its name.
        capacity: its bound, in messages.
    """

    def __init__(self, actor: str, capacity: int) -> None:
        super().__init__(f"mailbox of {actor} is full ({capacity} messages)", retry_after_s=1.0)
        self.actor = actor
        self.capacity = capacity


class Unavailable(ClientError):
    """The record is down; nothing was half-accepted."""

    code = "unavailable"
    http_status = 503
    recovery = "Send it again, with the same message_id, in a few seconds."
