import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from netra_actors.protocol.schema import asyncapi, commands, events
from netra_actors.protocol.shapes import components, error_codes
from scripts.fold_vectors import unpack
from scripts.generate_schemas import SCHEMAS, documents
from scripts.generate_vectors import VECTORS


def _vectors(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return cases


@cache
def _each_type(make: Callable[[], dict[str, Any]]) -> dict[str, jsonschema.Draft202012Validator]:
    document = make()
    names = [entry["$ref"].rpartition("/")[2] for entry in document["oneOf"]]
    return {
        name: jsonschema.Draft202012Validator({
            "$ref": f"#/$defs/{name}",
            "$defs": document["$defs"],
        })
        for name in names
    }


@pytest.mark.parametrize("make", [events, commands])
def test_the_schemas_are_schemas(make: Callable[[], dict[str, Any]]) -> None:
    jsonschema.Draft202012Validator.check_schema(make())


def test_the_documents_are_what_the_generator_makes() -> None:
    written = {path.name: path.read_text() for path in SCHEMAS.glob("*.json")}
    assert written == dict(documents()), "run: python -m scripts.generate_schemas"


def test_every_event_fits_the_schema_of_its_type_and_no_other() -> None:
    validators = _each_type(events)
    samples: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for case in _vectors("fold"):
        for event in unpack(case["events"]) + unpack(case.get("merged", [])):
            if event["type"] in validators and len(str(event)) < 1_000:
                samples.setdefault((event["type"], tuple(sorted(event["payload"]))), event)
    assert {kind for kind, _ in samples} == set(validators)
    for (kind, _), event in samples.items():
        validators[kind].validate(event)
        assert [name for name, other in validators.items() if other.is_valid(event)] == [kind]


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "partial_result", "seq": 0, "timestamp": 1, "payload": {}},
        {"type": "partial_result", "seq": 1, "timestamp": 1, "payload": {"content": 5}},
        {"type": "agent_completed", "seq": 1, "timestamp": 1, "payload": {"status": "done"}},
        {"type": "dance", "seq": 1, "timestamp": 1, "payload": {}},
    ],
)
def test_a_broken_event_fits_no_schema(broken: dict[str, Any]) -> None:
    assert not any(validator.is_valid(broken) for validator in _each_type(events).values())


def test_what_decodes_fits_the_schema_of_commands() -> None:
    validators = _each_type(commands)
    seen = set()
    for case in _vectors("decode"):
        expect = case["expect"]
        if "error" in expect or expect["rpc_id"] is not None or not expect["wants_answer"]:
            continue
        if "null" not in case["name"] and "frame" in case:
            validators[expect["type"]].validate(json.loads(case["frame"]))
            seen.add(expect["type"])
    assert seen == set(validators)


@pytest.mark.parametrize(
    "name",
    ["stop nothing", "delete_thread without id", "ack without seq", "a limit of 201",
     "a long message_id", "a wrong policy", "cursor below 0", "unknown type"],
)  # fmt: skip
def test_what_is_refused_for_its_fields_fits_no_schema(name: str) -> None:
    (frame,) = [case["frame"] for case in _vectors("decode") if case["name"] == name]
    if name == "stop nothing":
        frame = '{"type":"stop_agent"}'
    assert not any(
        validator.is_valid(json.loads(frame)) for validator in _each_type(commands).values()
    )


def _references(value: Any) -> list[str]:
    match value:
        case dict():
            own = [value["$ref"]] if "$ref" in value else []
            return own + [ref for inner in value.values() for ref in _references(inner)]
        case list():
            return [ref for inner in value for ref in _references(inner)]
        case _:
            return []


@pytest.mark.parametrize("make", [events, commands, asyncapi])
def test_every_reference_leads_somewhere(make: Any) -> None:
    document = make()
    references = _references(document)
    assert references
    for reference in references:
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_the_socket_receives_commands_and_sends_the_rest() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    messages = document["channels"]["socket"]["messages"]
    used = [
        entry["$ref"].rpartition("/")[2]
        for operation in document["operations"].values()
        for entry in operation["messages"]
    ]
    assert sorted(used) == sorted(messages) == sorted(document["components"]["messages"])
    assert {"command.user_message", "user_message", "welcome", "ok", "error"} <= set(used)


def test_no_two_types_share_the_name_of_a_schema() -> None:
    document = asyncapi()
    schemas = document["components"]["schemas"]
    assert schemas["UserMessage"]["required"] == ["content", "priority", "policy"]
    assert schemas["Snapshot"]["properties"]["state"]["$ref"].endswith("/StateView")


def test_every_error_code_is_in_the_schema() -> None:
    assert {"invalid_json", "busy", "not_found", "rate_limited"} <= error_codes()
    error = asyncapi()["components"]["messages"]["error"]["payload"]
    assert error["properties"]["error"]["enum"] == sorted(error_codes())


def test_components_are_named_by_their_types() -> None:
    assert components([], "{name}") == {}
