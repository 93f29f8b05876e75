from hypothesis import given
from hypothesis import strategies as st

from netra_actors.client.sequence import Verdict, judge


@given(st.integers(0, 50), st.integers(1, 60), st.integers(0, 10))
def test_an_event_applies_exactly_when_it_begins_right_after_what_is_applied(
    applied: int, seq_from: int, merged: int
) -> None:
    seq = seq_from + merged
    verdict = judge(applied, seq_from, seq)
    assert (verdict is Verdict.APPLY) == (seq_from == applied + 1)
    assert (verdict is Verdict.DROP) == (seq <= applied)


def test_a_merged_event_that_overlaps_is_a_hole() -> None:
    assert judge(applied=5, seq_from=4, seq=8) is Verdict.HOLE


@given(st.lists(st.integers(1, 12), max_size=60))
def test_in_any_order_of_arrival_each_seq_is_applied_once_and_in_order(arrivals: list[int]) -> None:
    applied: list[int] = []
    for seq in arrivals:
        if judge(len(applied), seq, seq) is Verdict.APPLY:
            applied.append(seq)
    assert applied == list(range(1, len(applied) + 1))
