"""One WebSocket, as the session sees it: text frames in and out, and how it ended.

The only module that knows trio-websocket. Everything above works on a `Link`, so that tests
can play the wire in memory.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol, final
from urllib.parse import SplitResult, urlsplit

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
_SHOWN_CHARS: Final = 500
_NO_ANSWER: Final = f"no answer within {CONNECT_WITHIN_S:g} s"


@final
@attrs.frozen
class Ending:
    """How a connection ended."""

    code: int
    """The close code; `LOST` without one."""
    reason: str
    http_status: int | None = None
    """Set when the upgrade was refused."""


class LinkEnded(Exception):
    """The connection is gone, or did not come to be; no fault, every connection ends."""

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


def _refusal(error: Exception) -> Ending:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, trio_websocket.ConnectionRejected):
        body = (error.body or b"").decode("utf-8", "replace")[:_SHOWN_CHARS]
        return Ending(LOST, body, http_status=error.status_code)
    # h11 and wsproto raise what they please at a peer that speaks something else.
    return Ending(LOST, f"the service does not speak WebSocket: {error}")


@asynccontextmanager
async def open_link(url: str, headers: Sequence[tuple[str, str]]) -> AsyncIterator[Link]:
    """Open a WebSocket to *url* (`ws:` or `wss:`) for the length of the block.

    Raises:
        LinkEnded: nothing answers, or the upgrade was refused.
    """
    parts = urlsplit(url)
    # Owned here: trio-websocket does not close the stream of an upgrade that was refused.
    stream = await _dial(parts)
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            readers = await nursery.start(_readers)
            try:
                socket = await _upgrade(readers, stream, parts, headers)
                link = WebSocketLink(socket)
                try:
                    yield link
                finally:
                    await link.close()
            except Exception as error:  # noqa: BLE001 - raised below, unwrapped
                failure = error
            finally:
                readers.cancel_scope.cancel(reason="the link's block was left")
    except* Exception as broken:  # noqa: BLE001 - the block's own went to `failure`: the reader's
        failure = failure or LinkEnded(_refusal(broken))
    finally:
        await trio.aclose_forcefully(stream)
    if failure is not None:
        raise failure


async def _readers(task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """Give a nursery that a cancellation of the link does not reach.

    Who closes a link waits for the service's answer, and somebody has to read it. `open_link`
    ends the nursery itself, at most `CLOSE_WITHIN_S` after its block was left.
    """
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await trio.sleep_forever()


async def _dial(parts: SplitResult) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    host, secure = parts.hostname or "", parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    try:
        with trio.fail_after(CONNECT_WITHIN_S):
            if not secure:
                return await trio.open_tcp_stream(host, port)
            stream = await trio.open_ssl_over_tcp_stream(host, port, https_compatible=True)
            await stream.do_handshake()
            return stream
    except trio.TooSlowError:
        raise LinkEnded(Ending(LOST, _NO_ANSWER)) from None
    except OSError as error:
        raise LinkEnded(Ending(LOST, str(error))) from None
    except trio.BrokenResourceError as error:
        raise LinkEnded(Ending(LOST, f"no TLS: {error.__cause__ or error}")) from None


async def _upgrade(
    nursery: trio.Nursery,
    stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
    parts: SplitResult,
    headers: Sequence[tuple[str, str]],
) -> trio_websocket.WebSocketConnection:
    with trio.move_on_after(CONNECT_WITHIN_S):
        return await trio_websocket.wrap_client_stream(
            nursery,
            stream,
            host=parts.netloc.rpartition("@")[2],
            resource=parts.path + (f"?{parts.query}" if parts.query else ""),
            subprotocols=[SUBPROTOCOL],
            extra_headers=[(name.encode(), value.encode()) for name, value in headers],
            message_queue_size=_WAITING_FRAMES,
            max_message_size=_MAX_FRAME_BYTES,
        )
    raise LinkEnded(Ending(LOST, _NO_ANSWER))
