"""The structured report: every figure of the answer, and those that stand behind it."""

from typing import Any, Final

import msgspec

from netra_actors.analyst.findings import Findings
from netra_actors.analyst.loading import LoadSummary

MAX_SUMMARY: Final = 500
"""Characters of an executive summary."""
_TOP: Final = 10
_DIGITS: Final = 6


def report(findings: Findings) -> dict[str, Any]:
    """Return the report as JSON types; dollars and milliseconds to six digits."""
    question, costs, latency = findings.question, findings.costs, findings.latency
    return _rounded({
        "question": question.text[:500],
        "understood_as": question.intent.value,
        "about": list(question.focus.known),
        "not_in_data": list(question.focus.unknown),
        "data": findings.loaded.summary,
        "numbers": _numbers(findings),
        "costs": {
            "by_feature": costs.profile.by_feature[:_TOP],
            "by_model": costs.profile.by_model[:_TOP],
            "by_user": costs.profile.by_user[:5],
            "change": costs.change,
        },
        "latency": {
            "by_feature": latency.profile.by_feature[:_TOP],
            "by_model": latency.profile.by_model[:_TOP],
        },
        "anomalies": {
            "spikes": costs.anomalies.spikes[:_TOP],
            "storms": costs.anomalies.storms[:_TOP],
            "regressions": latency.anomalies.regressions[:_TOP],
        },
        "models": findings.models.features[:_TOP],
        "prices": findings.models.prices,
        "savings": findings.savings,
    })  # fmt: skip


def empty_report(summary: LoadSummary | None, **said: Any) -> dict[str, Any]:
    """Return a report without an analysis: what was read, if anything, and what was *said*."""
    return _rounded({"data": summary, "numbers": {}, **said})


def _numbers(findings: Findings) -> dict[str, Any]:
    profile, overall = findings.costs.profile, findings.latency.profile.overall
    total = profile.total
    return {
        "calls": total.calls,
        "failed_calls": total.failed,
        "success_rate": 1 - total.failed / max(1, total.calls),
        "cost_usd": total.cost_usd,
        "failed_cost_usd": total.failed_cost_usd,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "days": profile.days,
        "cost_per_day_usd": profile.cost_per_day_usd,
        "p50_ms": overall.p50_ms if overall else None,
        "p95_ms": overall.p95_ms if overall else None,
        "monthly_spend_usd": findings.savings.monthly_spend_usd,
        "monthly_saving_usd": findings.savings.monthly_usd,
    }


def _rounded(report: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = _round(msgspec.to_builtins(report))
    return plain


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_round(item) for item in value]
    return value


def executive_summary(sentences: list[str]) -> str:
    """Return as many whole *sentences* as fit, the first one in any case."""
    text = sentences[0][:MAX_SUMMARY]
    for sentence in dict.fromkeys(sentences[1:]):
        if sentence == sentences[0]:
            continue
        if len(text) + 1 + len(sentence) > MAX_SUMMARY:
            break
        text += f" {sentence}"
    return text
