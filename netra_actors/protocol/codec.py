"""Everything that turns values into frames and frames into values, under one name.

The modules behind it: `decoding` (commands), `inbound` (what a client receives), `answers`,
`controls`, `batching` (lines of the log into frames), `redaction` and `text`.
"""

from netra_actors.protocol.answers import (
    encode_error,
    encode_ok,
    encode_rpc_error,
    encode_rpc_result,
    error_body,
    ok_body,
)
from netra_actors.protocol.batching import frames, lines_of, merge_partials
from netra_actors.protocol.controls import (
    Draining,
    Heartbeat,
    Limits,
    Pong,
    ReplayEnd,
    Snapshot,
    TokenExpiring,
    TypingIndicator,
    Welcome,
    encode_snapshot,
)
from netra_actors.protocol.decoding import Decoded, decode_command, digest_of, parse_cursor
from netra_actors.protocol.inbound import Received, decode_server
from netra_actors.protocol.redaction import redact
from netra_actors.protocol.text import (
    check_text,
    clean_text,
    cut,
    cut_bytes,
    encoded_size,
    last_bytes,
    split_text,
)

__all__ = [
    "Decoded",
    "Draining",
    "Heartbeat",
    "Limits",
    "Pong",
    "Received",
    "ReplayEnd",
    "Snapshot",
    "TokenExpiring",
    "TypingIndicator",
    "Welcome",
    "check_text",
    "clean_text",
    "cut",
    "cut_bytes",
    "decode_command",
    "decode_server",
    "digest_of",
    "encode_error",
    "encode_ok",
    "encode_rpc_error",
    "encode_rpc_result",
    "encode_snapshot",
    "encoded_size",
    "error_body",
    "frames",
    "last_bytes",
    "lines_of",
    "merge_partials",
    "ok_body",
    "parse_cursor",
    "redact",
    "split_text",
]
