"""The whole answer: text in pieces that can be streamed, and the report that ends it."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import attrs

from netra_actors.analyst import leads, sentences
from netra_actors.analyst.findings import Findings
from netra_actors.analyst.loading import Loaded, LoadSummary
from netra_actors.analyst.question import Intent
from netra_actors.analyst.reading import EXPECTED, UnreadableData
from netra_actors.analyst.recommendations import (
    action_plan,
    confidence,
    cost_analysis,
    recommendations,
)
from netra_actors.analyst.report import empty_report, executive_summary, report
from netra_actors.analyst.savings import Certainty
from netra_actors.analyst.source import Source
from netra_actors.analyst.wording import count, listing, money, span_text

EXAMPLES: Final = (
    "Why did cost rise last week?",
    "Which model should the summaries use?",
    "What can we save?",
    "Since when is support chat slower?",
)
_SHOWN_REFUSALS: Final = 5
_STEPS: Final[dict[Intent, set[str]]] = {
    Intent.MODEL_CHOICE: {"switch_model", "again"},
    Intent.LATENCY: {"latency", "again"},
    Intent.ERRORS: {"cap_retries", "again"},
}
"""The kinds of step that belong to an intent; to the others belong all."""
_SENTENCE_END: Final = re.compile(r"(?<=[.!?:]) (?=[A-Z$\d])|(?<=\n)(?=[^\n])")


@attrs.frozen(kw_only=True)
class Answer:
    """What is streamed, and what `final_report` carries."""

    text: str
    report: dict[str, Any]
    executive_summary: str
    recommendations: list[dict[str, Any]] = attrs.field(factory=list)
    action_plan: list[dict[str, Any]] = attrs.field(factory=list)
    cost_analysis: dict[str, Any] | None = None
    confidence: float | None = None


def pieces(text: str) -> list[str]:
    """Return *text* cut after each sentence and line; joined, the pieces are *text* again."""
    cuts = [match.start() for match in _SENTENCE_END.finditer(text)]
    edges = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(edges) if start < end]


def compose(findings: Findings) -> Answer:
    """Return the answer to the question that *findings* were made for."""
    lead = [*leads.not_in_data(findings), *leads.lead(findings)]
    plan = action_plan(findings)
    sections = [
        lead,
        _to_do(findings),
        _also(findings),
        _next(findings, plan),
        data_note(findings.loaded.summary, findings.notes),
    ]
    return Answer(
        text=_join(sections),
        report=report(findings),
        executive_summary=executive_summary([*_plain(lead), _total(findings)]),
        recommendations=recommendations(findings),
        action_plan=plan,
        cost_analysis=cost_analysis(findings),
        confidence=confidence(findings),
    )


def introduction(source: Source, loaded: Loaded, intent: Intent) -> Answer:
    """Return what the analyst can do: the answer to a greeting, and to what it cannot answer."""
    summary = loaded.summary
    hello = "Hello! " if intent is Intent.GREETING else "That is not something I can answer. "
    who = (
        f"{hello}I analyse AI usage: what it costs, what made it dearer or slower, which model a "
        "feature should use, and what can be saved."
    )
    has = (
        f"I have {source.origin} at hand: {count(summary.rows, 'call')} for "
        f"{money(summary.cost_usd)}, {span_text(summary.first_day, summary.last_day)}, "
        f"{count(summary.feature_count, 'feature')}, {count(summary.model_count, 'model')}."
    )
    examples = ["You can ask:", *(f"- {example}" for example in EXAMPLES)]
    own = ["For your own data paste rows or attach a file of up to 5 MB.", f"It reads {EXPECTED}"]
    return Answer(
        text=_join([[who, has, *source.notes], examples, own]),
        report=empty_report(summary, examples=list(EXAMPLES)),
        executive_summary=f"{who.removeprefix(hello)} {has}",
    )


def unreadable(source: Source, problem: UnreadableData) -> Answer:
    """Return what was wrong with the data, and what was expected."""
    what = f"I could not analyse {source.origin}: {problem}."
    refused = [f"- line {each.line}: {each.reason}" for each in problem.refusals[:_SHOWN_REFUSALS]]
    shown = ["The first rows that were refused:", *refused] if refused else []
    return Answer(
        text=_join([[what], shown, [f"I expect {EXPECTED}"], list(source.notes)]),
        report=empty_report(
            None,
            problem=str(problem),
            refusals=[{"line": each.line, "reason": each.reason} for each in problem.refusals],
            expected=EXPECTED,
        ),
        executive_summary=executive_summary([what]),
    )


def data_note(summary: LoadSummary, notes: Sequence[str]) -> list[str]:
    """Return what the answer rests on, with the refused rows."""
    days = span_text(summary.first_day, summary.last_day)
    rows = count(summary.rows, "row")
    lines = [f"This rests on {summary.origin}: {rows}, {days} (days in UTC)."]
    if summary.absent:
        lines.append(f"It has no column for {listing(summary.absent)}.")
    if summary.refused:
        lines.append(f"{count(summary.refused, 'row was', 'rows were')} refused:")
        lines += [
            f"- line {each.line}: {each.reason}" for each in summary.refusals[:_SHOWN_REFUSALS]
        ]
        if summary.refused > _SHOWN_REFUSALS:
            lines.append(f"- and {summary.refused - _SHOWN_REFUSALS:,} more")
    return [*lines, *notes]


def _to_do(findings: Findings) -> list[str]:
    """Return what can be saved, where that was not the question and is near to it."""
    if findings.question.intent not in {Intent.COST_RISE, Intent.OVERVIEW}:
        return []
    proven = [
        each for each in findings.savings.savings if each.certainty is Certainty.MEASURED
    ]  # fmt: skip
    return [_total(findings), *(f"- {sentences.saving(each)}" for each in proven[:3])]


def _next(findings: Findings, plan: list[dict[str, Any]]) -> list[str]:
    """Return the steps of the plan that belong to the question; the report has them all."""
    kinds = _STEPS.get(findings.question.intent)
    features = findings.question.focus.features
    steps = [
        step["action"]
        for step in plan
        if (kinds is None or step["kind"] in kinds)
        and (not features or step["feature"] in {None, *features})
        and (step["certainty"] != Certainty.TRIAL or features)
    ]
    return ["What to do next:", *(f"{number}. {step}" for number, step in enumerate(steps, 1))]


def _total(findings: Findings) -> str:
    savings = findings.savings
    if not savings.monthly_usd:
        return "The data proves no saving that is worth its trouble."
    return (
        f"About {money(savings.monthly_usd)} a month of {money(savings.monthly_spend_usd)} "
        "could be saved, proven by the data."
    )


def _also(findings: Findings) -> list[str]:
    """Return the findings that the lead did not need."""
    intent = findings.question.intent
    lines: list[str] = []
    if intent not in {Intent.ERRORS, Intent.COST_RISE}:
        lines += [sentences.storm(each) for each in findings.costs.anomalies.storms[:1]]
    if intent is not Intent.LATENCY:
        found = findings.latency.anomalies.regressions[:1]
        lines += [sentences.regression(each, leads.unharmed(findings, each)) for each in found]
    if intent is not Intent.COST_RISE:
        stormy = {storm.feature for storm in findings.costs.anomalies.storms}
        spikes = [each for each in findings.costs.anomalies.spikes if each.feature not in stormy]
        lines += [sentences.spike(each) for each in spikes[:2]]
    return ["Also in this data:", *(f"- {line}" for line in lines)] if lines else []


def _plain(lead: list[str]) -> list[str]:
    return [line.removeprefix("- ") for line in lead if not line.endswith(":")]


def _join(sections: list[list[str]]) -> str:
    """Return sections apart by an empty line, and their lines under each other."""
    return "\n\n".join("\n".join(lines) for lines in sections if lines)
