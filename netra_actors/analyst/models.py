"""Which model a feature should use, judged by its own calls.

For each feature the model it spends most on is held against every cheaper one. Cheaper means:
the same calls, token for token, at the other's effective prices. As good means: the success
rate is not worse by more than `TOLERATED`, and the calls are enough to say so.
"""

import math
from enum import StrEnum
from typing import Final

import attrs
import msgspec

from netra_actors.analyst.periods import Window
from netra_actors.analyst.prices import Price, effective_prices
from netra_actors.analyst.reliability import MIN_CALLS, TOLERATED, worse_by
from netra_actors.analyst.spread import quantile
from netra_actors.analyst.storms import wasted_rows
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import iso

MIN_CHEAPER: Final = 0.10
"""A change of model is worth its trouble from this part of the cost on."""
MAX_FEATURES: Final = 20
MAX_MODELS: Final = 8


class Verdict(StrEnum):
    """What the comparison came to."""

    SWITCH = "switch"
    """A cheaper model does the feature's work as reliably."""
    TRIAL = "trial"
    """A cheaper model may do: too few calls, or none of this feature, to be sure."""
    KEEP = "keep"
    """The others are dearer, or fail more often."""


class ModelUse(msgspec.Struct, frozen=True, kw_only=True):
    """How one model did in one feature."""

    model: str
    calls: int
    success_rate: float
    cost_usd: float
    cost_per_success_usd: float | None
    p50_ms: float | None
    p95_ms: float | None
    input_tokens_per_call: float
    output_tokens_per_success: float | None


class FeatureModels(msgspec.Struct, frozen=True, kw_only=True):
    """A feature's models, and what follows."""

    feature: str
    current: str
    """The model that the feature spends most on."""
    verdict: Verdict
    suggested: str | None
    reason: str
    models: list[ModelUse]
    """The dearest in total first."""
    repriced_share: float | None
    """What the current model's calls would cost on the suggested one, of what they cost."""
    price_error: float
    """How far the suggested model's rows are off its effective price."""


class ModelComparison(msgspec.Struct, frozen=True, kw_only=True):
    """All features, over a window of days."""

    first_day: str
    last_day: str
    features: list[FeatureModels]
    """Those that cost most first."""
    prices: dict[str, Price]


@attrs.frozen
class _Case:
    """What a feature's judgement rests on."""

    usage: Usage
    feature: str
    groups: dict[str, list[int]]
    prices: dict[str, Price]
    everywhere: dict[str, list[int]]
    """The rows of each model in all features."""


def compare(usage: Usage, window: Window) -> ModelComparison:
    """Return the comparison over the rows of *window*, without the repetitions of storms.

    A storm says how a client behaves, not how a model does.
    """
    wasted = wasted_rows(usage, window)
    rows = [row for row in usage.rows(window.first, window.last) if row not in wasted]
    prices = effective_prices(usage, rows)
    everywhere = usage.groups(usage.models, rows)
    features = usage.groups(usage.features, rows)
    dearest = sorted(features, key=lambda name: (-usage.cost_of(features[name]), name))
    cases = (
        _Case(usage, name, usage.groups(usage.models, features[name]), prices, everywhere)
        for name in dearest[:MAX_FEATURES]
    )
    return ModelComparison(
        first_day=iso(window.first),
        last_day=iso(window.last),
        features=[_judge(case) for case in cases],
        prices=dict(sorted(prices.items())),
    )


def repriced(usage: Usage, rows: list[int], price: Price) -> float:
    """Return what *rows* would cost at *price*, token for token."""
    return math.fsum(price.cost(usage.input_tokens[row], usage.output_tokens[row]) for row in rows)


def _judge(case: _Case) -> FeatureModels:
    usage = case.usage
    uses = sorted(
        (_use(usage, model, rows) for model, rows in case.groups.items()),
        key=lambda use: (-use.cost_usd, use.model),
    )
    current = uses[0].model
    verdict, suggested, reason = _verdict(case, current)
    price = case.prices.get(suggested) if suggested else None
    rows = case.groups[current]
    cost = usage.cost_of(rows)
    return FeatureModels(
        feature=case.feature,
        current=current,
        verdict=verdict,
        suggested=suggested,
        reason=reason,
        models=uses[:MAX_MODELS],
        repriced_share=repriced(usage, rows, price) / cost if price and cost else None,
        price_error=price.error if price else 0.0,
    )


def _use(usage: Usage, model: str, rows: list[int]) -> ModelUse:
    good = [row for row in rows if usage.succeeded[row]]
    cost = usage.cost_of(rows)
    timed = sorted(ms for row in good if not math.isnan(ms := usage.latencies[row]))
    words = sum(usage.output_tokens[row] for row in good)
    return ModelUse(
        model=model,
        calls=len(rows),
        success_rate=len(good) / len(rows),
        cost_usd=cost,
        cost_per_success_usd=cost / len(good) if good else None,
        p50_ms=quantile(timed, 0.5) if timed else None,
        p95_ms=quantile(timed, 0.95) if timed else None,
        input_tokens_per_call=sum(usage.input_tokens[row] for row in rows) / len(rows),
        output_tokens_per_success=words / len(good) if good else None,
    )


def _verdict(case: _Case, current: str) -> tuple[Verdict, str | None, str]:
    cheaper = _cheaper(case, current)
    tried = [model for model in cheaper if len(case.groups.get(model, ())) >= MIN_CALLS]
    unsure: str | None = None
    worse: str | None = None
    for model in tried:
        least, most = worse_by(_score(case, current), _score(case, model))
        if most <= TOLERATED:
            return _proven(case, model)
        if least > 0:
            worse = worse or model
        else:
            unsure = unsure or model
    if unsure:
        return Verdict.TRIAL, unsure, f"{unsure} is cheaper; its calls are too few to be sure"
    if worse:
        return Verdict.KEEP, None, f"{worse} is cheaper, but fails more often"
    candidate = next((model for model in cheaper if _fits(case, current, model)), None)
    if candidate:
        reason = f"{candidate} is cheaper and reliable in other features; untried in this one"
        return Verdict.TRIAL, candidate, reason
    return Verdict.KEEP, None, "no cheaper model in the data handles calls like these"


def _proven(case: _Case, model: str) -> tuple[Verdict, str | None, str]:
    if case.usage.has_status:
        return Verdict.SWITCH, model, f"{model} is cheaper and as reliable, within two points"
    reason = f"{model} is cheaper; without a status in the data its success is not known"
    return Verdict.TRIAL, model, reason


def _cheaper(case: _Case, current: str) -> list[str]:
    """Return the models that are clearly cheaper for the current one's calls, cheapest first."""
    rows = case.groups[current]
    limit = case.usage.cost_of(rows) * (1 - MIN_CHEAPER)
    costs = {
        model: repriced(case.usage, rows, price)
        for model, price in case.prices.items()
        if model != current
    }
    return sorted((model for model in costs if costs[model] < limit), key=lambda m: (costs[m], m))


def _score(case: _Case, model: str) -> tuple[int, int]:
    return _succeeded(case.usage, case.groups[model])


def _succeeded(usage: Usage, rows: list[int]) -> tuple[int, int]:
    return sum(usage.succeeded[row] for row in rows), len(rows)


def _fits(case: _Case, current: str, model: str) -> bool:
    """Return whether a model, untried here, takes calls as long as these without failing more."""
    usage, here, there = case.usage, case.groups[current], case.everywhere[model]
    if len(there) < MIN_CALLS or len(here) < MIN_CALLS or model in case.groups:
        return False
    usual = quantile(sorted(usage.input_tokens[row] for row in here), 0.95)
    longest = max(usage.input_tokens[row] for row in there)
    _, most = worse_by(_succeeded(usage, here), _succeeded(usage, there))
    return longest >= usual and most <= TOLERATED
