"""Where the record is read: a few connections, each used by one thread at a time.

The threads have a limiter of their own. With trio's default one, tools that sleep in threads
would keep users from reading their history.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar, final

import attrs
import trio

from netra_actors.errors import RecordUnavailable
from netra_actors.record.database import Database, Link

T = TypeVar("T")

CONNECTIONS: Final = 4
DEADLINE_S: Final = 5.0


@final
@attrs.define(eq=False, kw_only=True)
class Readers:
    """Runs queries; at most `CONNECTIONS` at once, the others wait."""

    database: Database
    deadline_s: float = DEADLINE_S
    _idle: deque[Link] = attrs.field(factory=deque, init=False)
    """Taken and given back by threads; `deque` does both atomically."""
    _inline: Link | None = attrs.field(default=None, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)
    _limiter: trio.CapacityLimiter = attrs.field(
        factory=lambda: trio.CapacityLimiter(CONNECTIONS), init=False
    )

    async def run(self, query: Callable[[Link], T], *, small: bool = False) -> T:
        """Return what *query* returns; inline if it is *small* and the database allows it.

        Cancellation: the query is left to end by itself; it keeps its place among the
        `CONNECTIONS` until then.

        Raises:
            RecordUnavailable: the database cannot be reached, or did not answer in time.
        """
        if small and self.database.reads_inline:
            await trio.lowlevel.checkpoint()
            return self._here(query)
        with trio.move_on_after(self.deadline_s):
            return await trio.to_thread.run_sync(
                self._in_thread, query, limiter=self._limiter, abandon_on_cancel=True
            )
        raise RecordUnavailable(f"the record did not answer within {self.deadline_s:g} s")

    def _here(self, query: Callable[[Link], T]) -> T:
        try:
            if self._inline is None or not self._inline.is_usable:
                self._inline = Link.open(self.database, writes=False)
            return query(self._inline)
        except self.database.errors as error:
            raise self.database.meaning(error) from error

    def _in_thread(self, query: Callable[[Link], T]) -> T:
        while True:
            link, is_new = self._take()
            try:
                result = query(link)
            except self.database.errors as error:
                meaning = self.database.meaning(error)
                if is_new or link.is_usable:
                    self._give_back(link)
                    raise meaning from error
                # An idle connection had died, with a restart of the server perhaps.
                link.close()
            else:
                self._give_back(link)
                return result

    def _take(self) -> tuple[Link, bool]:
        try:
            return self._idle.pop(), False
        except IndexError:
            pass  # None is idle: the limiter bounds how many are made.
        try:
            return Link.open(self.database, writes=False), True
        except self.database.errors as error:
            raise self.database.meaning(error) from error

    def _give_back(self, link: Link) -> None:
        if self._is_closed or not link.is_usable:
            link.close()
        else:
            self._idle.append(link)

    def close(self) -> None:
        """Close what is idle; a query still under way closes its own connection."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()
        if self._inline is not None:
            self._inline.close()
