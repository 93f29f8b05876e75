"""`connect`: a session on the service for the length of a block."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from netra_actors.client.actions import Update
from netra_actors.client.core import Core
from netra_actors.client.http import Address, HttpApi
from netra_actors.client.hub import Hub
from netra_actors.client.link import Opener, open_link
from netra_actors.client.reconnect import Reconnector
from netra_actors.client.session import Session
from netra_actors.client.subscription import Subscription
from netra_actors.client.tokens import TokenProvider, TokenSource
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.state import State


@asynccontextmanager
async def connect(  # noqa: PLR0913 - keyword-only options, each with a default
    url: str,
    *,
    token: str | TokenProvider | None = None,
    device: str | None = None,
    thread_id: str | None = None,
    cursor: Cursor | None = None,
    state: State | None = None,
    wait_for_service: bool = False,
    give_up_after_s: float = math.inf,
    updates: Subscription[Update] | None = None,
    opener: Opener = open_link,
) -> AsyncIterator[Session]:
    """Connect to the service at *url* for the length of the block, again and again if need be.

    *token* is a JWT, or a function (sync or async) that returns one and is called again when it
    expires. *cursor* and *state* resume where an earlier session was (a cursor belongs to its
    state; without a state, `Session.state` holds only what comes after). A first connection
    that fails raises, unless *wait_for_service*; later ones are tried again, for ever or until
    the session has been without a connection for *give_up_after_s*. *updates*, made by the caller,
    misses nothing of the first replay, which `Session.updates`, asked for in the block, may.

    The block is not cancelled when the session ends by itself: every call and iterator in it
    raises `SessionEnded` (or `Unauthorized`) from then on.

    Raises:
        Unreachable: nothing answers at *url*.
        Unauthorized: the token is refused, and there is no other.
        Refused: the service does not want this client.
        ConfigurationError: *url* is no address.
    """
    address, tokens = Address.parse(url), TokenSource(token)
    hub = Hub(Core(state=state or State(), cursor=cursor))
    if updates is not None:
        hub.subscribe(updates)
    loop = Reconnector(
        hub=hub,
        open=opener,
        url=address.websocket,
        tokens=tokens,
        device=device,
        thread_id=thread_id,
        wait_for_service=wait_for_service,
        give_up_after_s=give_up_after_s,
    )
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        try:
            await hub.wait_connected()
            yield Session(hub, loop, HttpApi(address, tokens))
        except Exception as error:  # noqa: BLE001 - raised below, where no nursery wraps it
            failure = error
        finally:
            hub.end(None)
            nursery.cancel_scope.cancel(reason="the session's block was left")
    if failure is not None:
        raise failure
