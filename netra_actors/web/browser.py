"""What browsers are told beside the answer: which sites may read it, and what a page may load."""

from typing import Final

from quart_trio.wrappers import TrioRequest, TrioResponse

from netra_actors.settings import ServerSettings

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Tickets stand in addresses; no other site may learn them from a Referer.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_METHODS: Final = "GET, POST, PATCH, DELETE"
_REQUEST_HEADERS: Final = "authorization, content-type, last-event-id"
_EXPOSED: Final = "retry-after, content-disposition"
_PREFLIGHT_S: Final = "600"


def preflight(request: TrioRequest, server: ServerSettings) -> TrioResponse | None:
    """Return the answer to a browser that asks whether a site may call; None for other requests.

    `decorate` adds to it which site may.
    """
    headers = request.headers
    if request.method != "OPTIONS" or "access-control-request-method" not in headers:
        return None
    if not _is_allowed(headers.get("origin"), server):
        return TrioResponse(b"", 403)
    response = TrioResponse(b"", 204)
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = _PREFLIGHT_S
    return response


def decorate(request: TrioRequest, response: TrioResponse, server: ServerSettings) -> TrioResponse:
    """Add the headers for browsers to *response* and return it."""
    headers = response.headers
    is_page = headers.get("content-type", "").startswith("text/html")
    headers.setdefault("Content-Security-Policy", _PAGE_POLICY if is_page else _DATA_POLICY)
    headers.setdefault("Cache-Control", "no-store")
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    if server.allowed_origins:
        headers.add("Vary", "Origin")
    origin = request.headers.get("origin")
    if origin is not None and _is_allowed(origin, server):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSED
    else:
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    return response


def _is_allowed(origin: str | None, server: ServerSettings) -> bool:
    return origin is not None and origin.strip().lower().rstrip("/") in server.allowed_origins
