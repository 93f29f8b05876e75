"""One accepted WebSocket as the session's code sees it, and the ASGI class that makes it.

`NetraWebSocket` is set as ``QuartTrio.asgi_websocket_class``; the application carries
``netra_socket_handler`` (an async callable that takes a `Socket`) and ``netra_socket_paths``.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, final

import attrs
import structlog
import trio

from netra_actors.connections.inbox import Inbox
from netra_actors.connections.sinks import EXTENSION, ExtensionSink, FrameSink, QueueSink
from netra_actors.errors import NetraError
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.web.headers import Headers

MAX_FRAME_BYTES = 64 * 1024
CLOSE_S = 5.0
"""For the tail and the close frame to leave; the connection goes on closing without us."""
PEER_CLOSE_S = 1.0
"""For the peer's close frame, so that ours is not lost to a reset."""
NO_CODE = 1006

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

log = structlog.get_logger()


class SocketClosed(NetraError):
    """The peer is gone, or the socket was closed here.

    Attributes:
        code: the close code; 1006 if the peer sent none.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the socket is closed ({code})")
        self.code = code


class FrameTooLarge(NetraError):
    """A message over 64 KiB came; its bytes were thrown away. Close with 4413."""


@final
@attrs.define(eq=False)
class Socket:
    """One WebSocket: first `accept` or `reject`, then `receive` and `sink`, then `close`.

    The handler's task is the reader. While it is busy at most 64 messages or 256 KiB wait; what
    comes beyond waits in the network, and a peer's leaving behind it is seen by the heartbeat.
    """

    path: str
    query: str
    headers: Headers
    subprotocols: list[str]
    client: tuple[str, int] | None
    scheme: str
    http_version: str
    gone: trio.Event
    """Set when the peer has left; also while nobody receives."""
    _receive: Receive
    _send: Send
    _make_sink: Callable[[], FrameSink]
    _hang_up: Callable[[], None]
    _can_answer: bool
    _sink: FrameSink | None = attrs.field(default=None, init=False)
    _close_code: int | None = attrs.field(default=None, init=False)

    @property
    def sink(self) -> FrameSink:
        """Where frames are written; there after `accept`."""
        if self._sink is None:
            raise RuntimeError("the socket was not accepted")
        return self._sink

    @property
    def close_code(self) -> int | None:
        """The code that either side closed with; None while it is open."""
        return self._close_code

    @property
    def accepted(self) -> bool:
        """Whether `accept` was called."""
        return self._sink is not None

    async def accept(self, subprotocol: str | None = None) -> None:
        """Answer the upgrade with 101.

        Raises:
            SocketClosed: the peer has left meanwhile, or `reject` came first.
        """
        self._refuse_if_closed()
        self._sink = self._make_sink()
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})
        self._refuse_if_closed()

    async def reject(
        self, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Answer the upgrade with an HTTP response; over a server that cannot, with 403."""
        if self._close_code is not None or self._sink is not None:
            return
        self._close_code = NO_CODE
        if not self._can_answer:
            await self._send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        fields = [
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *headers,
        ]
        await self._send({
            "type": "websocket.http.response.start",
            "status": status,
            "headers": fields,
        })
        await self._send({"type": "websocket.http.response.body", "body": body})

    async def receive(self) -> str | bytes:
        """Return the next message; an empty one too.

        Cancellation: nothing was taken.

        Raises:
            SocketClosed: the peer is gone, or the socket was closed here.
            FrameTooLarge: a message over 64 KiB came; the caller closes with 4413.
        """
        self._refuse_if_closed()
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            if self._close_code is None:
                self._close_code = int(event.get("code") or NO_CODE)
            raise SocketClosed(self._close_code)
        if event.get(EXTENSION) == "too_large":
            raise FrameTooLarge("a message over 64 KiB")
        return _content(event)

    async def close(self, code: int, reason: str = "") -> None:
        """Let the tail leave, then close with that code; wait a second for the peer's answer.

        Idempotent; at most 5 s. A `receive` that waits raises `SocketClosed`. Before `accept` it
        answers the upgrade with 403.

        Cancellation: the connection ends all the same; what had not left may be lost.
        """
        if self._sink is None:
            await self.reject(403)
            return
        if self._close_code is not None:
            return
        self._close_code = code
        if self.gone.is_set():
            return
        try:
            with trio.move_on_after(CLOSE_S):
                await self._drain()
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                with trio.move_on_after(PEER_CLOSE_S):
                    await self.gone.wait()
        finally:
            self._hang_up()

    async def _drain(self) -> None:
        try:
            await self.sink.drain()
        except (trio.BrokenResourceError, trio.TooSlowError):
            return  # The close frame is tried all the same: it costs nothing.

    def _refuse_if_closed(self) -> None:
        if self._close_code is not None:
            raise SocketClosed(self._close_code)
        if self.gone.is_set() and self._sink is None:
            raise SocketClosed(NO_CODE)


def _content(event: dict[str, Any]) -> str | bytes:
    """Return what a ``websocket.receive`` carries; an empty binary message is ``b""``."""
    data: bytes | None = event.get("bytes")
    if data is not None:
        if len(data) > MAX_FRAME_BYTES:
            raise FrameTooLarge("a message over 64 KiB")
        return bytes(data)
    text: str = event.get("text") or ""
    if len(text) > MAX_FRAME_BYTES or len(text.encode()) > MAX_FRAME_BYTES:
        raise FrameTooLarge("a message over 64 KiB")
    return text


@final
class NetraWebSocket:
    """ASGI WebSocket connection: runs ``app.netra_socket_handler(socket)`` and always closes.

    A handler that returns closes 1000, one that raises `FrameTooLarge` 4413; any other error is
    logged as ``socket_crashed`` and closes 4050. An upgrade on another path answers 404.
    """

    def __init__(self, app: Any, scope: Any) -> None:
        self._app = app
        self._scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        """Serve one connection until the handler has returned."""
        first = await receive()
        if first["type"] != "websocket.connect":
            return
        frames = self._scope.get("extensions", {}).get(EXTENSION)
        if frames is None:
            await self._serve_plain(receive, send)
            return
        socket = self._socket(
            receive, send, frames.gone, lambda: ExtensionSink(frames), frames.hang_up
        )
        await self._serve(socket)

    async def _serve_plain(self, receive: Receive, send: Send) -> None:
        """Serve over a server without the extension: a reader and a writer task beside us."""
        inbox, sink, gone = Inbox(), QueueSink(send), trio.Event()

        def hang_up() -> None:
            sink.close()
            inbox.finish({"type": "websocket.disconnect", "code": NO_CODE})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pump, receive, inbox, sink, gone)
            nursery.start_soon(sink.run)
            await self._serve(self._socket(inbox.receive, send, gone, lambda: sink, hang_up))
            nursery.cancel_scope.cancel()

    def _socket(
        self,
        receive: Receive,
        send: Send,
        gone: trio.Event,
        make_sink: Callable[[], FrameSink],
        hang_up: Callable[[], None],
    ) -> Socket:
        scope = self._scope
        return Socket(
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=Headers(scope["headers"]),
            subprotocols=list(scope.get("subprotocols") or ()),
            client=scope.get("client"),
            scheme=scope.get("scheme", "ws"),
            http_version=scope.get("http_version", "1.1"),
            gone=gone,
            receive=receive,
            send=send,
            make_sink=make_sink,
            hang_up=hang_up,
            can_answer="websocket.http.response" in scope.get("extensions", {}),
        )

    async def _serve(self, socket: Socket) -> None:
        if socket.path not in getattr(self._app, "netra_socket_paths", frozenset({"/ws"})):
            await socket.reject(404)
            return
        code = CloseCode.NORMAL
        try:
            await self._app.netra_socket_handler(socket)
        except* SocketClosed:
            pass  # The peer left: the ordinary end.
        except* FrameTooLarge:
            code = CloseCode.TOO_LARGE
        except* Exception as faults:  # The crash boundary of a connection.
            code = CloseCode.INTERNAL
            log.exception("socket_crashed", path=socket.path, exc_info=faults)
        if code is CloseCode.INTERNAL and not socket.accepted:
            await socket.reject(500)
        await socket.close(code, code.reason)


async def _pump(receive: Receive, inbox: Inbox, sink: QueueSink, gone: trio.Event) -> None:
    """Move what comes into the inbox until the peer has gone."""
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            gone.set()
            sink.close()
            inbox.finish(event)
            return
        sink.heard()
        await inbox.put(event, len(event.get("bytes") or event.get("text") or ""))
