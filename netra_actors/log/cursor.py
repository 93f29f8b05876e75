"""A cursor: one reader's position in a session's log.

It holds a number and no copy of the events, so a slow reader costs the others nothing. The
committer calls `wake` of each cursor of a session in the step in which `committed` rises.
"""

from collections.abc import Callable
from typing import final

import attrs
import structlog

from netra_actors.log.session_log import SessionLog

log = structlog.get_logger(__name__)


@final
@attrs.define(eq=False)
class Cursor:
    """A position in *log*.

    Attributes:
        log: the log it reads.
        sent: seq of the last event that was taken; nothing at or before it comes again.
        on_ready: called, synchronously, when there is something new.
    """

    log: SessionLog
    sent: int
    on_ready: Callable[[], None]

    def attach(self) -> None:
        """Be woken at each commit from now on."""
        self.log.cursors[self] = None

    def detach(self) -> None:
        """Be woken no more; a second call does nothing."""
        self.log.cursors.pop(self, None)

    def wake(self) -> None:
        """Tell the reader that `committed` has risen; a reader that fails is detached."""
        try:
            self.on_ready()
        except Exception:  # One reader's fault must not end the commit of all the others.
            log.exception("cursor_failed", user_id=self.log.user_id, sent=self.sent)
            self.detach()

    @property
    def lag(self) -> int:
        """How many committed events were not taken yet."""
        return self.log.committed - self.sent

    @property
    def in_memory(self) -> bool:
        """Whether the next event can be taken without a read from the record."""
        return self.sent + 1 >= self.log.first_in_memory

    def take(self, max_bytes: int | None = None) -> list[bytes]:
        """Take what is committed and in memory, as stored lines; at least one if there is one.

        Beyond the first, only as many as fit into *max_bytes*.

        Raises:
            LookupError: the next event is not in memory; read the record.
        """
        lines = self.log.lines(self.sent)
        if max_bytes is not None:
            lines = lines[: _fitting(lines, max_bytes)]
        self.sent += len(lines)
        return lines


def _fitting(lines: list[bytes], max_bytes: int) -> int:
    count = 0
    for line in lines:
        max_bytes -= len(line)
        if count and max_bytes < 0:
            break
        count += 1
    return count
