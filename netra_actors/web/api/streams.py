"""The streams: a user's events, and the observer's picture, as server-sent events."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, final

import attrs
import msgspec
import trio
from quart_trio.wrappers import TrioResponse

from netra_actors.protocol.commands import parse_cursor
from netra_actors.web.calls import Access, Call, Route
from netra_actors.web.ports import StreamItem, Worker
from netra_actors.web.sse import MEDIA, stream_response

_PICTURE_EVERY_S: Final = 1.0


async def get_events(call: Call) -> TrioResponse:
    """Stream the user's events from `Last-Event-ID` (or ``?cursor=``) on."""
    request = call.request
    text = request.headers.get("last-event-id") or request.args.get("cursor") or "none"
    return stream_response(
        call.worker.stream(call.user, parse_cursor(text)),
        expires_at=call.holder.expires_at,
        wall_clock_ms=call.worker.ids.clock,
    )


async def get_observer(call: Call) -> TrioResponse:
    """Stream a picture of the worker, one a second."""
    return stream_response(
        _pictures(call.worker),
        expires_at=call.holder.expires_at,
        wall_clock_ms=call.worker.ids.clock,
    )


@asynccontextmanager
async def _pictures(worker: Worker) -> AsyncIterator[AsyncIterator[Sequence[StreamItem]]]:
    yield _Pictures(worker)


@final
@attrs.define(eq=False)
class _Pictures:
    """One picture a second until the worker drains; a slow reader misses some."""

    _worker: Worker
    _next_at: float = attrs.field(factory=trio.current_time, init=False)

    def __aiter__(self) -> "_Pictures":
        return self

    async def __anext__(self) -> Sequence[StreamItem]:
        await trio.sleep_until(self._next_at)
        if self._worker.draining():
            raise StopAsyncIteration
        self._next_at = trio.current_time() + _PICTURE_EVERY_S
        return (StreamItem(data=msgspec.json.encode(self._worker.picture())),)


ROUTES = (
    Route(
        method="GET",
        path="/api/events",
        handler=get_events,
        summary="The user's events as they come (Last-Event-ID resumes)",
        access=Access.TICKET,
        media=MEDIA,
        query={
            "ticket": "in place of the header, for EventSource",
            "cursor": "<epoch>:<seq> or none, where Last-Event-ID cannot be set",
        },
    ),
    Route(
        method="GET",
        path="/api/observer",
        handler=get_observer,
        summary="What the worker is doing, one picture a second",
        access=Access.TICKET,
        permission="observe",
        media=MEDIA,
        query={"ticket": "in place of the header, for EventSource"},
    ),
)
