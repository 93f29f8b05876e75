"""Vectors of decoding: frames of a client, and the command or the error that they are."""

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from netra_actors.errors import ClientError
from netra_actors.protocol.commands import command_fields, decode_command

USER: Final = "u_1"

_LONG: Final = "i" * 129
_TYPED: Final[tuple[tuple[str, Any], ...]] = (
    ("flat", {"type": "user_message", "content": "Why?"}),
    ("payload", {"type": "user_message", "payload": {"content": "Why?"}}),
    ("the payload wins", {"type": "chat", "text": "a", "payload": {"content": "b"}}),
    ("null is absent", {"type": "chat", "text": "a", "payload": {"text": None}}),
    ("a null payload", {"type": "chat", "text": "a", "payload": None}),
    ("chat_message", {"type": "chat_message", "message": "Why?", "message_id": "m1"}),
    ("start_agent", {"type": "start_agent", "payload": {"user_request": "Why?"}}),
    ("first that is not blank", {"type": "chat", "content": " ", "text": "", "message": "x"}),
    ("all fields of a message", {"type": "user_message", "message_id": "m2", "payload": {
        "content": " Why? ", "thread_id": "thr_1", "agent": "analyst", "priority": "high",
        "policy": "interrupt", "attachments": ["file_1", {"file_id": "file_2", "name": "a"}]}}),
    ("blank", {"type": "chat", "content": " \n"}),
    ("blank in payload", {"type": "chat", "payload": {}}),
    ("content is a number", {"type": "chat", "payload": {"content": 5}}),
    ("text is a list", {"type": "chat", "text": ["a"]}),
    ("a wrong priority", {"type": "chat", "text": "a", "priority": "urgent"}),
    ("a wrong policy", {"type": "chat", "payload": {"text": "a", "policy": 1}}),
    ("attachments are text", {"type": "chat", "text": "a", "attachments": "file_1"}),
    ("an attachment without id", {"type": "chat", "text": "a", "attachments": ["f", {}]}),
    ("a long message_id", {"type": "chat", "text": "a", "message_id": _LONG}),
    ("message_id is a number", {"type": "chat", "text": "a", "message_id": 5}),
    ("an empty thread_id", {"type": "chat", "text": "a", "thread_id": ""}),
    ("own user_id", {"type": "ping", "user_id": USER}),
    ("another user_id", {"type": "ping", "message_id": "m", "user_id": "u_2"}),
    ("another user_id in payload", {"type": "chat", "payload": {"text": "a", "user_id": "u_2"}}),
    ("a user_id that is a list", {"type": "ping", "user_id": ["u_1"]}),
    ("U+0000", {"type": "chat", "message_id": "m", "payload": {"content": "a\x00b"}}),
    ("U+0000 deep inside", {"type": "ping", "payload": {"other": [{"a": "\x00"}]}}),
    ("U+0000 in a name", {"type": "ping", "a\x00": 1}),
    ("half of a surrogate pair", {"type": "chat", "text": "\ud83d"}),
    ("a surrogate pair", {"type": "chat", "text": "😀"}),
    ("no type", {"content": "a", "message_id": "m"}),
    ("type is a number", {"type": 5}),
    ("unknown type", {"type": "dance", "message_id": "m3"}),
    ("payload is a list", {"type": "chat", "payload": ["a"]}),
    ("unknown fields", {"type": "ping", "colour": "red", "payload": {"size": 1}}),
    ("too deep", {"type": "ping", "payload": json.loads("[" * 40 + "]" * 40)}),
    ("stop a run", {"type": "stop_agent", "run_id": "run_1", "message_id": "m4"}),
    ("stop a message", {"type": "cancel", "payload": {"message_id": "m5"}}),
    ("stop a thread", {"type": "stop_agent", "thread_id": "thr_1", "message_id": "m6"}),
    ("stop all", {"type": "stop_agent", "all": True}),
    ("stop nothing", {"type": "stop_agent", "all": False}),
    ("stop nothing, in payload", {"type": "stop_agent", "payload": {}}),
    ("all is text", {"type": "stop_agent", "all": "yes"}),
    ("hello", {"type": "hello", "token": "t", "cursor": {"epoch": "e_1", "seq": 5},
               "device": "phone", "thread_id": "thr_1"}),
    ("hello alone", {"type": "hello", "cursor": None}),
    ("cursor without seq", {"type": "hello", "cursor": {"epoch": "e_1"}}),
    ("cursor is text", {"type": "hello", "payload": {"cursor": "e_1:5"}}),
    ("cursor below 0", {"type": "hello", "cursor": {"epoch": "e_1", "seq": -1}}),
    ("list_threads", {"type": "list_threads", "message_id": "m7"}),
    ("create_thread", {"type": "create_thread", "title": " Costs "}),
    ("create_thread without title", {"type": "create_thread", "title": " "}),
    ("rename_thread", {"type": "rename_thread", "thread_id": "thr_1", "title": "a"}),
    ("rename_thread without title", {"type": "rename_thread", "payload": {"thread_id": "t"}}),
    ("a long title", {"type": "create_thread", "title": "t" * 201}),
    ("delete_thread", {"type": "delete_thread", "thread_id": "thr_1"}),
    ("delete_thread without id", {"type": "delete_thread"}),
    ("switch_thread", {"type": "switch_thread", "payload": {"thread_id": "thr_1"}}),
    ("history", {"type": "get_thread_history", "thread_id": "thr_1"}),
    ("history in pages", {"type": "get_thread_history", "thread_id": "thr_1", "limit": 200,
                          "before": "msg_1"}),
    ("a limit of 0", {"type": "get_thread_history", "thread_id": "thr_1", "limit": 0}),
    ("a limit of 201", {"type": "get_thread_history", "thread_id": "thr_1", "limit": 201}),
    ("a limit that is true", {"type": "get_thread_history", "thread_id": "t", "limit": True}),
    ("typing", {"type": "typing", "thread_id": "thr_1", "is_typing": False}),
    ("user_typing", {"type": "user_typing"}),
    ("typing_started", {"type": "typing_started", "is_typing": False}),
    ("typing_stopped", {"type": "typing_stopped"}),
    ("ack", {"type": "ack", "seq": 9}),
    ("ack without seq", {"type": "ack"}),
    ("ack of half a seq", {"type": "ack", "seq": 1.5}),
    ("ack beyond whole numbers", {"type": "ack", "seq": 2**53}),
    ("resync", {"type": "resync", "payload": {"from": 5}}),
    ("resync without from", {"type": "resync", "payload": {}}),
    ("auth", {"type": "auth", "token": "t"}),
    ("auth without token", {"type": "auth"}),
    ("ping", {"type": "ping", "nonce": "n"}),
    ("ping with a number", {"type": "ping", "nonce": 5}),
    ("ping with a list", {"type": "ping", "nonce": []}),
    ("JSON-RPC", {"jsonrpc": "2.0", "id": 7, "method": "chat", "params": {"text": "a"}}),
    ("JSON-RPC without params", {"jsonrpc": "2.0", "id": "7", "method": "list_threads"}),
    ("JSON-RPC notification", {"jsonrpc": "2.0", "method": "ping"}),
    ("JSON-RPC of another version", {"jsonrpc": "1.0", "id": 7, "method": "ping"}),
    ("JSON-RPC with a list", {"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}),
    ("JSON-RPC, unknown method", {"jsonrpc": "2.0", "id": 7, "method": "dance"}),
    ("JSON-RPC without method", {"jsonrpc": "2.0", "id": 7}),
    ("JSON-RPC, no text", {"jsonrpc": "2.0", "id": 7, "method": "chat", "params": {}}),
    ("JSON-RPC, another user", {"jsonrpc": "2.0", "id": 7, "method": "ping", "user_id": "u_2"}),
    ("JSON-RPC with an id that is a list", {"jsonrpc": "2.0", "id": [], "method": "ping"}),
)  # fmt: skip
_RAW: Final[tuple[tuple[str, bytes], ...]] = (
    ("empty", b""),
    ("not JSON", b"hello"),
    ("a list", b'[{"type":"ping"}]'),
    ("a number", b"5"),
    ("bad UTF-8", b'{"type":"ping","nonce":"\xff"}'),
    ("half of a surrogate pair in UTF-8", b'{"type":"ping","nonce":"\xed\xa0\x80"}'),
    ("NaN", b'{"type":"ping","nonce":NaN}'),
    ("NaN beside a surrogate", b'{"type":"ping","nonce":NaN,"a":"\\ud83d"}'),
    ("two objects", b'{"type":"ping"}{"type":"ping"}'),
    ("a byte order mark", b'\xef\xbb\xbf{"type":"ping"}'),
    ("far too deep", b'{"a":' * 1_150 + b"1" + b"}" * 1_150),
    ("8,192 bytes", b'{"type":"ping"}'.ljust(8_192)),
    ("8,193 bytes", b'{"type":"ping"}'.ljust(8_193)),
)


def decode_vectors() -> Iterator[dict[str, Any]]:
    """Yield every vector; the same in every run."""
    for name, value in _TYPED:
        frame = json.dumps(value)
        yield {"name": name, "frame": frame, "expect": _expect(frame.encode())}
    for name, data in _RAW:
        base = base64.b64encode(data).decode()
        yield {"name": name, "frame_base64": base, "expect": _expect(data)}


def _expect(data: bytes) -> dict[str, Any]:
    try:
        decoded = decode_command(data, user_id=USER)
    except ClientError as error:
        return {
            "error": error.code,
            "field": error.field,
            "message_id": error.message_id,
            "re": error.re,
            "rpc_id": error.rpc_id,
        }
    return {
        "type": decoded.command.type,
        "fields": command_fields(decoded.command),
        "message_id": decoded.message_id,
        "re": decoded.re,
        "rpc_id": decoded.rpc_id,
        "wants_answer": decoded.wants_answer,
        "digest": decoded.digest,
    }
