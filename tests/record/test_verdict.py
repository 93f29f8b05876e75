"""What the stored state says about an append whose outcome is unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.identity import UserID
from netra_actors.log.port import Append, Outcome
from netra_actors.record.verdict import expected_term, verdict


def append(*, term: int, takes_term: bool, seq_from: int, seq_to: int) -> Append:
    return Append(
        user_id=UserID("u"),
        epoch="e",
        term=term,
        takes_term=takes_term,
        seq_from=seq_from,
        seq_to=seq_to,
        body=b"",
        events=(),
    )


@pytest.mark.parametrize(
    ("takes_term", "head", "term", "is_stored", "expected"),
    [
        (False, 4, 3, False, None),
        (True, 4, 2, False, None),
        (False, 6, 3, True, Outcome.COMMITTED),
        (True, 6, 3, True, Outcome.COMMITTED),
        (False, 4, 4, False, Outcome.LOST),
        (False, 6, 4, True, Outcome.LOST),
        (True, 4, 3, False, Outcome.LOST),
        (True, 6, 3, False, Outcome.LOST),
        (False, 4, 2, False, Outcome.LOST),
        (False, 0, 0, False, Outcome.LOST),
        (False, 6, 3, False, Outcome.QUARANTINED),
        (False, 7, 3, True, Outcome.QUARANTINED),
        (False, 3, 3, False, Outcome.QUARANTINED),
        (True, 3, 2, False, Outcome.QUARANTINED),
    ],
)
def test_the_verdict_on_seq_5_to_6_of_term_3(
    takes_term: bool, head: int, term: int, is_stored: bool, expected: Outcome | None
) -> None:
    sent = append(term=3, takes_term=takes_term, seq_from=5, seq_to=6)
    assert verdict(sent, head=head, term=term, is_stored=is_stored) is expected


@given(st.integers(1, 4), st.booleans(), st.integers(0, 6), st.integers(0, 4), st.booleans())
def test_it_may_be_written_only_where_compare_and_set_would_succeed(
    term: int, takes_term: bool, head: int, stored_term: int, is_stored: bool
) -> None:
    sent = append(term=term, takes_term=takes_term, seq_from=3, seq_to=4)
    decided = verdict(sent, head=head, term=stored_term, is_stored=is_stored)
    assert (decided is None) == (head == 2 and stored_term == expected_term(sent))
