"""Bounds and states of a session's log."""

import enum
from typing import Final

import attrs

KIB: Final = 1024


@attrs.frozen(kw_only=True)
class LogLimits:
    """Bounds of one session's log; what happens at each is said beside it."""

    wait_bytes: int = 256 * KIB
    """Uncommitted bytes above which emitters wait."""
    full_bytes: int = 1024 * KIB
    """Uncommitted bytes above which `append` refuses with `LogFull`."""
    reserve_bytes: int = 64 * KIB
    """What the events that close a run may use beyond that."""
    tail_bytes: int = 256 * KIB
    """Committed bytes kept in memory for cursors; older ones are read from the record."""
    event_bytes: int = 64 * KIB
    """The largest encoded event; a larger one is refused with `EventTooLarge`."""
    breath_events: int = 64
    """An emitter yields to the scheduler after that many events..."""
    breath_bytes: int = 16 * KIB
    """...or that many bytes."""


class LogStatus(enum.Enum):
    """Whether the log takes events."""

    OPEN = "open"
    LOST = "lost"
    """Another owner has it: appends are counted and discarded."""
    QUARANTINED = "quarantined"
    """The record refused its data: the same, until an operator has looked."""


class EventTooLarge(ValueError):
    """An event is over its limit once encoded; store the large part as a file."""
