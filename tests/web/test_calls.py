import json

import pytest

from netra_actors.protocol.commands import CreateThread
from tests.web.conftest import Site, make_site


async def test_a_body_as_large_as_a_command_may_be_is_read(site: Site) -> None:
    body = json.dumps({"content": "x" * 8175}).encode()
    assert len(body) == 8190
    path = "/api/threads/thr_1/messages"
    response = await site.client.post(path, headers=site.bearer(), data=body)
    assert response.status_code == 202


async def test_the_limit_of_a_command_is_the_settings() -> None:
    site = make_site(NETRA_MAX_MESSAGE_BYTES="1KiB")
    response = await site.client.post(
        "/api/threads", headers=site.bearer(), json={"title": "x" * 1100}
    )
    assert response.status_code == 413
    assert json.loads(await response.get_data())["error"] == "message_too_large"


@pytest.mark.parametrize(
    "body",
    [{"title": "a", "jsonrpc": "2.0", "method": "stop_agent"}, {"title": "a", "type": "ping"}],
)
async def test_a_body_cannot_turn_into_another_command(site: Site, body: dict[str, str]) -> None:
    await site.client.post("/api/threads", headers=site.bearer(), json=body)
    assert site.commands == [CreateThread(title="a")]


async def test_unknown_fields_are_ignored(site: Site) -> None:
    response = await site.client.post(
        "/api/threads", headers=site.bearer(), json={"title": "a", "later": {"x": 1}}
    )
    assert response.status_code == 201


async def test_an_error_repeats_the_message_id_it_answers(site: Site) -> None:
    response = await site.client.post(
        "/api/threads/new/messages",
        headers=site.bearer(),
        json={"message_id": "m1", "content": " "},
    )
    body = json.loads(await response.get_data())
    assert (body["message_id"], body["re"]) == ("m1", "user_message")
