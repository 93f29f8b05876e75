import json

import pytest
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    RequestTimeout,
)

from netra_actors.errors import ClientError, Conflict, Gone, RateLimited
from netra_actors.web.answers import http_refusal, refusal
from tests.web.conftest import Site


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadRequest(), 400, "invalid_field"),
        (NotFound(), 404, "not_found"),
        (MethodNotAllowed(["GET"]), 405, "method_not_allowed"),
        (RequestTimeout(), 408, "timeout"),
        (RequestEntityTooLarge(), 413, "message_too_large"),
        (InternalServerError(), 500, "internal"),
    ],
)
async def test_what_the_framework_refuses_has_the_protocols_form(
    site: Site, error: HTTPException, status: int, code: str
) -> None:
    response = http_refusal(error, site.worker)
    body = json.loads(await response.get_data())
    assert (response.status_code, body["type"], body["error"]) == (status, "error", code)
    assert site.worker.metrics.errors == {code: 1}


@pytest.mark.parametrize(
    ("error", "status"),
    [(Conflict("c", run_id="run_1"), 409), (Gone("g"), 410), (RateLimited("r"), 429)],
)
async def test_a_refusal_has_the_status_of_its_error(
    site: Site, error: ClientError, status: int
) -> None:
    response = refusal(error, site.worker)
    body = json.loads(await response.get_data())
    assert response.status_code == status
    assert body["error"] == error.code
    assert body.get("run_id") == error.run_id


async def test_a_wait_of_a_moment_is_a_second_in_the_header(site: Site) -> None:
    response = refusal(RateLimited("r", retry_after_s=0.05), site.worker)
    assert response.headers["Retry-After"] == "1"
