"""Why cost changed between two windows: more calls, larger calls, or dearer calls.

A feature's cost is calls x tokens per call x cost per token. The change is split exactly, with
nothing left over, by letting each factor change while the others stand at their middle:

    dC = dN x mean(c) + mean(N) x (dT x mean(p) + dp x mean(T))      c = T x p

The last term is the price: other models for the same work, or another price for a model.
"""

from typing import Final

import msgspec

from netra_actors.analyst.periods import Comparison, Window
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import iso

MAX_DRIVERS: Final = 10


class ModelShare(msgspec.Struct, frozen=True):
    """A model's part of a feature's calls, before and after."""

    model: str
    before: float
    after: float


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """One feature's part in the change; the three effects add up to `delta_usd`."""

    feature: str
    before_usd: float
    after_usd: float
    delta_usd: float
    volume_usd: float
    """Because there were more or fewer calls."""
    size_usd: float
    """Because calls carried more or fewer tokens."""
    price_usd: float
    """Because a token cost more or less: other models, or other prices."""
    calls_before: int
    calls_after: int
    model_shares: list[ModelShare]
    """The models whose share of calls moved most, at most three."""


class CostChange(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of cost between two windows of equal length."""

    before_first: str
    before_last: str
    after_first: str
    after_last: str
    before_usd: float
    after_usd: float
    delta_usd: float
    ratio: float | None
    """`delta_usd` over `before_usd`; `None` when nothing was spent before."""
    drivers: list[Driver]
    """The features whose cost moved most, largest first."""


def change(usage: Usage, comparison: Comparison) -> CostChange:
    """Return what changed, and which features it comes from."""
    before, after = comparison.before, comparison.after
    old = usage.groups(usage.features, usage.rows(before.first, before.last))
    new = usage.groups(usage.features, usage.rows(after.first, after.last))
    drivers = [_driver(usage, name, old.get(name, []), new.get(name, [])) for name in old | new]
    drivers.sort(key=lambda driver: (-abs(driver.delta_usd), driver.feature))
    before_usd, after_usd = _cost(usage, before), _cost(usage, after)
    delta = after_usd - before_usd
    return CostChange(
        before_first=iso(before.first),
        before_last=iso(before.last),
        after_first=iso(after.first),
        after_last=iso(after.last),
        before_usd=before_usd,
        after_usd=after_usd,
        delta_usd=delta,
        ratio=delta / before_usd if before_usd else None,
        drivers=drivers[:MAX_DRIVERS],
    )


def _cost(usage: Usage, window: Window) -> float:
    return usage.cost_of(usage.rows(window.first, window.last))


def _driver(usage: Usage, feature: str, old: list[int], new: list[int]) -> Driver:
    before, after = usage.cost_of(old), usage.cost_of(new)
    volume, size, price = _effects(
        (len(old), _tokens(usage, old), before), (len(new), _tokens(usage, new), after)
    )
    return Driver(
        feature=feature,
        before_usd=before,
        after_usd=after,
        delta_usd=after - before,
        volume_usd=volume,
        size_usd=size,
        price_usd=price,
        calls_before=len(old),
        calls_after=len(new),
        model_shares=_shares(usage, old, new),
    )


def _tokens(usage: Usage, rows: list[int]) -> int:
    return sum(usage.input_tokens[index] + usage.output_tokens[index] for index in rows)


def _effects(
    old: tuple[int, int, float], new: tuple[int, int, float]
) -> tuple[float, float, float]:
    """Return volume, size and price effect of (calls, tokens, cost) before and after."""
    (calls_0, tokens_0, cost_0), (calls_1, tokens_1, cost_1) = old, new
    if not calls_0 or not calls_1:
        return cost_1 - cost_0, 0.0, 0.0
    each_0, each_1 = cost_0 / calls_0, cost_1 / calls_1
    volume = (calls_1 - calls_0) * (each_0 + each_1) / 2
    calls = (calls_0 + calls_1) / 2
    if not tokens_0 or not tokens_1:
        return volume, 0.0, calls * (each_1 - each_0)
    size_0, size_1 = tokens_0 / calls_0, tokens_1 / calls_1
    price_0, price_1 = cost_0 / tokens_0, cost_1 / tokens_1
    size = calls * (size_1 - size_0) * (price_0 + price_1) / 2
    return volume, size, calls * (price_1 - price_0) * (size_0 + size_1) / 2


def _shares(usage: Usage, old: list[int], new: list[int]) -> list[ModelShare]:
    before, after = usage.groups(usage.models, old), usage.groups(usage.models, new)
    shares = [
        ModelShare(
            model,
            len(before.get(model, ())) / len(old) if old else 0.0,
            len(after.get(model, ())) / len(new) if new else 0.0,
        )
        for model in before | after
    ]
    shares.sort(key=lambda share: (-abs(share.after - share.before), -share.after, share.model))
    return shares[:3]
