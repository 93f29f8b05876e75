"""Sockets that have shown no credential yet: few for each address, and not for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import attrs


@final
@attrs.define(eq=False)
class PendingSockets:
    """How many sockets of each address have shown no credential; *refuse* at the bound."""

    _held: dict[str, int] = attrs.field(factory=dict, init=False)

    @contextmanager
    def hold(self, address: str, *, limit: int, exempt: bool) -> Iterator[bool]:
        """Count a socket for the length of the block; give False if there are too many.

        Args:
            address: the client's.
            limit: how many may be held at once.
            exempt: it has shown a credential and does not count.
        """
        if exempt:
            yield True
            return
        if self._held.get(address, 0) >= limit:
            yield False
            return
        self._held[address] = self._held.get(address, 0) + 1
        try:
            yield True
        finally:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]
