"""One live entry for each key: started by the first who asks, stopped when idle.

A key is in at most one of three conditions: absent, live, or changing (a start or a stop is
under way, as a task of the registry and not of whoever asked). So nobody's cancellation breaks
a start that others wait for, and a start never overlaps the stop of the entry before it.
"""

import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar, final

import attrs
import structlog
import trio

from netra_actors.errors import ActorStopped

K = TypeVar("K", bound=Hashable)
E = TypeVar("E")

log: structlog.stdlib.BoundLogger = structlog.get_logger()

STOPS_AT_ONCE: Final = 32
"""How many entries `drop_idle` and `close` stop side by side."""


@attrs.define(eq=False)
class _Change:
    """A start or a stop under way."""

    start_scope: trio.CancelScope | None = None
    """What ends a start early; a stop is never ended but by its grace."""
    over: trio.Event = attrs.field(factory=trio.Event)
    waiters: int = 0
    failure: Exception | None = None

    async def wait_over(self) -> None:
        self.waiters += 1
        try:
            await self.over.wait()
        finally:
            self.waiters -= 1
        if self.failure is not None:
            raise _own_copy(self.failure)


def _own_copy(error: Exception) -> Exception:
    """Return an equal exception with a traceback of its own, caused by *error*.

    Each waiter raises its own object: one that is raised in several tasks collects the frames
    of all of them. `__init__` is left out, since its arguments are not kept anywhere; what it
    set on the instance is taken over (not what a class keeps in `__slots__`).
    """
    twin = type(error).__new__(type(error), *error.args)
    twin.args = error.args
    twin.__dict__.update(error.__dict__)
    twin.__cause__ = error
    return twin


@final
class Registry(Generic[K, E]):
    """Entries by key, at most one for each; made by `open_registry`."""

    def __init__(
        self,
        start: Callable[[K], Awaitable[E]],
        stop: Callable[[E], Awaitable[None]],
        nursery: trio.Nursery,
        *,
        name: str,
        stop_grace_s: float,
    ) -> None:
        self.name = name
        self._start = start
        self._stop = stop
        self._stop_grace_s = stop_grace_s
        self._nursery = nursery
        # An entry started by a request must not see that request's context variables.
        self._context = contextvars.copy_context()
        self._live: dict[K, E] = {}
        self._changing: dict[K, _Change] = {}
        self._closed = False

    def __len__(self) -> int:
        """Count the live entries."""
        return len(self._live)

    def __bool__(self) -> bool:
        """Stay true when empty: a registry is a thing, not a list."""
        return True

    def peek(self, key: K) -> E | None:
        """Return the live entry of *key*, or None; starts nothing."""
        return self._live.get(key)

    def items(self) -> tuple[tuple[K, E], ...]:
        """Return the live entries as they are now, in the order of their starts."""
        return tuple(self._live.items())

    async def get(self, key: K) -> E:
        """Return the live entry of *key*, starting it if there is none.

        Callers that come during a start share it; callers that come during a stop wait for its
        end and share a new start. The entry is live when this returns and can be dropped at the
        caller's next await: take hold of it (whatever makes it not idle) before that.

        Neither `start` nor `stop` may ask for the key they work on: they would wait for
        themselves.

        Cancellation: if cancelled, a start under way goes on, and its entry stays until it is
        dropped.

        Raises:
            ActorStopped: the registry is closed.
            Exception: what `start` raised, as a copy of its own for each caller, caused by the
                original. Nothing is kept: the next call starts anew.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            if self._closed:
                raise ActorStopped(f"{self.name} is closed")
            if key in self._live:
                return self._live[key]
            await (self._changing.get(key) or self._begin_start(key)).wait_over()

    async def drop(self, key: K, idle: Callable[[E], bool]) -> bool:
        """Stop the entry of *key* if it is live and *idle*, and wait until it has stopped.

        *idle* is asked, and the entry marked as stopping, with no await in between. An error of
        `stop` is logged as `entry_stop_failed`; the entry is gone in any case, at the latest
        when `stop` has had its grace.

        Cancellation: if cancelled, the stop goes on.

        Returns:
            False when there was no live entry or it was not idle; it is untouched then.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if key not in self._live or not idle(self._live[key]):
            return False
        await self._begin_stop(key).wait_over()
        return True

    async def drop_idle(self, idle: Callable[[E], bool]) -> int:
        """Drop every entry that is *idle* when its turn comes; return how many were dropped.

        Cancellation: if cancelled, the stops under way go on and no further ones begin.
        """
        dropped = 0

        async def drop(key: K) -> None:
            nonlocal dropped
            # Awaited first: `dropped += await ...` would add to a count read before the wait.
            was_idle = await self.drop(key, idle)
            dropped += was_idle

        await _side_by_side(drop, list(self._live))
        return dropped

    async def close(self) -> None:
        """Refuse every `get` from now on, cancel the starts and stop all entries. Idempotent.

        Cancellation: if cancelled, the stops under way go on; entries whose turn had not come
        stay live, and closing again goes on with them.
        """
        self._closed = True
        for change in self._changing.values():
            if change.start_scope is not None:
                change.start_scope.cancel(reason="registry closed")
        await _side_by_side(self._retire, [*self._changing, *self._live])

    async def _retire(self, key: K) -> None:
        while key in self._changing or key in self._live:
            await (self._changing.get(key) or self._begin_stop(key)).over.wait()

    def _begin_start(self, key: K) -> _Change:
        scope = trio.CancelScope()
        # Replaced by what really happened; it stays when the start is cancelled.
        cancelled = ActorStopped(f"{self.name} stopped while it started an entry")
        change = self._changing[key] = _Change(scope, failure=cancelled)
        self._context.run(self._nursery.start_soon, self._run_start, key, change, scope)
        return change

    def _begin_stop(self, key: K) -> _Change:
        change = self._changing[key] = _Change()
        entry = self._live.pop(key)
        self._context.run(self._nursery.start_soon, self._run_stop, key, change, entry)
        return change

    async def _run_start(self, key: K, change: _Change, scope: trio.CancelScope) -> None:
        try:
            with scope:
                self._live[key] = await self._start(key)
                change.failure = None
        except Exception as error:  # every waiter must hear, or it hangs
            change.failure = error
            if not change.waiters:
                log.exception("entry_start_failed", registry=self.name, key=key, exc_info=error)
        finally:
            del self._changing[key]
            change.over.set()

    async def _run_stop(self, key: K, change: _Change, entry: E) -> None:
        try:
            with trio.move_on_after(self._stop_grace_s, shield=True) as scope:
                await self._stop(entry)
            if scope.cancelled_caught:
                log.error(
                    "entry_stop_cut", registry=self.name, key=key, waited_s=self._stop_grace_s
                )
        except Exception as error:  # one entry's stop must not end the others
            log.exception("entry_stop_failed", registry=self.name, key=key, exc_info=error)
        finally:
            del self._changing[key]
            change.over.set()


async def _side_by_side(act: Callable[[K], Awaitable[None]], keys: Sequence[K]) -> None:
    waiting = iter(keys)

    async def work() -> None:
        for key in waiting:
            await act(key)

    async with trio.open_nursery() as nursery:
        for _ in range(min(STOPS_AT_ONCE, len(keys))):
            nursery.start_soon(work)


@asynccontextmanager
async def open_registry(
    start: Callable[[K], Awaitable[E]],
    stop: Callable[[E], Awaitable[None]],
    *,
    name: str = "registry",
    stop_grace_s: float = 5.0,
    close_grace_s: float = 20.0,
) -> AsyncIterator[Registry[K, E]]:
    """Keep entries for the length of the block; leaving it closes the registry.

    Args:
        start: makes the entry of a key; called for one key at most once at a time.
        stop: ends an entry.
        name: the registry's name, for logs.
        stop_grace_s: how long one `stop` may take; it is shielded from cancellation, and
            cancelled after this (logged as `entry_stop_cut`).
        close_grace_s: how long closing may take in all; entries whose turn has not come by
            then are left without their `stop` (logged as `entries_left`).

    Cancellation: reaches the body and the starts under way at once; the stops have their grace.
    """
    async with trio.open_nursery() as nursery:
        registry: Registry[K, E] = Registry(
            start, stop, nursery, name=name, stop_grace_s=stop_grace_s
        )
        try:
            yield registry
        finally:
            with trio.move_on_after(close_grace_s, shield=True):
                await registry.close()
            if len(registry):
                log.error("entries_left", registry=name, count=len(registry))
                registry._live.clear()  # noqa: SLF001  the block is the other half of the class
            nursery.cancel_scope.cancel(reason="registry closed")
