"""What a client does when its connection has ended: a decision that needs no clock and no socket.

The close code decides first (4000-4399 and everything unknown: come back and resume; 4400-4499:
do something first), then the count of failures: at once, then up to 0.5 s, 1 s, 2 s ... 30 s,
drawn evenly below that limit ("full jitter"), so that a thousand clients do not return together.
"""

import random
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, final

import attrs

from netra_actors.client.link import Ending
from netra_actors.protocol.close_codes import BACK_OFF_S, Advice, CloseCode, advice

FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0
HEALTHY_AFTER_S: Final = 5.0
"""A connection that lived this long was a good one: the count of failures starts again."""


class Then(Enum):
    """What comes next."""

    RECONNECT = auto()
    NEW_TOKEN = auto()
    NO_CURSOR = auto()
    """Forget state and cursor, then reconnect."""
    STOP = auto()


@final
@attrs.frozen
class Decision:
    """What to do, and after how many seconds."""

    then: Then
    text: str = ""
    """For `Then.STOP`: what to tell a person."""
    delay_s: float = 0.0


_STOPS: Final[dict[int, str]] = {
    CloseCode.NORMAL: "The service closed the session.",
    CloseCode.FORBIDDEN: "The service refuses this user.",
    CloseCode.TOO_LARGE: "A frame was too large: a defect of this client.",
    CloseCode.TOO_MANY_CONNECTIONS: "This user has too many connections; close another one.",
}
_UPGRADE_STOPS: Final = {
    400: "The service cannot read the request.",
    403: "The service refuses this client.",
    404: "There is no such service at this address.",
}


@final
@attrs.define
class Backoff:
    """Counts failures in a row, and draws how long to wait."""

    draw: Callable[[], float] = random.random  # noqa: S311 - jitter, not a secret
    """Gives a number from 0 up to, not including, 1."""
    failures: int = attrs.field(default=0, init=False)

    def connected_for(self, seconds: float) -> None:
        """Say that the connection that has now ended was open for *seconds*."""
        if seconds >= HEALTHY_AFTER_S:
            self.failures = 0

    def decide(  # noqa: PLR0911 - one line for each case of a table
        self, ending: Ending, *, drain_delay_s: float | None = None
    ) -> Decision:
        """Return what to do about *ending*; *drain_delay_s* is what `draining` announced."""
        if ending.http_status is not None:
            return self._after_refused_upgrade(ending.http_status)
        match advice(ending.code):
            case Advice.NOTHING | Advice.STOP:
                text = _STOPS.get(ending.code, f"The service closed with {ending.code}.")
                return Decision(Then.STOP, text)
            case Advice.NEW_TOKEN:
                return Decision(Then.NEW_TOKEN, delay_s=self._wait())
            case Advice.DROP_CURSOR:
                return Decision(Then.NO_CURSOR, delay_s=self._wait())
            case Advice.BACK_OFF:
                return Decision(Then.RECONNECT, delay_s=BACK_OFF_S)
            case Advice.RESUME_WHEN_TOLD if drain_delay_s is not None:
                self.failures += 1
                return Decision(Then.RECONNECT, delay_s=drain_delay_s)
            case _:
                # An internal fault may be this very client's doing: not at once.
                at_once = ending.code != CloseCode.INTERNAL
                return Decision(Then.RECONNECT, delay_s=self._wait(at_once=at_once))

    def _after_refused_upgrade(self, status: int) -> Decision:
        if status == 401:
            return Decision(Then.NEW_TOKEN, delay_s=self._wait())
        if status in _UPGRADE_STOPS:
            return Decision(Then.STOP, _UPGRADE_STOPS[status])
        return Decision(Then.RECONNECT, delay_s=self._wait(at_once=False))

    def _wait(self, *, at_once: bool = True) -> float:
        before, self.failures = self.failures, self.failures + 1
        if before == 0 and at_once:
            return 0.0
        # Beyond 2**6 the limit is LONGEST_S anyway; an unbounded power would overflow one day.
        limit = min(LONGEST_S, FIRST_S * 2.0 ** min(max(before - 1, 0), 6))
        return float(self.draw() * limit)
