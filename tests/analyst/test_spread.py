import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.spread import quantile, sigma

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


@given(values)
def test_the_middle_quantile_is_the_median(numbers: list[float]) -> None:
    assert quantile(sorted(numbers), 0.5) == pytest.approx(statistics.median(numbers), abs=1e-6)


@given(values)
def test_the_outer_quantiles_are_the_ends(numbers: list[float]) -> None:
    ordered = sorted(numbers)
    assert (quantile(ordered, 0), quantile(ordered, 1)) == (ordered[0], ordered[-1])


def test_one_wild_value_does_not_move_the_spread() -> None:
    assert sigma([9, 10, 11, 10, 1e9], 10) == pytest.approx(1.4826)
