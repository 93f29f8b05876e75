"""The tasks of one connection: the application's, and the drain of a tail."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, final

import attrs
import trio
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope

from netra_actors.connections.inbox import Inbox
from netra_actors.server.throttled import ThrottledLog


@final
@attrs.frozen(eq=False)
class AppTasks:
    """Starts the application for a request, in the nursery of the connection.

    What the peer sends waits in an `Inbox`: bounded, and a disconnect never waits behind it.
    """

    _nursery: trio.Nursery
    _throttled: ThrottledLog

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,  # noqa: ARG002 - Hypercorn's signature
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Start the application; return what takes the peer's events for it."""
        inbox = Inbox()

        async def put(event: Any) -> None:
            if event["type"].endswith(".disconnect"):
                inbox.finish(event)
            else:
                await inbox.put(event, _size(event))

        self._nursery.start_soon(self._run_app, app, scope, inbox, send)
        return put

    def spawn(self, func: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Start another task of this connection."""
        self._nursery.start_soon(func, *args)

    async def _run_app(
        self,
        app: AppWrapper,
        scope: Scope,
        inbox: Inbox,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> None:
        receive: Any = inbox.receive
        try:
            await app(scope, receive, send, trio.to_thread.run_sync, trio.from_thread.run)
        # The application logs its own faults; what comes this far is a request that not even the
        # framework understood. It ends this request alone; a cancellation beside it goes on.
        except* Exception as faults:  # noqa: BLE001
            self._throttled.warning("application_fault", path=scope.get("path"), exc_info=faults)
        finally:
            await send(None)


def _size(event: dict[str, Any]) -> int:
    content = event.get("body") or event.get("bytes") or event.get("text") or b""
    return len(content)
