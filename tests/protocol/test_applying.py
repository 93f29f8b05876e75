from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.protocol.applying import Verdict, judge


def test_only_the_next_is_applied() -> None:
    assert judge(4, 5, 5) is Verdict.APPLY
    assert judge(4, 5, 9) is Verdict.APPLY
    assert judge(4, 4, 4) is Verdict.DROP
    assert judge(4, 2, 4) is Verdict.DROP
    assert judge(4, 6, 6) is Verdict.HOLE
    assert judge(4, 3, 6) is Verdict.HOLE


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3))))
def test_whatever_arrives_every_seq_is_applied_at_most_once_and_in_order(
    arrivals: list[tuple[int, int]],
) -> None:
    applied = 0
    seen: list[int] = []
    for seq_from, more in arrivals:
        if judge(applied, seq_from, seq_from + more) is Verdict.APPLY:
            applied = seq_from + more
            seen += range(seq_from, applied + 1)
    assert seen == list(range(1, applied + 1))
