"""One WebSocket, as the session sees it: text frames in and out, and how it ended.

The only module that knows trio-websocket. Everything above works on a `Link`, so that tests
can play the wire in memory.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol, final

import attrs
import trio
import trio_websocket

SUBPROTOCOL: Final = "netra.v1"
CONNECT_WITHIN_S: Final = 10.0
CLOSE_WITHIN_S: Final = 1.0
LOST: Final = 1006
"""The code of a connection that ended without a closing frame."""

_MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
_WAITING_FRAMES: Final = 64


@final
@attrs.frozen
class Ending:
    """How a connection ended."""

    code: int
    """The close code; `LOST` without one."""
    reason: str
    http_status: int | None = None
    """Set when the upgrade was refused."""


class LinkEnded(Exception):  # noqa: N818  # not a fault: every connection ends
    """The connection is gone, or did not come to be."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(f"{ending.http_status or ending.code} {ending.reason}".strip())
        self.ending = ending


class Link(Protocol):
    """An open connection."""

    async def receive(self) -> str | bytes:
        """Return the next frame.

        Cancellation: no frame is lost.

        Raises:
            LinkEnded: there is no further frame.
        """
        ...

    async def send(self, frame: str) -> None:
        """Send one text frame.

        Cancellation: the frame may be half sent; the link must not be used again.

        Raises:
            LinkEnded: the connection is gone.
        """
        ...


class Opener(Protocol):
    """Makes links; `open_link` is the real one."""

    def __call__(
        self, url: str, headers: Sequence[tuple[str, str]]
    ) -> AbstractAsyncContextManager[Link]:
        """Open a connection for the length of a block.

        Raises:
            LinkEnded: it could not be opened.
        """
        ...


@final
@attrs.frozen(eq=False)
class WebSocketLink:
    """A `Link` over trio-websocket."""

    _socket: trio_websocket.WebSocketConnection

    async def receive(self) -> str | bytes:
        """See `Link.receive`."""
        try:
            return await self._socket.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise LinkEnded(_ending(closed.reason)) from None

    async def send(self, frame: str) -> None:
        """See `Link.send`."""
        try:
            await self._socket.send_message(frame)
        except trio_websocket.ConnectionClosed as closed:
            raise LinkEnded(_ending(closed.reason)) from None

    async def close(self) -> None:
        """Say goodbye (1000); after `CLOSE_WITHIN_S` the connection is simply dropped."""
        with trio.move_on_after(CLOSE_WITHIN_S, shield=True):
            await self._socket.aclose(1000)


def _ending(reason: trio_websocket.CloseReason | None) -> Ending:
    if reason is None:
        return Ending(LOST, "the connection was closed here")
    return Ending(reason.code, reason.reason or "")


def _refusal(error: trio_websocket.HandshakeError) -> Ending:
    if isinstance(error, trio_websocket.ConnectionRejected):
        body = (error.body or b"").decode("utf-8", "replace")[:500]
        return Ending(LOST, body, http_status=error.status_code)
    if isinstance(error, trio_websocket.ConnectionTimeout):
        return Ending(LOST, f"no answer within {CONNECT_WITHIN_S:g} s")
    return Ending(LOST, str(error.__cause__ or error))


@asynccontextmanager
async def open_link(url: str, headers: Sequence[tuple[str, str]]) -> AsyncIterator[Link]:
    """Open a WebSocket to *url* (`ws:` or `wss:`) for the length of the block.

    Raises:
        LinkEnded: nothing answers, or the upgrade was refused.
    """
    connection = trio_websocket.open_websocket_url(
        url,
        subprotocols=[SUBPROTOCOL],
        extra_headers=[(name.encode(), value.encode()) for name, value in headers],
        message_queue_size=_WAITING_FRAMES,
        max_message_size=_MAX_FRAME_BYTES,
        connect_timeout=CONNECT_WITHIN_S,
        disconnect_timeout=CLOSE_WITHIN_S,
    )
    try:
        async with connection as socket:
            link = WebSocketLink(socket)
            try:
                yield link
            finally:
                await link.close()
    except trio_websocket.HandshakeError as error:
        raise LinkEnded(_refusal(error)) from None
