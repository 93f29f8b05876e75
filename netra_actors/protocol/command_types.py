"""Commands: what a client may ask for, after decoding.

Every command is a frozen struct; its class decides the type. `decoding.decode_command` makes
them from frames, the HTTP interface makes them directly.
"""

from typing import Annotated, Any, ClassVar, Final, TypeAlias

import msgspec

from netra_actors.identity import MAX_ID_CHARS
from netra_actors.protocol.events import Policy, Priority

HISTORY_LIMIT: Final = 50
MAX_HISTORY_LIMIT: Final = 200
MAX_TITLE_CHARS: Final = 200
MAX_SEQ: Final = 2**53 - 1
"""The largest whole number that JavaScript holds exactly."""

# What these say is in the schemas; `fields.Fields` checks it.
ID: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARS)]
Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
Title: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_TITLE_CHARS)]
Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_HISTORY_LIMIT)]


class CommandFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every command has."""

    type: ClassVar[str]
    message_id: ID | None = None
    """Made by the client, unique per session for ever: the key of idempotency."""


class Cursor(msgspec.Struct, frozen=True):
    """A position in a log: the last seq that the client has applied, and which log it means."""

    epoch: ID
    seq: Seq


class Hello(CommandFields, frozen=True, kw_only=True):
    """The first frame of a `netra.v1` connection."""

    type: ClassVar[str] = "hello"
    token: str | None = None
    cursor: Cursor | None = None
    device: ID | None = None
    thread_id: ID | None = None


class SendMessage(CommandFields, frozen=True, kw_only=True):
    """Ask an agent something (`user_message` on the wire)."""

    type: ClassVar[str] = "user_message"
    content: str
    thread_id: ID | None = None
    """None: the connection's current thread, else a new one."""
    agent: ID | None = None
    priority: Priority = "normal"
    policy: Policy = "enqueue"
    attachments: tuple[ID, ...] = ()
    """file_ids."""


class StopAgent(CommandFields, frozen=True, kw_only=True):
    """Stop one run, a message's run, a thread's runs or all of them; one of these is set.

    The wire's `message_id` is the message to stop when no `run_id` is given, and is in
    `message_id` in every case.
    """

    type: ClassVar[str] = "stop_agent"
    run_id: ID | None = None
    thread_id: ID | None = None
    all: bool = False

    @property
    def target_message_id(self) -> str | None:
        """The message whose run is to stop; None when `run_id` says which."""
        return self.message_id if self.run_id is None else None


class ListThreads(CommandFields, frozen=True, kw_only=True):
    """Ask for the newest threads."""

    type: ClassVar[str] = "list_threads"


class CreateThread(CommandFields, frozen=True, kw_only=True):
    """Begin a thread."""

    type: ClassVar[str] = "create_thread"
    title: Title | None = None


class RenameThread(CommandFields, frozen=True, kw_only=True):
    """Give a thread another title."""

    type: ClassVar[str] = "rename_thread"
    thread_id: ID
    title: Title


class DeleteThread(CommandFields, frozen=True, kw_only=True):
    """Delete a thread with all that is in it."""

    type: ClassVar[str] = "delete_thread"
    thread_id: ID


class SwitchThread(CommandFields, frozen=True, kw_only=True):
    """Make a thread the connection's current one."""

    type: ClassVar[str] = "switch_thread"
    thread_id: ID


class GetThreadHistory(CommandFields, frozen=True, kw_only=True):
    """Ask for the newest `limit` messages of a thread, before message_id `before`."""

    type: ClassVar[str] = "get_thread_history"
    thread_id: ID
    limit: Limit = HISTORY_LIMIT
    before: ID | None = None


class Typing(CommandFields, frozen=True, kw_only=True):
    """Tell the user's other connections that somebody types here."""

    type: ClassVar[str] = "typing"
    thread_id: ID | None = None
    is_typing: bool = True


class Ack(CommandFields, frozen=True, kw_only=True):
    """Everything up to `seq` is applied."""

    type: ClassVar[str] = "ack"
    seq: Seq


class Resync(CommandFields, frozen=True, kw_only=True):
    """Replay what follows `from_` (`from` on the wire), the last seq that was applied."""

    type: ClassVar[str] = "resync"
    from_: Seq = msgspec.field(name="from")


class Auth(CommandFields, frozen=True, kw_only=True):
    """Put a fresh token in place of the connection's."""

    type: ClassVar[str] = "auth"
    token: str


class Ping(CommandFields, frozen=True, kw_only=True):
    """Ask for a `pong`."""

    type: ClassVar[str] = "ping"
    nonce: ID | Seq | None = None


Command: TypeAlias = (
    Hello
    | SendMessage
    | StopAgent
    | ListThreads
    | CreateThread
    | RenameThread
    | DeleteThread
    | SwitchThread
    | GetThreadHistory
    | Typing
    | Ack
    | Resync
    | Auth
    | Ping
)

COMMANDS: Final[dict[str, type[Command]]] = {
    command.type: command
    for command in (
        Hello, SendMessage, StopAgent, ListThreads, CreateThread, RenameThread, DeleteThread,
        SwitchThread, GetThreadHistory, Typing, Ack, Resync, Auth, Ping,
    )
}  # fmt: skip

ALIASES: Final[dict[str, str]] = {
    "chat": "user_message",
    "chat_message": "user_message",
    "start_agent": "user_message",
    "cancel": "stop_agent",
    "user_typing": "typing",
    "typing_started": "typing",
    "typing_stopped": "typing",
}
"""Other names on the wire, and the canonical one of each."""

OVERTAKING: Final = frozenset({StopAgent, Auth, Ping})
"""The commands that overtake the others in a mailbox."""


def command_fields(command: Command) -> dict[str, Any]:
    """Return the fields of the command as JSON values; those at their default are left out."""
    fields: dict[str, Any] = msgspec.to_builtins(command)
    return fields
