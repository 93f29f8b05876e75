import json
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]

from netra_actors.web.api import table
from netra_actors.web.calls import Access
from tests.web.conftest import Site


async def document(site: Site) -> dict[str, Any]:
    response = await site.client.get("/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = json.loads(await response.get_data())
    return found


def served(site: Site) -> set[tuple[str, str]]:
    """Return method and path of every rule that the application really serves."""
    pages = {"/", "/observer", "/static/{name}"}
    rules = {
        (method, re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule))
        for rule in site.app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    return {(method, path) for method, path in rules if path not in pages}


async def test_every_route_is_in_the_document_and_the_other_way_round(site: Site) -> None:
    written = {
        (method.upper(), path)
        for path, operations in (await document(site))["paths"].items()
        for method in operations
    }
    assert written == served(site)


PROTOCOL = """
POST /api/dev/token
POST /api/tickets
GET /api/threads
POST /api/threads
PATCH /api/threads/{thread_id}
DELETE /api/threads/{thread_id}
GET /api/threads/{thread_id}/messages
POST /api/threads/{thread_id}/messages
POST /api/runs/{run_id}/cancel
GET /api/runs/{run_id}/events
GET /api/events
POST /api/files
GET /api/files/{file_id}
DELETE /api/me
GET /api/agents
GET /api/observer
GET /health/live
GET /health/ready
GET /health
GET /metrics
GET /openapi.json
GET /asyncapi.json
"""


def test_the_routes_are_those_of_the_protocol(site: Site) -> None:
    expected = {tuple(line.split()) for line in PROTOCOL.strip().splitlines()}
    assert served(site) == expected


async def test_every_reference_in_the_document_leads_somewhere(site: Site) -> None:
    text = json.dumps(await document(site))
    components = json.loads(text)["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in components


async def test_every_path_parameter_is_described(site: Site) -> None:
    for path, operations in (await document(site))["paths"].items():
        for operation in operations.values():
            named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_every_operation_has_a_name_of_its_own(site: Site) -> None:
    names = [route.name for route in table(site.worker)]
    assert len(set(names)) == len(names)


PUBLIC = {"make_dev_token", "get_live", "get_ready", "get_health", "get_openapi", "get_asyncapi"}


def test_only_health_and_documents_are_open_to_everybody(site: Site) -> None:
    public = {route.name for route in table(site.worker) if route.access is Access.PUBLIC}
    assert public == PUBLIC


async def test_no_other_route_answers_without_a_credential(site: Site) -> None:
    for route in table(site.worker):
        if route.access is not Access.PUBLIC:
            path = re.sub(r"{\w+}", "x_1", route.path)
            response = await getattr(site.client, route.method.lower())(path)
            assert response.status_code == 401, route.path
    assert site.commands == []


async def test_errors_have_the_shape_that_the_document_says(site: Site) -> None:
    found = await document(site)
    schema = {"$ref": "#/components/schemas/ErrorAnswer", "components": found["components"]}
    for path in ("/nowhere", "/api/threads", "/api/threads/x/messages?limit=x"):
        response = await site.client.get(path, headers=site.bearer() if "?" in path else {})
        assert response.status_code >= 400
        jsonschema.validate(json.loads(await response.get_data()), schema)


async def test_the_sockets_document_is_served_too(site: Site) -> None:
    response = await site.client.get("/asyncapi.json")
    assert response.status_code == 200
    assert json.loads(await response.get_data())["asyncapi"].startswith("3.")
