"""Answers to commands: `ok` and `error`, and their JSON-RPC forms."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from netra_actors.errors import ClientError
from netra_actors.protocol.text import clean_text

_encode = msgspec.json.Encoder().encode

# JSON-RPC has numbers for the first three; one of its own range stands for all others, and the
# code of the protocol is in `data`.
_RPC_CODES: Final[Mapping[str, int]] = {
    "invalid_json": -32700,
    "unknown_type": -32601,
    "invalid_field": -32602,
    "empty_message": -32602,
}
_RPC_OTHER: Final = -32000


def ok_body(
    re: str, message_id: str | None, fields: Mapping[str, Any], *, duplicate: bool = False
) -> dict[str, Any]:
    """Return the `ok` object for a command whose type was sent as *re*."""
    body = {"type": "ok", "message_id": message_id, "re": re, **fields}
    if duplicate:
        body["duplicate"] = True
    return body


def error_body(
    error: ClientError, *, message_id: str | None, re: str | None, timestamp: int
) -> dict[str, Any]:
    """Return the `error` object, which is also the body of an HTTP error.

    `field`, `retry_after_s` and `run_id` are there only where they say something.
    """
    body: dict[str, Any] = {
        "type": "error",
        "error": error.code,
        "message": clean_text(error.message),
        "recovery": error.advice,
        "recoverable": error.recoverable,
        "message_id": message_id,
        "re": re,
    }
    if error.field is not None:
        body["field"] = clean_text(error.field)
    body["timestamp"] = timestamp
    if error.retry_after_s is not None:
        body["retry_after_s"] = error.retry_after_s
    if error.run_id is not None:
        body["run_id"] = error.run_id
    return body


def encode_ok(
    re: str, message_id: str | None, fields: Mapping[str, Any], duplicate: bool = False
) -> bytes:
    """Return `ok_body` as a frame."""
    return _encode(ok_body(re, message_id, fields, duplicate=duplicate))


def encode_error(
    error: ClientError, message_id: str | None, re: str | None, timestamp: int
) -> bytes:
    """Return `error_body` as a frame; *timestamp* is Unix milliseconds."""
    return _encode(error_body(error, message_id=message_id, re=re, timestamp=timestamp))


def encode_rpc_result(rpc_id: str | float | None, body: Mapping[str, Any]) -> bytes:
    """Return the JSON-RPC answer whose result is *body*, an `ok` or a control object."""
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "result": body})


def encode_rpc_error(
    rpc_id: str | float | None,
    error: ClientError,
    message_id: str | None,
    re: str | None,
    timestamp: int,
) -> bytes:
    """Return the JSON-RPC answer to a refused request; its `data` is the `error` object."""
    body = error_body(error, message_id=message_id, re=re, timestamp=timestamp)
    code = _RPC_CODES.get(error.code, _RPC_OTHER)
    return _encode({
        "jsonrpc": "2.0",
        "id": rpc_id,
        "error": {"code": code, "message": body["message"], "data": body},
    })
