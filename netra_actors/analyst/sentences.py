"""Single findings as sentences."""

from collections.abc import Sequence
from typing import Final

from netra_actors.analyst.change import Driver
from netra_actors.analyst.latency import Regression
from netra_actors.analyst.models import ModelUse
from netra_actors.analyst.savings import Saving
from netra_actors.analyst.spikes import Spike
from netra_actors.analyst.storms import Storm
from netra_actors.analyst.wording import (
    clock,
    count,
    day_text,
    duration,
    listing,
    money,
    percent,
    rate,
    span,
)

_MOVED: Final = 0.05
"""A model's share of calls that has to move for a sentence."""


def storm(found: Storm) -> str:
    """Return a retry storm as a sentence."""
    return (
        f"On {day_text(found.day)} from {clock(found.started_at)} to {clock(found.ended_at)} UTC "
        f"{found.feature} was in a retry storm: {count(found.calls, 'call')} of "
        f"{count(len(found.users), 'user')} ({listing(found.users, 5)}) failed "
        f"({listing(found.statuses, 3)}) and were repeated at once, for {money(found.cost_usd)}."
    )


def regression(found: Regression, others: Sequence[str]) -> str:
    """Return a latency regression as sentences; *others* use the same model and did not slow."""
    text = (
        f"Since {day_text(found.since)} {found.feature} on {found.model} takes "
        f"{duration(found.after_p50_ms)} instead of {duration(found.before_p50_ms)} at the median "
        f"({percent(found.ratio - 1)} longer), and {duration(found.after_p95_ms)} instead of "
        f"{duration(found.before_p95_ms)} at the 95th percentile."
    )
    if found.output_ratio is not None and found.output_ratio > 1.15:
        text += (
            f" Its answers became {percent(found.output_ratio - 1)} longer, which is a part of it."
        )
    elif found.output_ratio is not None:
        text += " Its answers did not become longer."
    if others:
        text += f" {listing(others, 4)} on the same model did not slow down."
    return text


def spike(found: Spike) -> str:
    """Return days of too high cost as a sentence."""
    return (
        f"{found.feature} cost {money(found.cost_usd)} on {span(found.first, found.last)}; "
        f"such days usually cost {money(found.usual_usd)}."
    )


def driver(
    found: Driver, whole_usd: float, in_storm: Sequence[Storm] = (), *, partly: bool = False
) -> str:
    """Return a feature's part in a change of *whole_usd*, with its reason.

    *partly*: the change is of some users or models, and the storms are of more than those.
    """
    if not found.calls_before:
        return f"{found.feature} is new: {money(found.after_usd)}."
    if not found.calls_after:
        return f"{found.feature} is gone: {money(found.before_usd)} less."
    verb = "rose" if found.delta_usd > 0 else "fell"
    text = f"{found.feature} {verb} by {money(abs(found.delta_usd))}"
    if whole_usd and found.delta_usd / whole_usd > 0:
        text += f" ({percent(found.delta_usd / whole_usd)} of the whole change)"
    text += f", from {money(found.before_usd)} to {money(found.after_usd)}: {_reason(found)}."
    for one in in_storm:
        part = "A part of them" if partly else f"{one.calls:,} of them, for {money(one.cost_usd)},"
        text += f" {part} {'is' if partly else 'are'} the retry storm of {day_text(one.day)}."
    return text


def _reason(found: Driver) -> str:
    effects = {
        "volume": found.volume_usd,
        "size": found.size_usd,
        "price": found.price_usd,
    }
    main = max(effects, key=lambda name: abs(effects[name]))
    signed = f"{'+' if effects[main] >= 0 else ''}{money(effects[main])}"
    if main == "volume":
        fewer = found.calls_after < found.calls_before
        return (
            f"mostly {'fewer' if fewer else 'more'} calls, {found.calls_after:,} "
            f"instead of {found.calls_before:,} ({signed})"
        )
    if main == "size":
        return f"mostly {'larger' if effects[main] > 0 else 'smaller'} calls, in tokens ({signed})"
    share = found.model_shares[0]
    dearer = "dearer" if effects[main] > 0 else "cheaper"
    if abs(share.after - share.before) < _MOVED:
        return f"mostly a {dearer} token ({signed})"
    # The model that gained calls explains more than the one that lost them.
    gained = max(found.model_shares, key=lambda each: each.after - each.before)
    return (
        f"mostly {dearer} models ({signed}); {gained.model} now takes {percent(gained.after)} "
        f"of its calls, before {percent(gained.before)}"
    )


def model_use(use: ModelUse) -> str:
    """Return how a model did in a feature, in one line."""
    parts = [f"{count(use.calls, 'call')}", f"{rate(use.success_rate)} succeed"]
    if use.cost_per_success_usd is not None:
        parts.append(f"{money(use.cost_per_success_usd)} per successful call")
    if use.p50_ms is not None:
        parts.append(f"{duration(use.p50_ms)} at the median")
    if use.output_tokens_per_success is not None:
        parts.append(f"{use.output_tokens_per_success:,.0f} output tokens")
    return f"{use.model}: {', '.join(parts)}."


def saving(found: Saving) -> str:
    """Return a saving with its formula, in one line."""
    return f"{found.title}: {money(found.monthly_usd)} a month = {found.formula}."
