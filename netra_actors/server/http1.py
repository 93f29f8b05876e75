"""HTTP/1.1 over Hypercorn's protocol class: what cannot be answered is refused at the door.

No HTTP/2, neither asked for nor assumed; a header that Hypercorn would fail to decode, a request
target that is no path and another HTTP version are refused, counted and rarely logged.
"""

import re
from typing import Any, cast, final

import h11
from hypercorn.events import Closed
from hypercorn.protocol.events import Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import HTTPStream

from netra_actors.server.frames import Frames
from netra_actors.server.throttled import ThrottledLog
from netra_actors.server.websocket import WebSocketStream
from netra_actors.server.writer import Writer

_ABSOLUTE_TARGET = re.compile(rb"https?://[^/?#\[\]]+(?P<path>/[^#]*)?", re.IGNORECASE)
_DECODED_AS_ASCII = (b"connection", b"host", b"upgrade")


@final
class Http1Protocol(H11Protocol):
    """One HTTP/1.1 connection; see the module."""

    def __init__(
        self, *arguments: Any, writer: Writer, frames: Frames, throttled: ThrottledLog
    ) -> None:
        super().__init__(*arguments)
        self._writer = writer
        self._frames = frames
        self._throttled = throttled

    @property
    def has_begun_head(self) -> bool:
        """Whether bytes of the next request have come already."""
        return bool(self.connection.trailing_data[0])

    async def _check_protocol(self, event: h11.Request) -> None:
        """Neither answer an upgrade to HTTP/2 nor assume it."""

    async def _create_stream(self, request: h11.Request) -> None:
        path = _path(request.target)
        status = _refusal(request) or (400 if path is None else None)
        if status is not None or path is None:
            await self._send_error_response(status or 400)
            await self.send(Closed())
            return
        if _is_upgrade(request):
            self.stream = self._websocket()
            self.connection = H11WSConnection(cast("h11.Connection", self.connection))
        else:
            self.stream = HTTPStream(*self._stream_arguments())
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=path,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1
        await self.context.mark_request()

    async def _send_error_response(self, status_code: int) -> None:
        self._throttled.warning("request_malformed", client=self.client, status=status_code)
        await super()._send_error_response(status_code)

    def _websocket(self) -> WebSocketStream:
        return WebSocketStream(
            *self._stream_arguments(),
            writer=self._writer,
            frames=self._frames,
            throttled=self._throttled,
        )

    def _stream_arguments(self) -> tuple[Any, ...]:
        return (
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )


def _refusal(request: h11.Request) -> int | None:
    """Return the status that refuses this request head; None if nothing is wrong with it."""
    if request.http_version not in {b"1.0", b"1.1"}:
        return 505
    for name, value in request.headers:
        is_decoded = name in _DECODED_AS_ASCII or name.startswith(b"sec-websocket-")
        if is_decoded and not value.isascii():
            return 400
    return None


def _path(target: bytes) -> bytes | None:
    """Return the path of a request target in origin or absolute form; None for another."""
    if target.startswith(b"/"):
        return target
    absolute = _ABSOLUTE_TARGET.fullmatch(target)
    return (absolute["path"] or b"/") if absolute is not None else None


def _is_upgrade(request: h11.Request) -> bool:
    """Whether this asks for a WebSocket; h11 has lower-cased the names."""
    upgrade, tokens = b"", []
    for name, value in request.headers:
        if name == b"upgrade":
            upgrade = value.strip().lower()
        elif name == b"connection":
            tokens += [token.strip().lower() for token in value.split(b",")]
    return request.method == b"GET" and upgrade == b"websocket" and b"upgrade" in tokens
