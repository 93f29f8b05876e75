import json

import pytest

from netra_actors.settings import load_settings
from netra_actors.web.auth import open_authenticator
from tests.web.conftest import FakeWorker, Site, make_site

LOCAL = {"Host": "127.0.0.1:8000"}


async def test_a_guest_gets_a_token_that_is_accepted(site: Site) -> None:
    response = await site.client.post("/api/dev/token", headers=LOCAL, json={"user_id": "alice"})
    answer = json.loads(await response.get_data())
    assert answer["expires_in_s"] == 24 * 3600
    identity = await site.worker.authenticator.authenticate(answer["token"])
    assert identity.user_id == "alice"
    assert identity.permissions == {"observe", "metrics"}
    assert identity.plan == "mid"


async def test_a_guest_may_ask_for_plan_and_permissions(site: Site) -> None:
    body = {"user_id": "alice", "plan": "free", "permissions": []}
    response = await site.client.post("/api/dev/token", headers=LOCAL, json=body)
    token = json.loads(await response.get_data())["token"]
    identity = await site.worker.authenticator.authenticate(token)
    assert (identity.plan, identity.permissions) == ("free", frozenset())


async def test_a_guest_without_name_gets_one(site: Site) -> None:
    response = await site.client.post("/api/dev/token", headers=LOCAL)
    assert json.loads(await response.get_data())["user_id"].startswith("u_")


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": ""},
        {"user_id": "placeholder"},
        {"user_id": 7},
        {"plan": "gold"},
        {"permissions": "x"},
    ],
)
async def test_a_wrong_guest_is_refused(site: Site, body: dict[str, object]) -> None:
    response = await site.client.post("/api/dev/token", headers=LOCAL, json=body)
    assert response.status_code == 400
    assert json.loads(await response.get_data())["error"] == "invalid_field"


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.evil.org", "", "10.0.0.1"])
async def test_a_name_that_was_made_to_point_here_gets_no_token(site: Site, host: str) -> None:
    response = await site.client.post("/api/dev/token", headers={"Host": host}, json={})
    assert response.status_code == 403
    assert "token" not in json.loads(await response.get_data())


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null"])
async def test_a_page_of_another_site_gets_no_token(site: Site, origin: str) -> None:
    response = await site.client.post(
        "/api/dev/token", headers={**LOCAL, "Origin": origin}, json={}
    )
    assert response.status_code == 403


async def test_what_a_tunnel_brings_in_gets_no_token(site: Site) -> None:
    headers = {**LOCAL, "X-Forwarded-For": "203.0.113.9"}
    response = await site.client.post("/api/dev/token", headers=headers, json={})
    assert response.status_code == 403


async def test_our_own_page_gets_a_token(site: Site) -> None:
    headers = {**LOCAL, "Origin": "http://127.0.0.1:8000"}
    response = await site.client.post("/api/dev/token", headers=headers, json={})
    assert response.status_code == 200


async def test_outside_development_mode_there_are_no_guests() -> None:
    site = make_site()
    settings = load_settings({"NETRA_JWT_SECRET": "a secret of at least thirty-two bytes"})
    site.worker.authenticator = open_authenticator(settings)
    response = await site.client.post("/api/dev/token", headers=LOCAL, json={})
    assert response.status_code == 404


async def test_a_ticket_opens_one_stream_in_its_users_name(site: Site) -> None:
    response = await site.client.post("/api/tickets", headers=site.bearer("alice", "observe"))
    answer = json.loads(await response.get_data())
    assert answer["expires_in_s"] == 300
    first = await site.client.get(f"/api/events?ticket={answer['ticket']}")
    second = await site.client.get(f"/api/events?ticket={answer['ticket']}")
    assert (first.status_code, second.status_code) == (200, 401)
    assert site.worker.streams == [("alice", None)]
    assert site.worker.metrics.auth_failures == {"bad_ticket": 1}


async def test_a_ticket_is_for_streams_alone(site: Site) -> None:
    response = await site.client.post("/api/tickets", headers=site.bearer())
    ticket = json.loads(await response.get_data())["ticket"]
    assert (await site.client.get(f"/api/threads?ticket={ticket}")).status_code == 401
    assert (await site.client.get(f"/api/events?ticket={ticket}")).status_code == 200


async def test_a_token_in_the_address_is_refused(site: Site) -> None:
    token = site.bearer()["Authorization"].removeprefix("Bearer ")
    response = await site.client.get(f"/api/threads?token={token}", headers=site.bearer())
    assert response.status_code == 400


async def test_agents_are_listed_with_what_they_promise(site: Site) -> None:
    response = await site.client.get("/api/agents", headers=site.bearer())
    assert json.loads(await response.get_data()) == {
        "agents": [{"name": "analyst", "description": "Reads", "promises": ["agent_thinking"]}]
    }


async def test_only_oneself_can_be_erased_and_ones_tickets_end(site: Site) -> None:
    issued = await site.client.post("/api/tickets", headers=site.bearer("alice"))
    response = await site.client.delete("/api/me", headers=site.bearer("alice"))
    assert response.status_code == 204
    assert site.worker.erased == ["alice"]
    ticket = json.loads(await issued.get_data())["ticket"]
    assert (await site.client.get(f"/api/events?ticket={ticket}")).status_code == 401


def test_the_worker_of_these_tests_is_in_development_mode(site: Site) -> None:
    assert isinstance(site.worker, FakeWorker)
    assert site.worker.authenticator.guests is not None
