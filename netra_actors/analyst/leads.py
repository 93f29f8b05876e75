"""The first part of an answer: what was asked, answered.

Each function takes the findings and returns paragraphs; a paragraph that begins with a dash is a
line of a list.
"""

from collections.abc import Callable, Mapping
from typing import Final

from netra_actors.analyst import advice, sentences
from netra_actors.analyst.change import CostChange
from netra_actors.analyst.costs import Spending
from netra_actors.analyst.findings import Findings
from netra_actors.analyst.latency import Regression
from netra_actors.analyst.question import Intent
from netra_actors.analyst.reliability import MIN_CALLS
from netra_actors.analyst.wording import (
    count,
    day_name,
    duration,
    listing,
    money,
    percent,
    rate,
    span_text,
)

_SMALL: Final = 0.05
"""A part of a change below which a feature gets no line of its own."""


def lead(findings: Findings) -> list[str]:
    """Return the answer to what was asked."""
    return _LEADS[findings.question.intent](findings)


def _cost_rise(findings: Findings) -> list[str]:
    change, about = findings.costs.change, findings.question.about
    if change is None:
        return [f"The data has one day only, so a change{about} cannot be seen in it."]
    before = span_text(change.before_first, change.before_last)
    after = span_text(change.after_first, change.after_last)
    was, now = money(change.before_usd), money(change.after_usd)
    if change.ratio is None:
        return [f"Cost{about} was nothing on {before} and {now} on {after}."]
    if abs(change.ratio) < 0.02:
        text = f"Cost{about} hardly changed: {was} on {before}, {now} on {after}."
    elif change.ratio > 0:
        more = money(change.delta_usd)
        text = f"Cost{about} rose by {percent(change.ratio)}, from {was} ({before}) to {now} "
        text += f"({after}): {more} more."
    else:
        text = f"Cost{about} did not rise: it fell by {percent(-change.ratio)}, from {was} "
        text += f"({before}) to {now} ({after})."
    return [text, *_drivers(findings, change)]


def _drivers(findings: Findings, change: CostChange) -> list[str]:
    told = [
        driver
        for driver in change.drivers[:4]
        if abs(driver.delta_usd) >= _SMALL * max(abs(change.delta_usd), 0.02 * change.before_usd)
    ]
    focus = findings.question.focus
    storms = [
        storm
        for storm in findings.costs.anomalies.storms
        if change.after_first <= storm.day <= change.after_last
        and (not focus.users or set(focus.users).intersection(storm.users))
        and (not focus.models or set(focus.models).intersection(storm.models))
    ]
    lines = [
        "- "
        + sentences.driver(
            driver,
            change.delta_usd,
            [storm for storm in storms if storm.feature == driver.feature],
            partly=bool(focus.users or focus.models),
        )
        for driver in told
    ]
    rest = change.delta_usd - sum(driver.delta_usd for driver in told)
    if lines and len(change.drivers) > len(told):
        lines.append(f"- Everything else together: {'+' if rest >= 0 else ''}{money(rest)}.")
    return lines


def _latency(findings: Findings) -> list[str]:
    profile = findings.latency.profile
    if profile.overall is None:
        return ["The data has no latency column, so nothing can be said about speed."]
    focus = findings.question.focus
    regressions = asked_regressions(findings)
    lines = [sentences.regression(each, unharmed(findings, each)) for each in regressions]
    if not lines:
        lines = [f"Nothing{findings.question.about} became clearly slower in these days."]
    timings = [
        each for each in profile.by_feature if not focus.features or each.name in focus.features
    ]
    lines += [
        f"- {each.name}: {duration(each.p50_ms)} at the median, "
        f"{duration(each.p95_ms)} at the 95th percentile ({count(each.calls, 'call')})."
        for each in timings[:5]
    ]
    return lines


def asked_regressions(findings: Findings) -> list[Regression]:
    """Return the regressions that the question is about."""
    focus, found = findings.question.focus, findings.latency.anomalies.regressions
    return [
        each
        for each in found
        if (not focus.features or each.feature in focus.features)
        and (not focus.models or each.model in focus.models)
    ]


def unharmed(findings: Findings, found: Regression) -> list[str]:
    """Return the other features that use the model of a regression and did not slow down."""
    slow = {
        each.feature
        for each in findings.latency.anomalies.regressions
        if each.model == found.model
    }  # fmt: skip
    return sorted(
        feature.feature
        for feature in findings.models.features
        if feature.feature not in slow
        and any(use.model == found.model and use.calls >= MIN_CALLS for use in feature.models)
    )


def _errors(findings: Findings) -> list[str]:
    if "status" in findings.loaded.summary.absent:
        return ["The data has no status column, so nothing can be said about failures."]
    total, names = findings.costs.subject.total, findings.question.focus.features
    text = (
        f"{total.failed:,} of {count(total.calls, 'call')}{findings.question.about} failed "
        f"({rate(total.failed / max(1, total.calls))}), and cost {money(total.failed_cost_usd)}."
    )
    storms = [
        sentences.storm(each)
        for each in findings.costs.anomalies.storms[:3]
        if not names or each.feature in names
    ]
    pairs = [
        each for each in findings.costs.subject.by_feature_and_model if each.calls >= MIN_CALLS
    ]
    pairs.sort(key=lambda each: -each.failed / each.calls)
    return [text, *storms, *(f"- {_failures(each)}" for each in pairs[:3] if each.failed)]


def _failures(pair: Spending) -> str:
    share = rate(pair.failed / pair.calls)
    return f"{pair.name}: {pair.failed:,} of {count(pair.calls, 'call')} failed ({share})."


def _overview(findings: Findings) -> list[str]:
    profile = findings.costs.subject
    text = (
        f"{count(profile.total.calls, 'call')}{findings.question.about} cost "
        f"{money(profile.total.cost_usd)} on {span_text(profile.first_day, profile.last_day)}, "
        f"{money(profile.cost_per_day_usd)} a day or {money(profile.monthly_usd)} a month; "
        f"{rate(profile.total.failed / max(1, profile.total.calls))} of them failed."
    )
    focus = findings.question.focus
    groups = profile.by_model if focus.features and not focus.models else profile.by_feature
    shares = (
        f"- {each.name}: {money(each.cost_usd)} ({percent(each.share)}), "
        f"{count(each.calls, 'call')}."
        for each in groups[:5]
    )
    return [text, *shares]


def not_in_data(findings: Findings) -> list[str]:
    """Return what the question names and the data does not have."""
    question, summary = findings.question, findings.loaded.summary
    lines = []
    if question.focus.unknown:
        lines.append(
            f"There is no {listing(question.focus.unknown)} in this data. "
            f"Its features are {listing(summary.features)}; "
            f"its models are {listing(summary.models)}."
        )
        if not question.focus.known:
            lines.append("For all of the data together:")
    if question.outside is not None:
        lines.append(
            f"{day_name(question.outside)} cannot be compared: the data goes from "
            f"{span_text(summary.first_day, summary.last_day)}. This is about its newest days."
        )
    return lines


_LEADS: Final[Mapping[Intent, Callable[[Findings], list[str]]]] = {
    Intent.COST_RISE: _cost_rise,
    Intent.MODEL_CHOICE: advice.model_choice,
    Intent.SAVINGS: advice.savings,
    Intent.LATENCY: _latency,
    Intent.ERRORS: _errors,
    Intent.OVERVIEW: _overview,
    Intent.GREETING: _overview,
    Intent.OFF_TOPIC: _overview,
}
