"""What could be saved in a month, each figure with its formula and its inputs.

Everything rests on the last four weeks and is scaled to 30 days. What the data proves is
counted; what needs a trial first is named, and left out of the total. No row is counted twice:
a repetition that a cap on retries would have prevented is not repriced as well.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec

from netra_actors.analyst.models import FeatureModels, ModelComparison, Verdict, compare, repriced
from netra_actors.analyst.periods import MONTH_DAYS, Window
from netra_actors.analyst.storms import ALLOWED_TRIES, storms, wasted_rows
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import count, iso, money

WORTH: Final = 0.005
"""Savings below this part of the spending are not worth a line."""
MAX_SAVINGS: Final = 12
_NOT_QUALITY: Final = (
    "Status says that a call worked, not that its text was good: "
    "compare some answers by eye before moving everything."
)


class Certainty(StrEnum):
    """How sure a saving is."""

    MEASURED = "measured"
    """The data shows the cheaper way at work."""
    TRIAL = "trial"
    """To be tried first; not in the total."""


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do, and what it brings."""

    kind: str
    """`switch_model` or `cap_retries`."""
    title: str
    feature: str
    certainty: Certainty
    window_usd: float
    """What it would have saved in the window."""
    monthly_usd: float
    """`window_usd` / days of the window x `MONTH_DAYS`."""
    formula: str
    inputs: dict[str, Any]
    caveats: list[str]


class Savings(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, the largest first."""

    first_day: str
    last_day: str
    days: int
    spent_usd: float
    """In the window."""
    monthly_spend_usd: float
    savings: list[Saving]
    monthly_usd: float
    """The sum of the measured ones."""
    share: float
    """`monthly_usd` over `monthly_spend_usd`."""
    trial_monthly_usd: float
    """What the trials could add."""


def project(usage: Usage, window: Window) -> Savings:
    """Return what could be saved, going by the rows of *window*."""
    spent = usage.cost_of(usage.rows(window.first, window.last))
    found = [*_switches(usage, window), *_caps(usage, window)]
    worth = [saving for saving in found if saving.window_usd > WORTH * spent]
    worth.sort(key=lambda saving: -saving.monthly_usd)
    sums = {
        certainty: sum(each.monthly_usd for each in worth if each.certainty is certainty)
        for certainty in Certainty
    }
    return Savings(
        first_day=iso(window.first),
        last_day=iso(window.last),
        days=window.days,
        spent_usd=spent,
        monthly_spend_usd=monthly(spent, window),
        savings=worth[:MAX_SAVINGS],
        monthly_usd=sums[Certainty.MEASURED],
        share=sums[Certainty.MEASURED] / monthly(spent, window) if spent else 0.0,
        trial_monthly_usd=sums[Certainty.TRIAL],
    )


def monthly(window_usd: float, window: Window) -> float:
    """Return a window's dollars scaled to a month of `MONTH_DAYS`."""
    return window_usd / window.days * MONTH_DAYS


def _switches(usage: Usage, window: Window) -> list[Saving]:
    comparison = compare(usage, window)
    wasted = wasted_rows(usage, window)
    return [
        _switch(usage, window, feature, comparison, wasted)
        for feature in comparison.features
        if feature.suggested is not None
    ]


def _switch(
    usage: Usage,
    window: Window,
    feature: FeatureModels,
    comparison: ModelComparison,
    wasted: set[int],
) -> Saving:
    model = str(feature.suggested)
    rows = [
        row
        for row in usage.rows(window.first, window.last)
        if usage.features[row] == feature.feature
        and usage.models[row] == feature.current
        and row not in wasted
    ]
    now, then = usage.cost_of(rows), repriced(usage, rows, comparison.prices[model])
    measured = feature.verdict is Verdict.SWITCH
    return Saving(
        kind="switch_model",
        title=f"{'Move' if measured else 'Try'} {feature.feature} "
        f"{'from' if measured else 'on'} {_route(feature, model, measured=measured)}",
        feature=feature.feature,
        certainty=Certainty.MEASURED if measured else Certainty.TRIAL,
        window_usd=now - then,
        monthly_usd=monthly(now - then, window),
        formula=(
            f"({money(now)} for {count(len(rows), 'call')} on {feature.current} - "
            f"{money(then)} for the same tokens at the prices of {model}) "
            f"/ {window.days} days x {MONTH_DAYS}"
        ),
        inputs=_switch_inputs(feature, comparison, len(rows), now, then, window),
        caveats=_switch_caveats(feature, measured=measured),
    )


def _route(feature: FeatureModels, model: str, *, measured: bool) -> str:
    return f"{feature.current} to {model}" if measured else f"{model} instead of {feature.current}"


def _switch_inputs(
    feature: FeatureModels,
    comparison: ModelComparison,
    calls: int,
    now: float,
    then: float,
    window: Window,
) -> dict[str, Any]:
    price = comparison.prices[str(feature.suggested)]
    return {
        "calls": calls,
        "cost_now_usd": round(now, 6),
        "cost_then_usd": round(then, 6),
        "current_model": feature.current,
        "suggested_model": feature.suggested,
        "suggested_input_usd_per_million": round(price.input_usd_per_million, 4),
        "suggested_output_usd_per_million": round(price.output_usd_per_million, 4),
        "days": window.days,
    }


def _switch_caveats(feature: FeatureModels, *, measured: bool) -> list[str]:
    caveats = [_NOT_QUALITY]
    if not measured:
        caveats.insert(0, f"Not counted in the total: {feature.reason}.")
    if feature.price_error > 0.1:
        caveats.append(
            f"What {feature.suggested} costs per token varies in the data by "
            f"{feature.price_error:.0%}, so the figure is rough."
        )
    return caveats


def _caps(usage: Usage, window: Window) -> list[Saving]:
    features: dict[str, list[tuple[float, int, int, str]]] = {}
    for storm in storms(usage, window):
        entry = (storm.wasted_usd, storm.wasted_calls, storm.calls, storm.day)
        features.setdefault(storm.feature, []).append(entry)
    return [_cap(feature, found, window) for feature, found in features.items()]


def _cap(feature: str, found: list[tuple[float, int, int, str]], window: Window) -> Saving:
    wasted = sum(usd for usd, _, _, _ in found)
    repeats = sum(calls for _, calls, _, _ in found)
    days = sorted({day for _, _, _, day in found})
    return Saving(
        kind="cap_retries",
        title=f"Cap the retries of {feature} at {ALLOWED_TRIES} tries with growing pauses",
        feature=feature,
        certainty=Certainty.MEASURED,
        window_usd=wasted,
        monthly_usd=monthly(wasted, window),
        formula=(
            f"{money(wasted)} for {count(repeats, 'repetition')} beyond {ALLOWED_TRIES} tries "
            f"/ {window.days} days x {MONTH_DAYS}"
        ),
        inputs={
            "wasted_usd": round(wasted, 6),
            "wasted_calls": repeats,
            "storm_calls": sum(calls for _, _, calls, _ in found),
            "storm_days": days[:MAX_SAVINGS],
            "days": window.days,
        },
        caveats=[
            f"It takes it that storms come as often as in these {window.days} days: {len(found)}."
        ],
    )
