"""Who types where: told to the user's other connections, never logged, over after 5 s."""

from collections.abc import Callable
from typing import Final, final

import attrs
import trio

TYPING_S: Final = 5.0
MAX_THREADS: Final = 16
"""Of one connection; who types in more has stopped typing in the first."""

Tell = Callable[[str | None, bool], None]
"""Tells the others: (thread_id, whether somebody types there)."""


@final
@attrs.define(eq=False)
class Typing:
    """In which threads one connection types."""

    _tell: Tell
    _until: dict[str | None, float] = attrs.field(factory=dict, init=False)

    def note(self, thread_id: str | None, *, on: bool) -> None:
        """Note, and tell, that typing began (or goes on), or ended."""
        if not on:
            self._until.pop(thread_id, None)
            self._tell(thread_id, False)
            return
        self._until.pop(thread_id, None)
        self._until[thread_id] = trio.current_time() + TYPING_S
        self._tell(thread_id, True)
        if len(self._until) > MAX_THREADS:
            self.note(next(iter(self._until)), on=False)

    def expire(self, now: float) -> None:
        """End what was not renewed within 5 s."""
        for thread_id, until in tuple(self._until.items()):
            if until <= now:
                self.note(thread_id, on=False)

    def stop(self) -> None:
        """End it everywhere: the connection has gone."""
        for thread_id in tuple(self._until):
            self.note(thread_id, on=False)
