"""A bounded queue between the session and one iterator over its updates.

Policy at the bound: the *iterator* is given up with `ReaderTooSlow`; the session never waits for
a reader and its state stays complete.
"""

from collections import deque
from typing import Final, Generic, Self, TypeVar, final

import attrs
import trio

from netra_actors.client.errors import ReaderTooSlow

BOUND: Final = 10_000

T = TypeVar("T")


@final
@attrs.define(eq=False)
class Subscription(Generic[T]):
    """What one iterator has not read yet. Read by one task at a time."""

    bound: int = BOUND
    _items: deque[T] = attrs.field(factory=deque, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    _error: Exception | None = attrs.field(default=None, init=False)
    _waiting: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def put(self, item: T) -> None:
        """Queue *item*; at the bound, drop everything and end with `ReaderTooSlow`."""
        if self._ended:
            return
        if len(self._items) >= self.bound:
            self._items.clear()
            self.end(ReaderTooSlow(self.bound))
            return
        self._items.append(item)
        self._waiting.unpark_all()

    def end(self, error: Exception | None = None) -> None:
        """End the iterator after what is queued, or raise *error* then; the first call counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._waiting.unpark_all()

    async def get(self) -> T:
        """Return the next item.

        Cancellation: nothing is taken.

        Raises:
            StopAsyncIteration: the session was closed and everything is read.
            ReaderTooSlow: the bound was reached.
            SessionEnded: the session ended by itself.
        """
        while not self._items:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._waiting.park()
        return self._items.popleft()

    @property
    def unread(self) -> int:
        """How many items wait."""
        return len(self._items)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        # An iterator over a long queue must let other tasks run, and be cancellable.
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self.get()
