"""What goes back over HTTP: JSON answers, and errors in the protocol's one form."""

import math
from typing import Any, Final

import msgspec
import structlog
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import HTTPException

from netra_actors.errors import ClientError, MessageTooLarge, NotFound, Unauthorized
from netra_actors.protocol.codec import error_body
from netra_actors.web.ports import Worker

log = structlog.get_logger()

JSON: Final = "application/json"
_REASONS: Final = {
    405: ("method_not_allowed", "this address does not take this method"),
    408: ("timeout", "the request did not arrive in time"),
    500: ("internal", "something went wrong here"),
    429: ("rate_limited", "too many requests"),
}


def json_answer(value: Any, status: int = 200) -> TrioResponse:
    """Return *value* as a JSON answer."""
    return TrioResponse(msgspec.json.encode(value), status, content_type=JSON)


def refusal(error: ClientError, worker: Worker) -> TrioResponse:
    """Return the answer to a call that was refused."""
    worker.metrics.errors.add(error.code)
    body = error_body(
        error,
        message_id=getattr(error, "message_id", None),
        re=getattr(error, "re", None),
        timestamp=worker.ids.clock(),
    )
    response = json_answer(body, error.http_status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if error.http_status == Unauthorized.http_status:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def http_refusal(error: HTTPException, worker: Worker) -> TrioResponse:
    """Return the answer to a request that the framework refused: 404, 405, 408, 413."""
    status = error.code or 500
    if status == NotFound.http_status:
        return refusal(NotFound("there is nothing at this address"), worker)
    if status == MessageTooLarge.http_status:
        return refusal(MessageTooLarge("the body is over the limit"), worker)
    code, message = _REASONS.get(status, ("invalid_field", error.description or error.name))
    response = _plain_error(worker, status, code, message, "Correct the request.")
    if (allowed := getattr(error, "valid_methods", None)) is not None:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def crash(error: Exception, worker: Worker, **where: str) -> TrioResponse:
    """Log a fault of ours and return the answer, which names the log entry and no more."""
    reference = worker.ids.generate_request_id()
    log.error("http_call_crashed", reference=reference, exc_info=error, **where)
    message = f"something went wrong here; the reference is {reference}"
    advice = "Try again later; give the reference when you report it."
    return _plain_error(worker, 500, "internal", message, advice, reference=reference)


def _plain_error(
    worker: Worker, status: int, code: str, message: str, recovery: str, **more: str
) -> TrioResponse:
    worker.metrics.errors.add(code)
    body = {
        "type": "error",
        "error": code,
        "message": message,
        "recovery": recovery,
        "recoverable": True,
        "message_id": None,
        "re": None,
        "timestamp": worker.ids.clock(),
        **more,
    }
    return json_answer(body, status)
