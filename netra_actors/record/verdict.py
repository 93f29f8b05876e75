"""What became of an `Append` whose commit failed or gave no answer: decided from what is stored.

A batch is sent again byte for byte after an unknown outcome, so "is it already there?" has to
have an exact answer. Both records ask this one pure function.
"""

from netra_actors.log.port import Append, Outcome


def expected_term(append: Append) -> int:
    """Return the term that must be stored for *append* to be written."""
    return append.term - 1 if append.takes_term else append.term


def verdict(append: Append, *, head: int, term: int, is_stored: bool) -> Outcome | None:
    """Return the outcome that what is stored implies; None if *append* may be written now.

    Args:
        append: what was to be stored.
        head: the session's stored head; 0 without a row.
        term: the session's stored term; 0 without a row.
        is_stored: the chunk from `seq_from` on is stored with the same bytes; for an `Append`
            without events, that all its answers are stored.
    """
    if is_stored and term == append.term and head == append.seq_to:
        return Outcome.COMMITTED
    if term != expected_term(append):
        # Also when the stored term is the one we wanted to take: another one took it first.
        return Outcome.LOST
    if head != append.seq_from - 1:
        return Outcome.QUARANTINED
    return None
