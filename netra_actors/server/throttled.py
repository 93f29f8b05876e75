"""Faults that a stranger can cause at will: all counted, few logged."""

from collections import Counter
from typing import Any, final

import attrs
import structlog
import trio

PERIOD_S = 1.0

log = structlog.get_logger()


@final
@attrs.define(eq=False)
class ThrottledLog:
    """Counts faults by name and logs each name at most once a second.

    Attributes:
        counts: how often each event happened.
    """

    counts: Counter[str] = attrs.field(factory=Counter, init=False)
    _logged: dict[str, tuple[float, int]] = attrs.field(factory=dict, init=False)
    """When each event was logged last, and its count then."""

    def warning(self, event: str, **facts: Any) -> None:
        """Count *event*, a constant; log it with *facts* unless it was logged within a second.

        What was not logged is told by ``unlogged`` the next time.
        """
        self.counts[event] += 1
        now = trio.current_time()
        last, count = self._logged.get(event, (-PERIOD_S, 0))
        if now - last >= PERIOD_S:
            unlogged = self.counts[event] - count - 1
            self._logged[event] = (now, self.counts[event])
            log.warning(event, unlogged=unlogged, **facts)
