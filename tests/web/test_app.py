"""The application's edges: errors in one form, headers for browsers, pages."""

import json

import attrs
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from netra_actors.errors import Busy
from tests.web.conftest import Site, make_site


async def test_an_unknown_address_is_told_in_the_protocols_form(site: Site) -> None:
    response = await site.client.get("/nowhere")
    body = json.loads(await response.get_data())
    assert response.status_code == 404
    assert body["type"] == "error"
    assert body["error"] == "not_found"
    assert body["timestamp"] == site.worker.now_ms
    assert set(body) >= {"message", "recovery", "recoverable", "message_id", "re"}


async def test_a_wrong_method_is_told_with_what_is_allowed(site: Site) -> None:
    response = await site.client.put("/api/tickets")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert json.loads(await response.get_data())["error"] == "method_not_allowed"


async def test_a_crash_is_answered_with_a_reference_and_nothing_else(site: Site) -> None:
    site.worker.directory.error = ValueError("the secret of the trace")
    with capture_logs() as logs:
        response = await site.client.get("/api/threads", headers=site.bearer())
    text = str(await response.get_data(as_text=True))
    assert response.status_code == 500
    assert "secret" not in text
    reference = json.loads(text)["reference"]
    assert reference.startswith("req_")
    assert [entry["reference"] for entry in logs] == [reference]


async def test_a_refusal_that_says_when_carries_retry_after(site: Site) -> None:
    site.worker.directory.error = Busy("full", retry_after_s=1.2)
    response = await site.client.get("/api/threads", headers=site.bearer())
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"
    assert json.loads(await response.get_data())["retry_after_s"] == 1.2


async def test_no_credential_is_answered_with_401_and_how_to_ask(site: Site) -> None:
    response = await site.client.get("/api/threads")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert site.commands == []


async def test_answers_are_not_stored_and_not_sniffed(site: Site) -> None:
    response = await site.client.get("/health/live")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_other_sites_get_no_permission_to_read(site: Site) -> None:
    headers = {"Origin": "https://evil.example.org"}
    response = await site.client.get("/health/live", headers=headers)
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_an_allowed_site_may_ask_first_and_then_read() -> None:
    site = make_site(NETRA_ALLOWED_ORIGINS="https://app.example.org")
    origin = {"Origin": "https://app.example.org"}
    asking = {**origin, "Access-Control-Request-Method": "POST"}
    preflight = await site.client.options("/api/tickets", headers=asking)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
    response = await site.client.post("/api/tickets", headers={**origin, **site.bearer()})
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert response.headers["Vary"] == "Origin"


async def test_another_site_that_asks_first_is_refused() -> None:
    site = make_site(NETRA_ALLOWED_ORIGINS="https://app.example.org")
    asking = {"Origin": "null", "Access-Control-Request-Method": "POST"}
    preflight = await site.client.options("/api/tickets", headers=asking)
    assert preflight.status_code == 403
    assert "Access-Control-Allow-Origin" not in preflight.headers


async def test_a_body_without_end_is_cut_off_before_its_time_is_up(
    site: Site, autojump_clock: trio.testing.MockClock
) -> None:
    async with site.client.request(
        "/api/threads", method="POST", headers=site.bearer()
    ) as connection:
        for _ in range(20):
            await connection.send(b"x" * 65_536)
    response = await connection.as_response()
    assert response.status_code == 413
    assert json.loads(await response.get_data())["error"] == "message_too_large"


async def test_a_body_that_never_comes_is_waited_for_thirty_seconds(
    site: Site, autojump_clock: trio.testing.MockClock
) -> None:
    began = trio.current_time()
    async with site.client.request(
        "/api/threads", method="POST", headers=site.bearer()
    ) as connection:
        await connection.send(b"{")
    assert (await connection.as_response()).status_code == 408
    assert trio.current_time() - began == pytest.approx(30)


async def test_a_static_file_is_sent_once_and_then_known(site: Site) -> None:
    first = await site.client.get("/static/netra-client.js")
    assert first.status_code == 200
    assert first.headers["Content-Type"].startswith("text/javascript")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await site.client.get(
        "/static/netra-client.js", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304
    assert await again.get_data() == b""


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/"])
async def test_no_path_leads_out_of_the_static_files(site: Site, path: str) -> None:
    response = await site.client.get(path)
    assert response.status_code == 404


async def test_every_answer_is_counted(site: Site) -> None:
    await site.client.get("/health/live")
    await site.client.get("/api/threads")
    assert site.worker.metrics.http_requests == {"200": 1, "401": 1}
    assert site.worker.metrics.errors == {"unauthorized": 1}


async def test_calls_beyond_the_rate_are_told_when_to_come_back(site: Site) -> None:
    headers = site.bearer()
    for _ in range(60):
        assert (await site.client.get("/api/agents", headers=headers)).status_code == 200
    response = await site.client.get("/api/agents", headers=headers)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    other = await site.client.get("/api/agents", headers=site.bearer("bob"))
    assert other.status_code == 200


async def test_a_context_is_made_of_the_token_alone(site: Site) -> None:
    await site.client.get("/api/threads", headers=site.bearer("alice", "metrics", plan="free"))
    context, _ = site.worker.directory.asked[0]
    assert context.user_id == "alice"
    assert context.plan == "free"
    assert context.permissions == {"metrics"}
    assert context.request_id is not None
    assert attrs.asdict(context)["thread_id"] is None
