"""What a token costs, learned from the rows themselves.

No price list is shipped: prices change and contracts differ. For each model the two prices that
fit `cost = in x a + out x b` best (least squares) are its effective prices.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from netra_actors.analyst.usage import Usage


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A model's effective price."""

    input_usd_per_million: float
    output_usd_per_million: float
    error: float
    """How far rows are off it: the sum of differences over the sum of costs."""
    rows: int

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Return what such a call costs, in US dollars."""
        return (
            input_tokens * self.input_usd_per_million + output_tokens * self.output_usd_per_million
        ) / 1e6


def effective_prices(usage: Usage, rows: Iterable[int]) -> dict[str, Price]:
    """Return the price of each model that had tokens and a cost."""
    groups = usage.groups(usage.models, rows)
    fits = {model: _fit(usage, members) for model, members in groups.items()}
    return {model: price for model, price in fits.items() if price is not None}


def _fit(usage: Usage, rows: Sequence[int]) -> Price | None:
    points = [(usage.input_tokens[row], usage.output_tokens[row], usage.costs[row]) for row in rows]
    total = math.fsum(cost for _, _, cost in points)
    tokens = sum(used_in + used_out for used_in, used_out, _ in points)
    if not total or not tokens:
        return None
    each_in, each_out = _solve(points) or (total / tokens, total / tokens)
    off = math.fsum(
        abs(cost - used_in * each_in - used_out * each_out) for used_in, used_out, cost in points
    )
    return Price(
        input_usd_per_million=each_in * 1e6,
        output_usd_per_million=each_out * 1e6,
        error=off / total,
        rows=len(points),
    )


def _solve(points: list[tuple[int, int, float]]) -> tuple[float, float] | None:
    """Return the least-squares prices, or `None` when the rows cannot tell the two apart."""
    in_in = sum(a * a for a, _, _ in points)
    in_out = sum(a * b for a, b, _ in points)
    out_out = sum(b * b for _, b, _ in points)
    in_cost = math.fsum(a * cost for a, _, cost in points)
    out_cost = math.fsum(b * cost for _, b, cost in points)
    # The sums of products are whole numbers, so the determinant is exact.
    determinant = in_in * out_out - in_out * in_out
    if determinant * 10_000 <= in_in * out_out:
        return None
    each_in = (in_cost * out_out - out_cost * in_out) / determinant
    each_out = (out_cost * in_in - in_cost * in_out) / determinant
    return (each_in, each_out) if each_in >= 0 and each_out >= 0 else None
