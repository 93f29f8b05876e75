"""One WebSocket over Hypercorn's stream, without what breaks it.

Differences from the class it extends: no compression, whatever is offered; bytes before the 101
are refused; a message over the limit is thrown away and told to the application; a malformed
frame is answered 1002 or 1007; the peer's close code reaches the application; pongs and close
frames share the writer's tail and wait for nobody; no send returns without a checkpoint.
"""

from typing import Any, final

import trio
from hypercorn.protocol.events import Body, Data, Event, Request, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import ASGISendEvent, WebsocketAcceptEvent
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.events import Event as FrameEvent
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from netra_actors.connections.sinks import EXTENSION
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.server.frames import Frames
from netra_actors.server.throttled import ThrottledLog
from netra_actors.server.writer import Writer


@final
class WebSocketStream(WSStream):
    """One WebSocket of one HTTP/1.1 connection; see the module."""

    def __init__(
        self, *arguments: Any, writer: Writer, frames: Frames, throttled: ThrottledLog
    ) -> None:
        super().__init__(*arguments)
        self._writer = writer
        self._frames = frames
        self._throttled = throttled
        self._application = self.app
        self.app = self._with_frames
        self._parts: list[Any] = []
        self._size = 0
        self._deaf = False
        """After a message over the limit: what still comes is parsed and thrown away."""
        self._peer_code: int = CloseReason.ABNORMAL_CLOSURE

    async def _with_frames(
        self, scope: Any, receive: Any, send: Any, sync_spawn: Any, call_soon: Any
    ) -> None:
        scope["extensions"][EXTENSION] = self._frames
        await self._application(scope, receive, send, sync_spawn, call_soon)

    async def handle(self, event: Event) -> None:
        """Take what the connection brings: the request, its bytes, its end."""
        if self.closed:
            return
        if isinstance(event, StreamClosed):
            await self._leave()
        elif isinstance(event, Request):
            await super().handle(event)
            if self.closed:  # Refused: Hypercorn answers and would leave the connection open.
                self.closed = False
                await self._refuse()
        elif isinstance(event, (Body, Data)):
            if not self.handshake.accepted:
                await self._refuse_early_bytes()
            elif self.connection.state is not ConnectionState.CLOSED:
                self.connection.receive_data(event.data)
                await self._handle_events()

    async def _leave(self) -> None:
        if self.context.terminated.is_set() and self.state is ASGIWebsocketState.CONNECTED:
            # The server's grace is over; the kernel still carries what is written now.
            code = CloseCode.DRAINING
            self._write_control(CloseConnection(code=code, reason=code.reason))
        self.closed = True
        self._frames.shut()
        self._frames.gone.set()
        if self.app_put is not None:
            await self.app_put({"type": "websocket.disconnect", "code": int(self._peer_code)})

    async def _refuse(self) -> None:
        self.state = ASGIWebsocketState.HTTPCLOSED
        self._throttled.warning("upgrade_refused", client=self.client)
        await self.send(StreamClosed(stream_id=self.stream_id))

    async def _refuse_early_bytes(self) -> None:
        if self.state is ASGIWebsocketState.HANDSHAKE:
            self.state = ASGIWebsocketState.HTTPCLOSED
            await self._send_error_response(400)
        await self._refuse()

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Take what the application sends; None when it has ended."""
        if self.closed:
            await trio.lowlevel.checkpoint()
            return
        if message is None and self.state is ASGIWebsocketState.CONNECTED:
            # It neither closed nor was closed: it was cancelled, which is what a drain does at
            # its end, or it crashed.
            self.state = ASGIWebsocketState.CLOSED
            stopping = self.context.terminated.is_set()
            code = CloseCode.DRAINING if stopping else CloseCode.INTERNAL
            self._write_control(CloseConnection(code=code, reason=code.reason))
        await super().app_send(message)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        self.handshake.extensions = None
        await super()._accept(message)
        if self.state is ASGIWebsocketState.CONNECTED and not self.closed:
            self._frames.open()

    async def _send_pings(self) -> None:
        while not self.closed:
            self._write_control(Ping())
            with trio.move_on_after(self.config.websocket_ping_interval or 0):
                await self._frames.gone.wait()

    async def _handle_events(self) -> None:
        for event in self.connection.events():
            if isinstance(event, Message):
                await self._take_part(event)
            elif isinstance(event, Ping):
                self._write_control(event.response())
            elif isinstance(event, CloseConnection):
                await self._take_close(event)
                return

    async def _take_part(self, event: Message[Any]) -> None:
        if self._deaf or self.state is not ASGIWebsocketState.CONNECTED:
            return
        data = event.data
        self._size += len(data.encode()) if isinstance(data, str) else len(data)
        if self._size > self.config.websocket_max_message_size:
            self._deaf = True
            self._parts = []
            await self._tell({"type": "websocket.receive", EXTENSION: "too_large"})
            return
        self._parts.append(data)
        if event.message_finished:
            parts, self._parts, self._size = self._parts, [], 0
            text = "".join(parts) if isinstance(event, TextMessage) else None
            binary = b"".join(parts) if isinstance(event, BytesMessage) else None
            await self._tell({"type": "websocket.receive", "bytes": binary, "text": text})

    async def _tell(self, event: dict[str, Any]) -> None:
        if self.app_put is not None:
            await self.app_put(event)

    async def _take_close(self, event: CloseConnection) -> None:
        """Answer a close, or a frame that cannot be (wsproto tells it as a close), and end."""
        self._frames.shut()
        if self.connection.state is ConnectionState.REMOTE_CLOSING:
            self._peer_code = event.code
            self._write_control(event.response())
        elif self.connection.state is ConnectionState.OPEN:
            self._throttled.warning("frame_malformed", client=self.client, code=int(event.code))
            self._write_control(CloseConnection(code=event.code, reason=event.reason))
        else:
            self._peer_code = event.code
        self.state = ASGIWebsocketState.CLOSED
        await self.send(StreamClosed(stream_id=self.stream_id))

    async def _send_wsproto_event(self, event: FrameEvent) -> None:
        """Send what the application asked for, and wait until the kernel has it."""
        if isinstance(event, CloseConnection):
            self._frames.shut()
        try:
            data = self.connection.send(event)
        except LocalProtocolError:
            await trio.lowlevel.checkpoint()
            return  # It is closing: the application will be told.
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (trio.BrokenResourceError, trio.TooSlowError):
            # The connection is ending: its reader tells the application, once it gets its turn.
            await trio.lowlevel.checkpoint()

    def _write_control(self, event: FrameEvent) -> None:
        """Write a control frame behind the tail, waiting for nobody."""
        if isinstance(event, CloseConnection):
            self._frames.shut()
        try:
            self._writer.write(self.connection.send(event))
        except LocalProtocolError:
            return  # It is closing already.
        except trio.BrokenResourceError:
            # Dead, or a peer that asks for pongs and never takes them.
            self._frames.hang_up()
