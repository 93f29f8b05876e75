"""The JSON Schema of each event, command and control object, made from their types."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from netra_actors import errors
from netra_actors.protocol import controls
from netra_actors.protocol.command_types import ALIASES, COMMANDS, Command
from netra_actors.protocol.payloads import PAYLOADS
from netra_actors.protocol.views import StateView

Schema: TypeAlias = dict[str, Any]

CONTROLS: Final[Mapping[str, type[controls.Control]]] = {
    "welcome": controls.Welcome,
    "replay_end": controls.ReplayEnd,
    "snapshot": controls.Snapshot,
    "pong": controls.Pong,
    "heartbeat": controls.Heartbeat,
    "typing_indicator": controls.TypingIndicator,
    "token_expiring": controls.TokenExpiring,
    "draining": controls.Draining,
}
_OPTIONAL_TEXT: Final[Schema] = {"type": ["string", "null"]}
_SEQ: Final[Schema] = {"type": "integer", "minimum": 1}


def components(types: Iterable[type], template: str) -> dict[str, Schema]:
    """Return the schemas of *types* and of what they hold; *template* makes a `$ref` of a name."""
    _, found = msgspec.json.schema_components(types, ref_template=template)
    return {str(name): schema for name, schema in sorted(found.items())}


def event_schemas(template: str) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schema of each event by its type, and the components that they refer to."""
    events = {
        name: _event(name, {"$ref": template.format(name=payload.__name__)})
        for name, payload in PAYLOADS.items()
    }
    events["partial_result"]["properties"]["seq_from"] = {
        **_SEQ,
        "description": "Of several merged into one: the first seq that this one stands for.",
    }
    return events, components(PAYLOADS.values(), template)


def _event(name: str, payload: Schema) -> Schema:
    return {
        "title": name,
        "description": (PAYLOADS[name].__doc__ or "").strip(),
        "type": "object",
        "properties": {
            "type": {"const": name},
            "seq": _SEQ,
            "timestamp": {"type": "integer", "description": "Unix milliseconds."},
            "thread_id": _OPTIONAL_TEXT,
            "run_id": _OPTIONAL_TEXT,
            "parent_run_id": _OPTIONAL_TEXT,
            "message_id": _OPTIONAL_TEXT,
            "payload": payload,
        },
        "required": ["type", "seq", "timestamp", "payload"],
    }


def command_schemas(template: str) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schema of each command by its type, and the components that they refer to."""
    parts = components(COMMANDS.values(), template)
    _accept_other_names(parts["SendMessage"])
    parts["StopAgent"]["anyOf"] = [
        {"required": [name]} for name in ("run_id", "message_id", "thread_id", "all")
    ]
    made = {name: _command(name, command, template) for name, command in COMMANDS.items()}
    return made, parts


def _accept_other_names(message: Schema) -> None:
    content = message["properties"]["content"]
    names = ("content", "text", "message", "user_request")
    message["properties"] |= {
        name: {**content, "description": "The text is the first of these that is not blank."}
        for name in names
    }
    # What a file's upload answered may be handed on as it is.
    attachments = message["properties"]["attachments"]
    item = attachments["items"]
    attachments["items"] = {
        "anyOf": [
            item,
            {"type": "object", "properties": {"file_id": item}, "required": ["file_id"]},
        ]
    }
    message["required"].remove("content")
    message["anyOf"] = [{"required": [name]} for name in names]


def _command(name: str, command: type[Command], template: str) -> Schema:
    fields = {"$ref": template.format(name=command.__name__)}
    aliases = [alias for alias, meant in ALIASES.items() if meant == name]
    return {
        "title": name,
        "description": (command.__doc__ or "").strip(),
        "type": "object",
        "properties": {"type": {"enum": [name, *aliases]}},
        "required": ["type"],
        # The fields stand in `payload` or beside `type`; both mean the same.
        "anyOf": [{"properties": {"payload": fields}, "required": ["payload"]}, fields],
    }


def control_schemas(template: str) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schema of each control object by its type, and their components."""
    made: dict[str, Schema] = {
        name: {"$ref": template.format(name=control.__name__)} for name, control in CONTROLS.items()
    }
    parts = components([*CONTROLS.values(), StateView], template)
    parts["Snapshot"]["properties"]["state"] = {"$ref": template.format(name="StateView")}
    return {**made, "ok": _ok(), "error": _error()}, parts


def _ok() -> Schema:
    return {
        "title": "ok",
        "description": "The command with this message_id took effect; more fields by command.",
        "type": "object",
        "properties": {
            "type": {"const": "ok"},
            "message_id": _OPTIONAL_TEXT,
            "re": {"type": "string", "description": "The command's type as it was sent."},
            "at": {"type": "integer", "description": "The log position of the effect."},
            "duplicate": {"const": True, "description": "This is the first answer again."},
        },
        "required": ["type", "message_id", "re"],
    }


def _error() -> Schema:
    return {
        "title": "error",
        "description": "The command was refused; the socket stays.",
        "type": "object",
        "properties": {
            "type": {"const": "error"},
            "error": {"enum": sorted(error_codes())},
            "message": {"type": "string", "description": "What happened."},
            "recovery": {"type": "string", "description": "What to do."},
            "recoverable": {"type": "boolean"},
            "message_id": _OPTIONAL_TEXT,
            "re": _OPTIONAL_TEXT,
            "field": {"type": "string", "description": "The field at fault, as it was sent."},
            "timestamp": {"type": "integer", "description": "Unix milliseconds."},
            "retry_after_s": {"type": "number"},
            "run_id": {"type": "string"},
        },
        "required": [
            *("type", "error", "message", "recovery", "recoverable"),
            *("message_id", "re", "timestamp"),
        ],
    }


def error_codes() -> set[str]:
    """Return the codes that an `error` can have."""
    # Of this module alone: what other modules add to the tree has one of these codes too.
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {kind.code for kind in kinds if issubclass(kind, errors.ClientError)}
