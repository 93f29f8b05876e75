"""Whether a client may apply what it received: the first duty of a client."""

import enum


class Verdict(enum.Enum):
    """What to do with an event."""

    APPLY = "apply"
    DROP = "drop"
    """It is applied already."""
    HOLE = "hole"
    """Something before it is missing: `resync`, once, then reconnect."""


def judge(applied: int, seq_from: int, seq: int) -> Verdict:
    """Return what to do with an event that stands for *seq_from* to *seq*.

    *applied* is the seq of the last applied event, or a snapshot's `at`; 0 before the first. A
    merged event that overlaps what is applied is a hole too: its parts cannot be told apart.
    """
    if seq <= applied:
        return Verdict.DROP
    return Verdict.APPLY if seq_from == applied + 1 else Verdict.HOLE
