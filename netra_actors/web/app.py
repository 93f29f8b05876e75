"""The ASGI application of one worker: pages, HTTP API, and the class behind every WebSocket."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio
from quart import request
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioRequest, TrioResponse
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from netra_actors.errors import ClientError
from netra_actors.web.answers import crash, http_refusal, json_answer, refusal
from netra_actors.web.api import table
from netra_actors.web.api.files import ENVELOPE_BYTES
from netra_actors.web.api.files import PATH as FILES_PATH
from netra_actors.web.browser import decorate, preflight
from netra_actors.web.calls import Call, Route
from netra_actors.web.gate import admit, endpoint_of
from netra_actors.web.pages import read_pages
from netra_actors.web.ports import Worker
from netra_actors.web.socket import NetraWebSocket, Socket
from netra_actors.web.sse import MEDIA

_BODY_BYTES: Final = 1024 * 1024
"""No body but a file's comes near it; what a command may have is checked with its own limit."""
_BODY_WITHIN_S: Final = 30
_PARAMETER: Final = re.compile(r"{(\w+)}")


class NetraRequest(TrioRequest):
    """A request whose body is bounded by what its address takes."""

    def __init__(
        self,
        method: str,
        scheme: str,
        path: str,
        *args: Any,
        max_content_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        if path != FILES_PATH and max_content_length is not None:
            max_content_length = min(max_content_length, _BODY_BYTES)
        super().__init__(
            method, scheme, path, *args, max_content_length=max_content_length, **kwargs
        )


class NetraApp(QuartTrio):
    """The application; the service sets `netra_socket_handler` before it serves."""

    request_class = NetraRequest
    asgi_websocket_class = NetraWebSocket  # type: ignore[assignment]  # takes the same three
    netra_socket_handler: Callable[[Socket], Awaitable[None]]


def create_app(worker: Worker) -> NetraApp:
    """Return the application of *worker*; everything it needs is asked of it at each call."""
    app = NetraApp("netra_actors.web", static_folder=None)
    files = worker.settings.agents.file_max_bytes + ENVELOPE_BYTES
    app.config["MAX_CONTENT_LENGTH"] = max(files, _BODY_BYTES)
    app.config["BODY_TIMEOUT"] = _BODY_WITHIN_S
    for route in table(worker):
        app.add_url_rule(
            _PARAMETER.sub(r"<\1>", route.path),
            route.name,
            _view(route, worker),
            methods=[route.method],
            provide_automatic_options=False,
        )
    _add_pages(app)
    _add_edges(app, worker)
    return app


def _view(route: Route, worker: Worker) -> Callable[..., Awaitable[TrioResponse]]:
    async def view(**params: str) -> TrioResponse:
        began = trio.current_time()
        call = Call(
            worker=worker,
            request=request._get_current_object(),  # type: ignore[attr-defined]  # noqa: SLF001 - a proxy
            endpoint=endpoint_of(request, worker),  # type: ignore[arg-type]  # a proxy
            params=params,
        )
        try:
            response = await _answer(await admit(call, route), route)
        except ClientError as error:
            response = refusal(error, worker)
        except HTTPException as error:
            response = http_refusal(error, worker)
        except Exception as error:  # noqa: BLE001 - the crash boundary of an HTTP call
            response = crash(error, worker, method=route.method, path=route.path)
        worker.metrics.http_answered(response.status_code, trio.current_time() - began)
        return response

    return view


async def _answer(call: Call, route: Route) -> TrioResponse:
    if call.request.method == "HEAD" and route.media == MEDIA:
        return TrioResponse(b"", 200, content_type=MEDIA)
    answer = await route.handler(call)
    if isinstance(answer, TrioResponse):
        return answer
    if answer is None:
        return TrioResponse(b"", route.status)
    return json_answer(answer, route.status)


def _add_pages(app: NetraApp) -> None:
    pages = read_pages()

    async def page(**_: str) -> TrioResponse:
        found = pages.get(request.path)
        if found is None:
            raise NotFound
        return found.answer(request.headers.get("if-none-match"))

    for rule in ("/", "/observer", "/static/<path:name>"):
        app.add_url_rule(
            rule, f"page {rule}", page, methods=["GET"], provide_automatic_options=False
        )


def _add_edges(app: NetraApp, worker: Worker) -> None:
    server = worker.settings.server

    @app.before_request
    async def answer_preflight() -> TrioResponse | None:
        return preflight(request, server)  # type: ignore[arg-type]  # a proxy

    @app.after_request
    async def add_headers(response: TrioResponse) -> TrioResponse:
        return decorate(request, response, server)  # type: ignore[arg-type]  # a proxy

    @app.errorhandler(HTTPException)
    async def answer_http_error(error: HTTPException) -> TrioResponse | Response:
        if error.code is not None and error.code < 400:
            return error.get_response()
        return http_refusal(error, worker)
