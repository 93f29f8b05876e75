"""From checked fields to a command: one small function for each type."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from netra_actors.errors import EmptyMessage, InvalidField, UnknownType
from netra_actors.identity import MAX_ID_CHARS
from netra_actors.protocol import command_types as c
from netra_actors.protocol.events import Policy, Priority
from netra_actors.protocol.fields import Fields


def build_command(name: object, fields: Fields, *, type_field: str = "type") -> c.Command:
    """Return the command of the type, or alias, *name*; *type_field* is where that stood.

    Raises:
        UnknownType: no command has this type.
        InvalidField: the type or a field is missing, or has a value that it cannot have.
        EmptyMessage: a message without text.
    """
    if name is None:
        raise InvalidField(f"{type_field} is missing", field=type_field)
    if not isinstance(name, str):
        raise InvalidField(f"{type_field} must be text", field=type_field)
    build = _BUILDERS.get(name)
    if build is None:
        raise UnknownType("there is no command of this type", field=type_field)
    return build(fields)


def _hello(fields: Fields) -> c.Hello:
    return c.Hello(
        message_id=fields.id("message_id"),
        token=fields.text("token"),
        cursor=_cursor(fields),
        device=fields.text("device", MAX_ID_CHARS),
        thread_id=fields.id("thread_id"),
    )


def _cursor(fields: Fields) -> c.Cursor | None:
    value = fields.value("cursor")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise fields.invalid("cursor", "must be an object of epoch and seq")
    inner = Fields({}, value, fields.path("cursor"))
    return c.Cursor(
        epoch=inner.need("epoch", inner.id("epoch")), seq=inner.need("seq", inner.whole("seq"))
    )


def _user_message(fields: Fields) -> c.SendMessage:
    return c.SendMessage(
        message_id=fields.id("message_id"),
        content=_content(fields),
        thread_id=fields.id("thread_id"),
        agent=fields.id("agent"),
        priority=fields.choice("priority", Priority, "normal"),
        policy=fields.choice("policy", Policy, "enqueue"),
        attachments=_attachments(fields),
    )


def _content(fields: Fields) -> str:
    for name in ("content", "text", "message", "user_request"):
        text = fields.text(name)
        if text is not None and text.strip():
            return text
    raise EmptyMessage("the message has no text", field=fields.path("content"))


def _attachments(fields: Fields) -> tuple[str, ...]:
    value = fields.value("attachments")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise fields.invalid("attachments", "must be an array of file_ids")
    found = []
    for index, item in enumerate(value):
        # What `POST /api/files` answered may be handed on as it is.
        entry = item if isinstance(item, dict) else {"file_id": item}
        inner = Fields({}, entry, f"{fields.path('attachments')}[{index}]")
        found.append(inner.need("file_id", inner.id("file_id")))
    return tuple(found)


def _stop_agent(fields: Fields) -> c.StopAgent:
    command = c.StopAgent(
        message_id=fields.id("message_id"),
        run_id=fields.id("run_id"),
        thread_id=fields.id("thread_id"),
        all=fields.flag("all", False),
    )
    if command == c.StopAgent():
        raise fields.invalid("run_id", "is missing, and so are message_id, thread_id and all")
    return command


def _typing(fields: Fields, is_typing: bool | None = None) -> c.Typing:
    return c.Typing(
        message_id=fields.id("message_id"),
        thread_id=fields.id("thread_id"),
        is_typing=fields.flag("is_typing", True) if is_typing is None else is_typing,
    )


def _create_thread(fields: Fields) -> c.CreateThread:
    return c.CreateThread(message_id=fields.id("message_id"), title=fields.title("title"))


def _rename_thread(fields: Fields) -> c.RenameThread:
    return c.RenameThread(
        message_id=fields.id("message_id"),
        thread_id=_thread_id(fields),
        title=fields.need("title", fields.title("title")),
    )


def _get_thread_history(fields: Fields) -> c.GetThreadHistory:
    limit = fields.whole("limit", 1, c.MAX_HISTORY_LIMIT)
    return c.GetThreadHistory(
        message_id=fields.id("message_id"),
        thread_id=_thread_id(fields),
        limit=c.HISTORY_LIMIT if limit is None else limit,
        before=fields.id("before"),
    )


def _thread_id(fields: Fields) -> str:
    return fields.need("thread_id", fields.id("thread_id"))


def _ack(fields: Fields) -> c.Ack:
    seq = fields.need("seq", fields.whole("seq"))
    return c.Ack(message_id=fields.id("message_id"), seq=seq)


def _resync(fields: Fields) -> c.Resync:
    seq = fields.need("from", fields.whole("from"))
    return c.Resync(message_id=fields.id("message_id"), from_=seq)


def _auth(fields: Fields) -> c.Auth:
    token = fields.need("token", fields.text("token"))
    return c.Auth(message_id=fields.id("message_id"), token=token)


def _ping(fields: Fields) -> c.Ping:
    nonce = fields.value("nonce")
    return c.Ping(
        message_id=fields.id("message_id"),
        nonce=fields.text("nonce", MAX_ID_CHARS)
        if isinstance(nonce, str)
        else (fields.whole("nonce")),
    )


_TYPES: Final[Mapping[str, Callable[[Fields], c.Command]]] = {
    "hello": _hello,
    "user_message": _user_message,
    "stop_agent": _stop_agent,
    "list_threads": lambda fields: c.ListThreads(message_id=fields.id("message_id")),
    "create_thread": _create_thread,
    "rename_thread": _rename_thread,
    "delete_thread": lambda fields: c.DeleteThread(
        message_id=fields.id("message_id"), thread_id=_thread_id(fields)
    ),
    "switch_thread": lambda fields: c.SwitchThread(
        message_id=fields.id("message_id"), thread_id=_thread_id(fields)
    ),
    "get_thread_history": _get_thread_history,
    "typing": _typing,
    "ack": _ack,
    "resync": _resync,
    "auth": _auth,
    "ping": _ping,
}
_BUILDERS: Final[Mapping[str, Callable[[Fields], c.Command]]] = {
    **_TYPES,
    **{alias: _TYPES[name] for alias, name in c.ALIASES.items()},
    # These two say it in their names, whatever their fields say.
    "typing_started": partial(_typing, is_typing=True),
    "typing_stopped": partial(_typing, is_typing=False),
}
