"""Who waits for a commit: callbacks in the order of the seq they wait for."""

from bisect import bisect_right, insort
from collections.abc import Callable
from operator import itemgetter
from typing import Final, TypeAlias, final

import attrs
import structlog

log = structlog.get_logger(__name__)

Callback: TypeAlias = Callable[[bool], None]
"""Called once, synchronously: True when durable, False when the log was lost before."""
_Waiter: TypeAlias = tuple[int, Callback]


_by_seq: Final[Callable[[_Waiter], int]] = itemgetter(0)


@final
@attrs.define(eq=False)
class CommitWaiters:
    """The callbacks of one log; each is called once, in the step that decides it."""

    _waiting: list[_Waiter] = attrs.field(factory=list, init=False)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, seq: int, callback: Callback) -> None:
        """Call *callback* once *seq* is durable, after those added earlier for the same seq."""
        insort(self._waiting, (seq, callback), key=_by_seq)

    def committed(self, upto: int) -> None:
        """Tell all who wait for *upto* or less that it is durable."""
        count = bisect_right(self._waiting, upto, key=_by_seq)
        ready = self._waiting[:count]
        del self._waiting[:count]
        for _, callback in ready:
            _tell(callback, durable=True)

    def lost(self) -> None:
        """Tell all who wait that it will never be durable."""
        ready, self._waiting = self._waiting, []
        for _, callback in ready:
            _tell(callback, durable=False)


def _tell(callback: Callback, *, durable: bool) -> None:
    try:
        callback(durable)
    except Exception:  # Every waiter must hear, or it hangs.
        log.exception("commit_waiter_failed", durable=durable)
