"""What a peer has sent and nobody has taken yet: bounded, so that a flood waits in the network."""

from collections import deque
from typing import Any, final

import attrs
import trio

MAX_ITEMS = 64
MAX_BYTES = 256 * 1024


@final
@attrs.define(eq=False)
class Inbox:
    """ASGI events between the task that reads a socket and the task that handles them.

    Policy at the bound: *wait*. `put` waits, so its task stops reading the socket and TCP holds
    the peer back. The last event (the disconnect) never waits and is never lost; but a peer's
    leaving that lies behind unread bytes is seen only when those are read, so whoever does not
    receive needs the heartbeat to notice it.
    """

    max_items: int = MAX_ITEMS
    max_bytes: int = MAX_BYTES
    _events: deque[tuple[dict[str, Any], int]] = attrs.field(factory=deque, init=False)
    _bytes: int = attrs.field(default=0, init=False)
    _last: dict[str, Any] | None = attrs.field(default=None, init=False)
    _room: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _filled: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def __len__(self) -> int:
        return len(self._events)

    def _is_full(self) -> bool:
        return len(self._events) >= self.max_items or self._bytes >= self.max_bytes

    async def put(self, event: dict[str, Any], size: int) -> None:
        """Queue *event* of *size* bytes; wait while the inbox is at its bound.

        After `finish` it is discarded: nobody will ask for it. Checkpoints only when it waits.

        Cancellation: the event was not queued.
        """
        while self._is_full() and self._last is None:
            await self._room.park()
        if self._last is None:
            self._events.append((event, size))
            self._bytes += size
            self._filled.unpark()

    def finish(self, last: dict[str, Any]) -> None:
        """Queue the last event, behind those that wait; later ones are discarded."""
        if self._last is None:
            self._last = last
            self._room.unpark_all()
            self._filled.unpark_all()

    async def receive(self) -> dict[str, Any]:
        """Take the oldest event; the last one is given again to whoever asks again.

        Checkpoints only when it waits, which it does at the latest after `max_items` events.

        Cancellation: nothing was taken.
        """
        while not self._events:
            if self._last is not None:
                await trio.lowlevel.checkpoint()
                return self._last
            await self._filled.park()
        event, size = self._events.popleft()
        self._bytes -= size
        self._room.unpark()
        return event
