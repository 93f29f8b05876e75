import pytest

from tests.web.conftest import make_site

APP = "https://app.example.org"


@pytest.mark.parametrize("origin", [APP, "HTTPS://APP.example.org", f"{APP}/"])
async def test_an_allowed_site_may_read_whatever_its_spelling(origin: str) -> None:
    site = make_site(NETRA_ALLOWED_ORIGINS=APP)
    response = await site.client.get("/health/live", headers={"Origin": origin})
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Cross-Origin-Resource-Policy" not in response.headers


@pytest.mark.parametrize("origin", ["null", "*", "https://app.example.org.evil.com", ""])
async def test_another_site_may_not(origin: str) -> None:
    site = make_site(NETRA_ALLOWED_ORIGINS=APP)
    response = await site.client.get("/health/live", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_caches_keep_answers_apart_by_site() -> None:
    site = make_site(NETRA_ALLOWED_ORIGINS=APP)
    assert (await site.client.get("/health/live")).headers["Vary"] == "Origin"


async def test_an_options_that_is_no_preflight_is_an_ordinary_wrong_method() -> None:
    site = make_site(NETRA_ALLOWED_ORIGINS=APP)
    response = await site.client.options("/api/threads", headers={"Origin": APP})
    assert response.status_code == 405


async def test_refusals_can_be_read_by_allowed_sites_too() -> None:
    site = make_site(NETRA_ALLOWED_ORIGINS=APP)
    response = await site.client.get("/api/threads", headers={"Origin": APP})
    assert response.status_code == 401
    assert response.headers["Access-Control-Allow-Origin"] == APP
