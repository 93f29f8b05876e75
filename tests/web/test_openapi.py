import msgspec

from netra_actors.web.api.shapes import TicketAnswer, TitleBody
from netra_actors.web.calls import Access, Call, Route
from netra_actors.web.openapi import openapi


async def do_it(_: Call) -> None:
    """Do nothing."""


def route(**changes: object) -> Route:
    base: dict[str, object] = {
        "method": "POST", "path": "/x/{x_id}", "handler": do_it, "summary": "Does it",
    }  # fmt: skip
    return Route(**{**base, **changes})  # type: ignore[arg-type]


def test_a_route_is_described_with_what_it_takes_and_gives() -> None:
    document = openapi([route(takes=TitleBody, gives=TicketAnswer, status=201)], "1")
    operation = document["paths"]["/x/{x_id}"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    answer = operation["responses"]["201"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/TitleBody"}
    assert answer == {"$ref": "#/components/schemas/TicketAnswer"}
    assert operation["operationId"] == "do_it"
    assert operation["parameters"][0]["name"] == "x_id"


def test_who_may_call_is_described() -> None:
    def security(access: Access) -> object:
        document = openapi([route(access=access)], "1")
        return document["paths"]["/x/{x_id}"]["post"]["security"]

    assert security(Access.PUBLIC) == []
    assert security(Access.USER) == [{"bearer": []}]
    assert security(Access.TICKET) == [{"bearer": []}, {"ticket": []}]


def test_an_answer_without_body_has_no_content() -> None:
    document = openapi([route(status=204)], "1")
    answer = document["paths"]["/x/{x_id}"]["post"]["responses"]["204"]
    assert "content" not in answer


def test_the_document_is_json() -> None:
    document = openapi([route(uploads=True)], "1")
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
