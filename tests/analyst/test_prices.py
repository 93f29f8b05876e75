from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.prices import Price, effective_prices
from netra_actors.analyst.reading import read
from netra_actors.analyst.usage import Usage

HEADER = "time,feature,model,input,output,cost"


def prices(rows: list[tuple[int, int, float]]) -> dict[str, Price]:
    lines = [f"2025-06-01,f,m,{a},{b},{cost:.9f}" for a, b, cost in rows]
    usage = read("\n".join([HEADER, *lines])).usage
    return effective_prices(usage, range(len(usage)))


def test_the_prices_of_the_sample_are_learned_from_its_rows(
    sample: Usage, generator: ModuleType
) -> None:
    found = effective_prices(sample, range(len(sample)))
    assert set(found) == set(generator.PRICES)
    for model, (price_in, price_out) in generator.PRICES.items():
        assert found[model].input_usd_per_million == pytest.approx(price_in, rel=1e-3)
        assert found[model].output_usd_per_million == pytest.approx(price_out, rel=1e-3)
        assert found[model].error < 0.001


@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), min_size=5, max_size=30),
)
def test_rows_that_follow_two_prices_are_priced_right(
    price_in: int, price_out: int, used: list[tuple[int, int]]
) -> None:
    rows = [(a, b, (a * price_in + b * price_out) / 1e6) for a, b in used]
    for price in prices(rows).values():
        total = sum(cost for _, _, cost in rows)
        repriced = sum(price.cost(a, b) for a, b, _ in rows)
        assert repriced == pytest.approx(total, rel=1e-3, abs=1e-6)


def test_rows_of_one_shape_get_one_blended_price() -> None:
    price = prices([(100, 100, 0.2)] * 5)["m"]
    assert price.input_usd_per_million == price.output_usd_per_million == pytest.approx(1000)


def test_free_or_empty_calls_have_no_price(usage_of: Callable[..., Usage]) -> None:
    assert prices([(10, 10, 0.0)]) == {}
    assert prices([(0, 0, 0.5)]) == {}
