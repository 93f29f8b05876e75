"""Server-sent events: the same stream as a socket's, for clients that cannot have one.

A log event carries ``id: epoch:seq``, so a browser that reconnects resumes by itself; a control
object is a named event without id.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, final

import attrs
from quart.wrappers.response import ResponseBody
from quart_trio.wrappers import TrioResponse

from netra_actors.errors import ClientError, Unauthorized
from netra_actors.protocol.codec import encode_error
from netra_actors.web.ports import StreamItem

MEDIA: Final = "text/event-stream"
_RETRY_REFUSED_MS: Final = 30_000
"""What a refused EventSource is told to wait: it would come back at once."""

Batches = AbstractAsyncContextManager[AsyncIterator[Sequence[StreamItem]]]


def encode_item(item: StreamItem) -> bytes:
    """Return one item as a server-sent event; its data must be one line."""
    head = b""
    if item.cursor is not None:
        head = f"id: {item.cursor.epoch}:{item.cursor.seq}\n".encode()
    if item.name is not None:
        head += f"event: {item.name}\n".encode()
    return b"%bdata: %b\n\n" % (head, item.data)


@final
@attrs.define(eq=False)
class EventStream(ResponseBody):
    """A response body that is a stream for as long as the server sends it.

    The stream is opened and left by the task that sends the response, so nothing of it outlives
    the request. It ends when the token that opened it expires. A refusal at opening is told as
    an `error` event: the head of the answer has gone out by then.
    """

    _batches: Batches
    _expires_at: int
    _wall_clock_ms: Callable[[], int]
    _items: AsyncIterator[Sequence[StreamItem]] | None = attrs.field(default=None, init=False)
    _refused: bytes | None = attrs.field(default=None, init=False)
    _is_over: bool = attrs.field(default=False, init=False)

    async def __aenter__(self) -> "EventStream":
        try:
            self._items = await self._batches.__aenter__()
        except ClientError as error:
            retry = f"retry: {_RETRY_REFUSED_MS}\n".encode()
            self._refused = retry + self._error(error)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._items is not None:
            await self._batches.__aexit__(kind, error, trace)

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> bytes:
        """Return the next batch as bytes."""
        if self._is_over:
            raise StopAsyncIteration
        if self._items is None:
            self._is_over = True
            return self._refused or b""
        if self._wall_clock_ms() >= self._expires_at:
            self._is_over = True
            return self._error(Unauthorized("the token has expired"))
        return b"".join(map(encode_item, await anext(self._items)))

    def _error(self, error: ClientError) -> bytes:
        data = encode_error(error, None, None, self._wall_clock_ms())
        return encode_item(StreamItem(name="error", data=data))


def stream_response(
    batches: Batches, *, expires_at: int, wall_clock_ms: Callable[[], int]
) -> TrioResponse:
    """Return the answer that sends *batches* until *expires_at* (Unix milliseconds)."""
    body = EventStream(batches, expires_at, wall_clock_ms)
    response = TrioResponse(body, 200, content_type=f"{MEDIA}; charset=utf-8")
    response.timeout = None
    # Reverse proxies buffer answers unless they are told not to.
    response.headers["X-Accel-Buffering"] = "no"
    return response
