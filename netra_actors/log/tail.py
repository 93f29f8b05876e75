"""The newest events of a log in memory: what cursors read and what the fold has yet to take.

A list of lines, and a list of the same events decoded, addressed by seq. When the committed
part grows past its bound the older half is folded into `State` and dropped; cursors that are
further behind read the record.
"""

from collections.abc import Sequence
from typing import final

import attrs

from netra_actors.protocol.events import Event
from netra_actors.protocol.state import State


@final
@attrs.define(eq=False)
class Tail:
    """Events `first`.. of one log.

    Attributes:
        first: seq of the oldest event in memory.
        size: bytes of all lines in memory.
    """

    first: int
    lines: list[bytes] = attrs.field(factory=list, init=False)
    events: list[Event] = attrs.field(factory=list, init=False)
    size: int = attrs.field(default=0, init=False)
    _state: State = attrs.field(factory=State, kw_only=True, alias="state")
    """The fold of everything up to `_folded`."""
    _folded: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._folded = self.first - 1

    def push(self, event: Event, line: bytes) -> None:
        """Add the next event."""
        self.events.append(event)
        self.lines.append(line)
        self.size += len(line)

    def read(self, after: int, upto: int) -> list[bytes]:
        """Return the lines of ``after < seq <= upto``.

        Raises:
            LookupError: the oldest of them is not in memory any more.
        """
        if after + 1 < self.first:
            raise LookupError(f"event {after + 1} is older than {self.first}")
        return self.lines[after + 1 - self.first : upto + 1 - self.first]

    def since(self, after: int) -> tuple[list[bytes], Sequence[Event]]:
        """Return lines and events after *after*, as copies."""
        start = after + 1 - self.first
        return self.lines[start:], self.events[start:]

    def fold(self, upto: int) -> State:
        """Return the state after *upto*, which must not fall between two calls."""
        for event in self.events[self._folded + 1 - self.first : upto + 1 - self.first]:
            self._state.apply(event)
        self._folded = max(self._folded, upto)
        return self._state

    def trim(self, committed: int, keep_bytes: int, uncommitted_bytes: int) -> None:
        """Fold what is committed, then drop the oldest of it until *keep_bytes* are left."""
        self.fold(committed)
        excess = self.size - uncommitted_bytes - keep_bytes
        drop, freed = 0, 0
        while freed < excess and self.first + drop <= committed:
            freed += len(self.lines[drop])
            drop += 1
        del self.lines[:drop]
        del self.events[:drop]
        self.first += drop
        self.size -= freed
