"""What to do: recommendations with the saving each brings, and a plan in steps."""

from functools import partial
from typing import Any, Final

import attrs

from netra_actors.analyst.findings import Findings
from netra_actors.analyst.latency import Regression
from netra_actors.analyst.periods import MONTH_DAYS
from netra_actors.analyst.savings import Certainty, Saving
from netra_actors.analyst.wording import count, day_text, duration, money, percent

MAX_RECOMMENDATIONS: Final = 10
_ALERT: Final = 1.5


def recommendations(findings: Findings) -> list[dict[str, Any]]:
    """Return what to do: proven savings first, then what is slow, then trials."""
    savings = findings.savings.savings
    proven = [_saving(each) for each in savings if each.certainty is Certainty.MEASURED]
    slow = [_regression(each) for each in findings.latency.anomalies.regressions]
    trials = [_saving(each) for each in savings if each.certainty is Certainty.TRIAL]
    return [*proven, *slow, *trials][:MAX_RECOMMENDATIONS]


def _saving(saving: Saving) -> dict[str, Any]:
    return {
        "title": saving.title,
        "saving_usd_per_month": round(saving.monthly_usd, 2),
        "certainty": saving.certainty.value,
        "how_computed": saving.formula,
        "inputs": saving.inputs,
        "caveats": saving.caveats,
    }


def _regression(found: Regression) -> dict[str, Any]:
    longer_ms = found.after_p50_ms - found.before_p50_ms
    hours = longer_ms * found.calls_since / 3.6e6
    since = day_text(found.since)
    return {
        "title": f"Find out what slowed {found.feature} on {found.model} on {since}",
        "saving_usd_per_month": 0.0,
        "certainty": Certainty.MEASURED.value,
        "how_computed": (
            f"It brings time, not money: {count(found.calls_since, 'call')} since then x "
            f"({duration(found.after_p50_ms)} - {duration(found.before_p50_ms)}) = "
            f"{hours:,.1f} hours of waiting"
        ),
        "inputs": {
            "calls_since": found.calls_since,
            "before_p50_ms": round(found.before_p50_ms, 1),
            "after_p50_ms": round(found.after_p50_ms, 1),
        },
        "caveats": ["The rows do not say why; the deployments of that day may."],
    }


@attrs.frozen(kw_only=True)
class _Step:
    kind: str
    feature: str | None = None
    certainty: Certainty = Certainty.MEASURED
    action: str
    when: str
    check: str
    """How one sees that it worked."""


def action_plan(findings: Findings) -> list[dict[str, Any]]:
    """Return the recommendations as steps, in the order in which they pay."""
    steps = [step for saving in findings.savings.savings for step in _steps_of(saving)]
    steps += [_look_into(found) for found in findings.latency.anomalies.regressions[:3]]
    steps += [
        _Step(
            kind="alert",
            action=f"Set an alert for a feature whose day costs more than {_ALERT} times the "
            "median of its last four such weekdays.",
            when="this month",
            check="It fires on a day like those named here.",
        ),
        _Step(
            kind="again",
            action="Export the usage again and ask the same question.",
            when="in two weeks",
            check=f"Cost per day is about {money(_target(findings))}.",
        ),
    ]
    return [{"step": number, **attrs.asdict(step)} for number, step in enumerate(steps, 1)]


def _look_into(found: Regression) -> _Step:
    return _Step(
        kind="latency",
        feature=found.feature,
        action=f"Compare what was deployed for {found.feature} around {day_text(found.since)}, "
        f"and ask the provider of {found.model}.",
        when="this week",
        check=f"The median is back under {duration(found.before_p50_ms * 1.1)}.",
    )


def _steps_of(saving: Saving) -> list[_Step]:
    step = partial(
        _Step, kind=saving.kind, feature=saving.feature, certainty=saving.certainty
    )  # fmt: skip
    if saving.kind == "cap_retries":
        rule = "No user repeats a failed call more than twice in two minutes."
        return [
            step(action=f"{saving.title}; stop while it is down.", when="this week", check=rule)
        ]  # fmt: skip
    model, current = saving.inputs["suggested_model"], saving.inputs["current_model"]
    if saving.certainty is Certainty.TRIAL:
        return [
            step(
                action=f"Send a tenth of the calls of {saving.feature} to {model} for a week.",
                when="this month",
                check="Success rate and 50 answers read by eye are no worse.",
            )
        ]
    return [
        step(
            action=f"Read 50 answers of {model} for {saving.feature} beside those of {current}.",
            when="this week",
            check="Nobody can tell which are worse.",
        ),
        step(
            action=f"{saving.title}: a tenth of the calls first, all after two quiet days.",
            when="next week",
            check=f"About {money(saving.monthly_usd / MONTH_DAYS)} less a day at the same "
            "success rate.",
        ),
    ]


def _target(findings: Findings) -> float:
    savings = findings.savings
    return max(0.0, savings.monthly_spend_usd - savings.monthly_usd) / MONTH_DAYS


def confidence(findings: Findings) -> float:
    """Return how far the report can be trusted, from 0 to 1.

    0.95, less the share of refused rows, less 0.2 under two weeks of data, less 0.2 under 200
    calls, less 0.1 for each missing column that one can do without.
    """
    summary, days = findings.loaded.summary, findings.loaded.whole.days
    value = 0.95 - summary.refused / (summary.rows + summary.refused)
    value -= 0.2 * (days < 14) + 0.2 * (summary.rows < 200) + 0.1 * len(summary.absent)
    return round(max(0.05, value), 2)


def cost_analysis(findings: Findings) -> dict[str, Any]:
    """Return spending and what can be saved of it, in US dollars."""
    savings, profile = findings.savings, findings.costs.profile
    return {
        "currency": "USD",
        "spent": round(profile.total.cost_usd, 2),
        "spent_days": profile.days,
        "monthly_spend": round(savings.monthly_spend_usd, 2),
        "monthly_saving_proven": round(savings.monthly_usd, 2),
        "monthly_saving_in_trials": round(savings.trial_monthly_usd, 2),
        "saving_share": percent(savings.share),
        "basis": f"{savings.first_day} to {savings.last_day}, scaled to 30 days",
    }
