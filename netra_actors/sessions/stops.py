"""Stops that came before what they stop.

A stop overtakes the commands that wait in the mailbox, so it may be handled before a message
that was sent first; and a client may stop a message that has not arrived at all. Both are
remembered here for a while and end the message's run when it comes.
"""

from typing import Final, final

import attrs
import trio

from netra_actors.identity import MessageID, ThreadID

KEEP_S: Final = 60.0
STOP_LOOKUP_S: Final = 1.0
"""A stop waits no longer for a record that does not say whether its `message_id` is known."""
CAPACITY: Final = 256
"""Beyond it the oldest is forgotten: a client that sends so many is not waiting for them."""


@final
@attrs.frozen(kw_only=True)
class Stop:
    """One remembered stop.

    Attributes:
        by: who stopped.
        at: `trio.current_time` of the stop.
        before: it concerns commands that arrived before this number; None: whenever they come.
        message_id: the message it names; None: any.
        thread_id: the thread it names; None with no `message_id` either: all of them.
    """

    by: str
    at: float
    before: int | None = None
    message_id: MessageID | None = None
    thread_id: ThreadID | None = None

    def concerns(
        self, message_id: MessageID | None, thread_id: ThreadID | None, arrival: int
    ) -> bool:
        """Whether it ends that message's run."""
        if self.before is not None and arrival >= self.before:
            return False
        if self.message_id is not None:
            return message_id == self.message_id
        return self.thread_id is None or thread_id == self.thread_id


@final
@attrs.define(eq=False)
class Stops:
    """The remembered stops of one session."""

    _stops: list[Stop] = attrs.field(factory=list, init=False)

    def remember(self, stop: Stop) -> None:
        """Keep *stop* for 60 s."""
        self._forget_old()
        self._stops.append(stop)
        del self._stops[:-CAPACITY]

    def find(
        self, message_id: MessageID | None, thread_id: ThreadID | None, arrival: int
    ) -> Stop | None:
        """Return the stop that ends this message's run before it begins."""
        self._forget_old()
        for stop in self._stops:
            if stop.concerns(message_id, thread_id, arrival):
                return stop
        return None

    def _forget_old(self) -> None:
        oldest = trio.current_time() - KEEP_S
        self._stops = [stop for stop in self._stops if stop.at >= oldest]
