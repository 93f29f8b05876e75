"""One HTTP call as the handlers of the API see it, and the table row that leads to it."""

import enum
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Protocol, TypeAlias, TypeVar, final

import attrs
import msgspec
from quart_trio.wrappers import TrioRequest, TrioResponse

from netra_actors.errors import InvalidField, InvalidJSON, MessageTooLarge
from netra_actors.identity import UserExecutionContext
from netra_actors.protocol.commands import Decoded, decode_command
from netra_actors.web.credentials import Identity
from netra_actors.web.origin import Endpoint
from netra_actors.web.ports import Worker

T = TypeVar("T")

_ENVELOPE_BYTES: Final = 4096
"""What the path's ids and the envelope add to a body when it becomes a command."""


class Access(enum.Enum):
    """Who may call."""

    PUBLIC = "public"
    USER = "user"
    TICKET = "ticket"
    """A user, by header or by a ticket in the query: for EventSource, which sets no headers."""
    LOCAL = "local"
    """This machine, or a user with the route's permission."""


@final
@attrs.frozen(kw_only=True, eq=False)
class Call:
    """One request, after the gate let it through."""

    worker: Worker
    request: TrioRequest
    endpoint: Endpoint
    params: Mapping[str, str]
    """What the path names, such as `thread_id`."""
    identity: Identity | None = None
    context: UserExecutionContext | None = None

    @property
    def user(self) -> UserExecutionContext:
        """In whose name the call is; only routes with a user ask."""
        if self.context is None:
            raise RuntimeError("this route has no user")
        return self.context

    @property
    def holder(self) -> Identity:
        """What the credential said; only routes with a user ask."""
        if self.identity is None:
            raise RuntimeError("this route has no user")
        return self.identity

    async def body(self, kind: type[T]) -> T:
        """Return the JSON body as *kind*; an empty body counts as an empty object.

        Raises:
            InvalidJSON: it is no JSON object.
            InvalidField: a field is missing or has a value that it cannot have.
            MessageTooLarge: it is larger than a command may be.
        """
        data = await self._data()
        try:
            return msgspec.convert(_object(data), kind)
        except msgspec.ValidationError as error:
            raise InvalidField(str(error)) from None

    async def command(self, name: str, **fields: Any) -> Decoded:
        """Return the body and *fields* as the command of that type, as if a socket had sent it.

        What stands in *fields* wins over the body; None leaves a field out.

        Raises:
            ClientError: as `decode_command` does.
        """
        payload = _object(await self._data()) if self.request.method != "GET" else {}
        for field, value in fields.items():
            payload.pop(field, None)
            if value is not None:
                payload[field] = value
        frame = msgspec.json.encode({"type": name, "payload": payload})
        limit = self.worker.settings.sockets.max_message_bytes + _ENVELOPE_BYTES
        return decode_command(frame, user_id=self.user.user_id, max_bytes=limit)

    async def execute(self, name: str, **fields: Any) -> dict[str, Any]:
        """Execute the command that `command` returns; return the fields of `ok`."""
        decoded = await self.command(name, **fields)
        done = await self.worker.directory.execute(self.user, decoded)
        return {**done.fields, "duplicate": True} if done.duplicate else done.fields

    def query_int(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return the query's number of that name.

        Raises:
            InvalidField: it is no whole number from *low* to *high*.
        """
        text = self.request.args.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text[:19]) <= high:
            raise InvalidField(f"{name} must be a whole number from {low} to {high}", field=name)
        return int(text)

    async def _data(self) -> bytes:
        data: bytes = await self.request.get_data(cache=True, as_text=False, parse_form_data=False)
        limit = self.worker.settings.sockets.max_message_bytes
        if len(data) > limit:
            raise MessageTooLarge(f"the body has {len(data)} bytes; the limit is {limit}")
        return data


Answer: TypeAlias = Mapping[str, Any] | TrioResponse | None


class Handler(Protocol):
    """What answers a route's calls; its name is the operation's."""

    __name__: str

    def __call__(self, call: Call, /) -> Awaitable[Answer]:
        """Answer *call*, or raise a `ClientError`."""
        ...


@final
@attrs.frozen(kw_only=True)
class Route:
    """One row of the API: what it is called, who may call it, what it takes and gives."""

    method: str
    path: str
    """With ``{thread_id}`` and the like for what varies."""
    handler: Handler
    summary: str
    access: Access = Access.USER
    permission: str | None = None
    status: int = 200
    takes: type[Any] | None = None
    """What the JSON body looks like."""
    gives: type[Any] | None = None
    """What the JSON answer looks like; None: none, or `media`."""
    media: str = "application/json"
    query: Mapping[str, str] = {}
    """Query parameters, with what they mean."""
    uploads: bool = False
    """Whether it takes a file, as multipart/form-data."""
    rated: bool = True
    """Whether it counts against the user's rate."""

    @property
    def name(self) -> str:
        """The operation's name: that of its handler."""
        return self.handler.__name__


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data or b"{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidJSON(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidJSON("the body is not a JSON object")
    return value
