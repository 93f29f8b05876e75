"""Commands into frames, in the two forms that the service takes.

The plain form carries a `message_id` of ours and is what commands that change something use:
repeated, it starts nothing. JSON-RPC carries an id beside the command; reads use it (their
answers need no keeping), and `stop_agent`, whose `message_id` names the message to stop.
"""

from typing import Any

import msgspec

from netra_actors.protocol.commands import Command, command_fields


def encode_command(command: Command) -> str:
    """Return the frame of *command* in the flat form."""
    return _encode({"type": command.type, **command_fields(command)})


def encode_rpc(command: Command, rpc_id: str) -> str:
    """Return *command* as a JSON-RPC 2.0 request with the id *rpc_id*."""
    return _encode({
        "jsonrpc": "2.0",
        "id": rpc_id,
        "method": command.type,
        "params": command_fields(command),
    })


def _encode(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()
