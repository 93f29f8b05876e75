"""The rule that decides about an event: apply, drop, or a hole."""

from enum import Enum, auto


class Verdict(Enum):
    """What to do with an event."""

    APPLY = auto()
    DROP = auto()
    """It is in the state already."""
    HOLE = auto()
    """Something before it is missing."""


def judge(applied: int, seq_from: int, seq: int) -> Verdict:
    """Return the verdict about the event that stands for *seq_from* to *seq*.

    A merged event that overlaps what is applied counts as a hole: its first part cannot be taken
    out of it, so the service has to send from *applied* again.
    """
    if seq <= applied:
        return Verdict.DROP
    return Verdict.APPLY if seq_from == applied + 1 else Verdict.HOLE
