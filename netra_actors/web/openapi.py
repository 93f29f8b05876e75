"""The OpenAPI document, made from the table of routes and the shapes they name."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from netra_actors.web.api.shapes import ErrorAnswer
from netra_actors.web.calls import Access, Route

_JSON: Final = "application/json"
_PARAMETER: Final = re.compile(r"{(\w+)}")
_SECURITY: Final[dict[Access, list[dict[str, list[str]]]]] = {
    Access.PUBLIC: [],
    Access.USER: [{"bearer": []}],
    Access.TICKET: [{"bearer": []}, {"ticket": []}],
    Access.LOCAL: [{}, {"bearer": []}],
}


def openapi(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document that describes *routes*, as JSON values."""
    shapes: set[type[Any]] = {ErrorAnswer}
    shapes.update(shape for route in routes for shape in (route.takes, route.gives) if shape)
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    references, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(ordered, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "netra_actors",
            "version": version,
            "description": "Runs of AI agents over HTTP. Their events are also on /ws, which "
            "/asyncapi.json describes.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "ticket": {"type": "apiKey", "in": "query", "name": "ticket"},
            },
        },
    }


def _operation(route: Route, schema_of: dict[type[Any], dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "security": _SECURITY[route.access],
        "responses": {
            str(route.status): _answer(route, schema_of),
            "default": {
                "description": "Refused",
                "content": {_JSON: {"schema": schema_of[ErrorAnswer]}},
            },
        },
    }
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if (body := _body(route, schema_of)) is not None:
        operation["requestBody"] = body
    return operation


def _answer(route: Route, schema_of: dict[type[Any], dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary}
    if route.gives is not None:
        answer["content"] = {_JSON: {"schema": schema_of[route.gives]}}
    elif route.status != 204:
        answer["content"] = {route.media: {}}
    return answer


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = {"type": "string"}
    return [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in _PARAMETER.findall(route.path)
    ] + [
        {"name": name, "in": "query", "description": about, "schema": text}
        for name, about in route.query.items()
        if name != "ticket"
    ]


def _body(route: Route, schema_of: dict[type[Any], dict[str, Any]]) -> dict[str, Any] | None:
    if route.uploads:
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        schema = {"type": "object", "properties": {"file": file}, "required": ["file"]}
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    if route.takes is None:
        return None
    return {"content": {_JSON: {"schema": schema_of[route.takes]}}}
