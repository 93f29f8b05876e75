from netra_actors.protocol.command_types import COMMANDS
from netra_actors.protocol.payloads import PAYLOADS
from netra_actors.protocol.shapes import (
    command_schemas,
    components,
    control_schemas,
    error_codes,
    event_schemas,
)

TEMPLATE = "#/{name}"


def test_every_type_has_a_shape() -> None:
    assert list(event_schemas(TEMPLATE)[0]) == list(PAYLOADS)
    assert list(command_schemas(TEMPLATE)[0]) == list(COMMANDS)
    assert {"welcome", "replay_end", "ok", "error"} <= set(control_schemas(TEMPLATE)[0])


def test_shapes_say_what_they_are_for() -> None:
    for made, _ in (event_schemas(TEMPLATE), command_schemas(TEMPLATE)):
        assert all(schema["description"].endswith((".", ":")) for schema in made.values())


def test_aliases_are_types_too() -> None:
    made, parts = command_schemas(TEMPLATE)
    assert made["stop_agent"]["properties"]["type"]["enum"] == ["stop_agent", "cancel"]
    assert {"text", "message", "user_request"} <= set(parts["SendMessage"]["properties"])


def test_components_are_named_by_their_types() -> None:
    assert components([], TEMPLATE) == {}
    assert list(components([COMMANDS["hello"]], TEMPLATE)) == ["Cursor", "Hello"]


def test_only_codes_of_the_protocol_are_listed() -> None:
    assert {"invalid_json", "busy", "not_found"} <= error_codes()
    assert len(error_codes()) == 15
