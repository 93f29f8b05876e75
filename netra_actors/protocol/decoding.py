"""Frames into commands: every bad input has a code, nothing is dropped in silence.

A `ClientError` raised here carries what could be read of the frame it answers: `message_id`,
`re` (the type as it was sent), and for JSON-RPC `is_rpc` and `rpc_id`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias, final

import attrs
import msgspec

from netra_actors.errors import (
    ClientError,
    InvalidField,
    InvalidJSON,
    MessageTooLarge,
)
from netra_actors.identity import MAX_ID_CHARS
from netra_actors.protocol import command_types as c
from netra_actors.protocol.building import build_command
from netra_actors.protocol.fields import Fields
from netra_actors.protocol.text import check_text, clean_text

MAX_FRAME_BYTES: Final = 8_192
MAX_DEPTH: Final = 32
"""How deep a frame may nest; no command needs more than four levels."""

RpcID: TypeAlias = str | int | float | None

_decode_json = msgspec.json.Decoder().decode
_encode_digest = msgspec.json.Encoder(order="deterministic").encode
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


@final
@attrs.frozen(kw_only=True)
class Decoded:
    """One command and what its answer needs."""

    command: c.Command
    message_id: str | None
    re: str
    """The type as the client wrote it, an alias too."""
    digest: str
    """The same for the same content, in whichever form it was sent; see `digest_of`."""
    rpc_id: RpcID = None
    is_rpc: bool = False
    wants_answer: bool = True
    """False for a JSON-RPC notification, which is executed and never answered."""


def decode_command(
    frame: str | bytes, *, user_id: str, max_bytes: int = MAX_FRAME_BYTES
) -> Decoded:
    """Read one frame of the client whose connection belongs to *user_id*.

    Raises:
        MessageTooLarge: the frame has more than *max_bytes*.
        InvalidJSON: it is not one JSON object in UTF-8, or nests too deep.
        UnknownType: no command has its type.
        InvalidField: a field is missing or has a value that it cannot have.
        EmptyMessage: a message without text.
        ForbiddenUser: it names another user.
    """
    frame_object = _read_object(frame, max_bytes)
    is_rpc = "jsonrpc" in frame_object
    name = frame_object.get("method" if is_rpc else "type")
    fields = _fields(frame_object, is_rpc=is_rpc)
    try:
        _check_frame(frame_object, fields, user_id=user_id)
        command = build_command(name, fields, type_field="method" if is_rpc else "type")
    except ClientError as error:
        error.message_id = _readable(fields.value("message_id"))
        error.re = _readable(name)
        error.is_rpc, error.rpc_id = is_rpc, _rpc_id(frame_object) if is_rpc else None
        raise
    return Decoded(
        command=command,
        message_id=command.message_id,
        re=str(name),
        digest=digest_of(command),
        rpc_id=_rpc_id(frame_object) if is_rpc else None,
        is_rpc=is_rpc,
        wants_answer=not is_rpc or "id" in frame_object,
    )


def digest_of(command: c.Command) -> str:
    """Return a short hash of what *command* asks for; its `message_id` does not count."""
    content = c.command_fields(command)
    content.pop("message_id", None)
    content["type"] = command.type
    return hashlib.blake2b(_encode_digest(content), digest_size=16).hexdigest()


def parse_cursor(text: str) -> c.Cursor | None:
    """Read a cursor of a URL or of `Last-Event-ID`: ``<epoch>:<seq>``, or ``none``.

    Raises:
        InvalidField: it is neither.
    """
    if text == "none":
        return None
    epoch, _, seq = text.rpartition(":")
    if not 0 < len(epoch) <= MAX_ID_CHARS or not re.fullmatch(r"[0-9]{1,15}", seq):
        raise InvalidField("cursor must be <epoch>:<seq> or none", field="cursor")
    return c.Cursor(epoch=epoch, seq=int(seq))


def _read_object(frame: str | bytes, max_bytes: int) -> dict[str, Any]:
    try:
        data = frame.encode() if isinstance(frame, str) else frame
    except UnicodeEncodeError:
        raise InvalidJSON("the frame is not UTF-8") from None
    if len(data) > max_bytes:
        raise MessageTooLarge(f"the frame has {len(data)} bytes; the limit is {max_bytes}")
    try:
        value = (
            json.loads(data, parse_constant=_refuse_constant)
            if _SURROGATE.search(data)
            else (_decode_json(data))
        )
    except RecursionError:
        raise InvalidJSON("the frame nests too deep") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidJSON(f"the frame is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidJSON("the frame is not a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _fields(frame_object: dict[str, Any], *, is_rpc: bool) -> Fields:
    prefix = "params" if is_rpc else "payload"
    inner = frame_object.get(prefix)
    if not isinstance(inner, dict):
        inner = {} if is_rpc else None
    # Of a JSON-RPC request's own members none is a field of the command in it; a `user_id`
    # among them is looked at all the same.
    outer = {"user_id": frame_object.get("user_id")} if is_rpc else frame_object
    return Fields(outer, inner, prefix)


def _check_frame(frame_object: dict[str, Any], fields: Fields, *, user_id: str) -> None:
    _check_depth(frame_object)
    fields.refuse_other_user(user_id)
    for name, value in frame_object.items():
        check_text(name, "the name of a field")
        check_text(value, name)
    if "jsonrpc" in frame_object:
        if frame_object["jsonrpc"] != "2.0":
            raise InvalidField('jsonrpc must be "2.0"', field="jsonrpc")
        rpc_id = frame_object.get("id")
        if isinstance(rpc_id, bool) or not isinstance(rpc_id, str | int | float | None):
            raise InvalidField("id must be text or a number", field="id")
    inner = frame_object.get(fields.prefix)
    if inner is not None and not isinstance(inner, dict):
        raise InvalidField(f"{fields.prefix} must be an object", field=fields.prefix)


def _check_depth(value: object) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise InvalidJSON(f"the frame nests deeper than {MAX_DEPTH}")


def _readable(value: object) -> str | None:
    """Return *value* if an error can repeat it: clean text of an identifier's length."""
    if isinstance(value, str) and len(value) <= MAX_ID_CHARS and clean_text(value) == value:
        return value
    return None


def _rpc_id(frame_object: Mapping[str, Any]) -> RpcID:
    value = frame_object.get("id")
    if isinstance(value, str):
        return _readable(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
