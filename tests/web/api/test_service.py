import json

import pytest

from tests.web.conftest import Site

LOCAL = {"client": ("127.0.0.1", 5)}
FAR = {"client": ("203.0.113.9", 5)}


async def test_a_process_that_answers_is_alive(site: Site) -> None:
    site.worker.is_ready = False
    assert (await site.client.get("/health/live")).status_code == 200


@pytest.mark.parametrize(
    ("ready", "draining", "status"), [(True, False, 200), (False, False, 503), (True, True, 503)]
)
async def test_users_are_sent_only_to_a_worker_that_is_ready_and_stays(
    site: Site, ready: bool, draining: bool, status: int
) -> None:
    site.worker.is_ready, site.worker.is_draining = ready, draining
    assert (await site.client.get("/health/ready")).status_code == status


async def test_health_is_one_honest_object(site: Site) -> None:
    response = await site.client.get("/health")
    body = json.loads(await response.get_data())
    assert response.status_code == 200
    record = body["dependencies"].pop("record")
    assert record["state"] == "up"
    assert isinstance(record["latency_ms"], float)
    assert record["since"] == site.worker.now_ms
    assert isinstance(body.pop("version"), str)
    assert body == {
        "status": "ok",
        "uptime_s": 5,
        "sessions": 1,
        "connections": 2,
        "runs": 3,
        "dependencies": {},
    }


async def test_a_dependency_that_is_down_makes_health_503(site: Site) -> None:
    site.worker.failing.add("record")
    response = await site.client.get("/health")
    body = json.loads(await response.get_data())
    assert response.status_code == 503
    assert body["status"] == "degraded"
    assert body["dependencies"]["record"]["state"] == "down"
    assert body["dependencies"]["record"]["latency_ms"] is None


async def test_metrics_are_for_this_machine(site: Site) -> None:
    response = await site.client.get("/metrics", scope_base=LOCAL)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    assert b"netra_events_appended_total 0.0" in await response.get_data()


async def test_metrics_are_not_for_strangers(site: Site) -> None:
    assert (await site.client.get("/metrics", scope_base=FAR)).status_code == 401
    assert (await site.client.get("/metrics")).status_code == 401
    through_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
    response = await site.client.get("/metrics", scope_base=LOCAL, headers=through_a_proxy)
    assert response.status_code == 401


async def test_metrics_are_for_those_with_the_permission(site: Site) -> None:
    allowed = site.bearer("alice", "metrics")
    refused = site.bearer("alice", "observe")
    assert (await site.client.get("/metrics", scope_base=FAR, headers=allowed)).status_code == 200
    assert (await site.client.get("/metrics", scope_base=FAR, headers=refused)).status_code == 403
