import json

import pytest

from tests.web.conftest import Site, make_site


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "Basic YTpi", "Bearer ", "bearer a.b.c", "Bearer eyJ.eyJ.e"]
)
async def test_a_bad_credential_is_401_and_counted(site: Site, authorization: str) -> None:
    response = await site.client.get("/api/threads", headers={"Authorization": authorization})
    assert response.status_code == 401
    assert json.loads(await response.get_data())["error"] == "unauthorized"
    assert site.commands == []


async def test_an_expired_token_is_told_as_expired(site: Site) -> None:
    headers = site.bearer()
    site.worker.now_ms += 24 * 3600 * 1000
    response = await site.client.get("/api/threads", headers=headers)
    assert response.status_code == 401
    assert "expired" in json.loads(await response.get_data())["message"]
    assert site.worker.metrics.auth_failures == {"expired": 1}


async def test_a_users_rate_is_taken_after_the_user_is_known(site: Site) -> None:
    for _ in range(100):
        await site.client.get("/api/threads")
    assert (await site.client.get("/api/threads", headers=site.bearer())).status_code == 200


async def test_metrics_do_not_count_against_the_rate(site: Site) -> None:
    headers = site.bearer("alice", "metrics")
    for _ in range(70):
        assert (await site.client.get("/metrics", headers=headers)).status_code == 200


async def test_a_trusted_proxy_says_who_is_local_and_who_is_not() -> None:
    site = make_site(NETRA_TRUSTED_PROXIES="127.0.0.1")
    scope = {"client": ("127.0.0.1", 5)}
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert (await site.client.get("/metrics", scope_base=scope)).status_code == 200
    response = await site.client.get("/metrics", scope_base=scope, headers=forwarded)
    assert response.status_code == 401


async def test_a_development_token_needs_the_name_the_client_really_used() -> None:
    site = make_site(NETRA_TRUSTED_PROXIES="127.0.0.1")
    response = await site.client.post(
        "/api/dev/token",
        scope_base={"client": ("127.0.0.1", 5)},
        headers={"Host": "127.0.0.1:8000", "X-Forwarded-Host": "public.example.org"},
        json={},
    )
    assert response.status_code == 403
