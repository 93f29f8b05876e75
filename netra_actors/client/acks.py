"""When to tell the service how far this client is.

Cumulative: after 256 KiB, or 1 s after the first event that is not acknowledged yet, or 5 s when
events come faster than 256 a second (then one ack a second would cost more than it gives).
"""

import math
from typing import Final, final

import attrs

EVERY_BYTES: Final = 256 * 1024
CALM_S: Final = 1.0
BUSY_S: Final = 5.0
BUSY_EVENTS: Final = 256


@final
@attrs.define
class AckClock:
    """Counts what is not acknowledged and knows when it has to be."""

    _bytes: int = attrs.field(default=0, init=False)
    _events: int = attrs.field(default=0, init=False)
    _first_at: float = attrs.field(default=math.inf, init=False)

    @property
    def due_at(self) -> float:
        """The instant at which an ack is due; infinite when there is nothing to acknowledge."""
        if self._bytes >= EVERY_BYTES:
            return -math.inf
        return self._first_at + (BUSY_S if self._events > BUSY_EVENTS else CALM_S)

    def received(self, size_bytes: int, events: int, *, now: float) -> None:
        """Count a frame of *size_bytes* with *events* log events in it."""
        if self._first_at == math.inf:
            self._first_at = now
        self._bytes += size_bytes
        self._events += events

    def clear(self) -> None:
        """All is acknowledged, or the connection that counted is gone."""
        self._bytes = self._events = 0
        self._first_at = math.inf
