from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.reliability import TOLERATED, worse_by


def test_many_equal_calls_prove_the_same_rate() -> None:
    assert worse_by((1970, 2000), (1970, 2000))[1] < TOLERATED


def test_few_calls_prove_nothing() -> None:
    assert worse_by((1970, 2000), (30, 30))[1] > TOLERATED


def test_a_much_lower_rate_is_certainly_worse() -> None:
    assert worse_by((1970, 2000), (180, 200))[0] > 0


calls = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(calls, calls)
def test_the_bounds_are_in_order_and_mirror_each_other(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    least, most = worse_by(one, other)
    assert least < most
    assert worse_by(other, one) == (-most, -least)
