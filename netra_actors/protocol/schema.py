"""The protocol as documents: JSON Schemas of events and commands, and AsyncAPI of the socket.

`scripts/generate_schemas.py` writes them to `docs/schemas/`; a test fails when they drift.
"""

from typing import Any, Final

from netra_actors.protocol.shapes import (
    Schema,
    command_schemas,
    control_schemas,
    event_schemas,
)

PROTOCOL: Final = "netra.v1"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DEFS: Final = "#/$defs/{name}"
_COMPONENTS: Final = "#/components/schemas/{name}"


def events() -> Schema:
    """Return the JSON Schema of an event of the log."""
    made, parts = event_schemas(_DEFS)
    return _document("events", "An event of a session's log", made, parts)


def commands() -> Schema:
    """Return the JSON Schema of a command."""
    made, parts = command_schemas(_DEFS)
    return _document("commands", "A command of a client", made, parts)


def _document(name: str, title: str, made: dict[str, Schema], parts: dict[str, Schema]) -> Schema:
    return {
        "$schema": _DIALECT,
        "$id": f"urn:{PROTOCOL}:{name}",
        "title": title,
        "oneOf": [{"$ref": _DEFS.format(name=name)} for name in made],
        "$defs": {**made, **parts},
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the socket, from the server's point of view."""
    made_commands, command_parts = command_schemas(_COMPONENTS)
    made_events, event_parts = event_schemas(_COMPONENTS)
    made_controls, control_parts = control_schemas(_COMPONENTS)
    sent = {**made_events, **made_controls}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "netra_actors",
            "version": PROTOCOL,
            "description": (
                "Live events of AI agents. The server sends each event of the session's log in "
                "the order of its seq, one object a frame or an array of events; a client sends "
                "one command a frame, or the same as a JSON-RPC 2.0 request whose method is a "
                "command's type."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/ws",
                "description": f"A WebSocket; the subprotocol {PROTOCOL} is preferred.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name in (*_command_names(made_commands), *sent)
                },
                "bindings": {"ws": _ws_binding()},
            }
        },
        "operations": {
            "receiveCommand": _operation("receive", _command_names(made_commands)),
            "sendEvent": _operation("send", list(made_events)),
            "sendControl": _operation("send", list(made_controls)),
        },
        "components": {
            "messages": {
                **{
                    f"command.{name}": _message(name, schema)
                    for name, schema in made_commands.items()
                },
                **{name: _message(name, schema) for name, schema in sent.items()},
            },
            "schemas": {**event_parts, **control_parts, **command_parts},
        },
    }


def _command_names(made: dict[str, Schema]) -> list[str]:
    # `user_message` is a command and an event.
    return [f"command.{name}" for name in made]


def _message(name: str, schema: Schema) -> Schema:
    return {"name": name, "payload": schema}


def _operation(action: str, names: list[str]) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/socket"},
        "messages": [{"$ref": f"#/channels/socket/messages/{name}"} for name in names],
    }


def _ws_binding() -> Schema:
    return {
        "method": "GET",
        "query": {
            "type": "object",
            "properties": {
                "ticket": {"type": "string", "description": "From POST /api/tickets."},
                "cursor": {
                    "type": "string",
                    "description": "<epoch>:<seq> or none; stands in place of hello.",
                },
            },
        },
        "bindingVersion": "0.1.0",
    }
