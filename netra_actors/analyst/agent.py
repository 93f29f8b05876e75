"""The agents: `analyst`, and the two that it sends out in parallel.

The order is always the same: read the data, understand the question, cost and latency side by
side, models, savings, the answer in pieces, the report.
"""

from typing import Final

from netra_actors.agents import Run, UserMessage, agent
from netra_actors.analyst.answer import Answer, compose, introduction, pieces, unreadable
from netra_actors.analyst.findings import CostFindings, Findings, LatencyFindings
from netra_actors.analyst.loading import Loaded
from netra_actors.analyst.question import Intent, Question
from netra_actors.analyst.reading import UnreadableData
from netra_actors.analyst.source import Source, choose
from netra_actors.analyst.tools import (
    Understood,
    compare_models,
    explain_change,
    find_anomalies,
    load_usage,
    profile_costs,
    profile_latency,
    project_savings,
    understand_question,
)
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import count, iso, listing, money, span

STEPS: Final = 6
_ASKS: Final = {
    Intent.COST_RISE: "why cost changed",
    Intent.MODEL_CHOICE: "which model to use",
    Intent.SAVINGS: "what can be saved",
    Intent.LATENCY: "what became slower",
    Intent.ERRORS: "what fails",
    Intent.OVERVIEW: "what the usage looks like",
}


@agent(
    "analyst",
    promises={"agent_thinking", "tool_executing", "final_report"},
    description="Analyses AI usage: costs, latency, failures, models, savings. "
    "Takes pasted or uploaded CSV or JSON lines, or the sample it ships with.",
)
async def analyst(run: Run, message: UserMessage) -> str:
    """Answer a question about AI usage."""
    source = await choose(message, run.history)
    await _think(run, 1, f"Reading {source.origin}.")
    try:
        loaded = await run.call(
            load_usage, source.origin, source.data, source.first_line, source.problem
        )
    except UnreadableData as problem:
        return await _deliver(run, unreadable(source, problem))
    understood = await run.call(
        understand_question, source.words, loaded, brought_data=source.brought
    )
    if understood.question.intent in {Intent.GREETING, Intent.OFF_TOPIC}:
        return await _deliver(run, introduction(source, loaded, understood.question.intent))
    return await _deliver(run, compose(await _investigate(run, source, loaded, understood)))


@agent("cost_analyst", promises={"agent_thinking", "tool_executing"})
async def cost_analyst(run: Run, usage: Usage, understood: Understood) -> CostFindings:
    """Find out what was spent, why it changed, and what is unlike the rest."""
    question, asked = understood.question, understood.subject
    await run.think("Adding up the cost by feature, model, user and day.")
    profile = await run.call(profile_costs, usage)
    subject = profile if asked is usage else await run.call(profile_costs, asked)
    change = None
    if question.comparison is not None:
        before, after = question.comparison.before, question.comparison.after
        change = await run.call(
            explain_change, asked, iso(after.first), iso(after.last), after.first - before.first
        )
    anomalies = await run.call(find_anomalies, usage, "cost")
    await run.partial(
        f"{money(profile.total.cost_usd)} for {count(profile.total.calls, 'call')}; "
        f"{count(len(anomalies.spikes), 'run')} of dear days, "
        f"{count(len(anomalies.storms), 'retry storm')}.",
        is_complete=True,
    )
    return CostFindings(profile=profile, subject=subject, change=change, anomalies=anomalies)


@agent("latency_analyst", promises={"agent_thinking", "tool_executing"})
async def latency_analyst(run: Run, usage: Usage) -> LatencyFindings:
    """Find out how long calls take, and since when which take longer."""
    await run.think("Measuring how long calls take, and since when.")
    profile = await run.call(profile_latency, usage)
    anomalies = await run.call(find_anomalies, usage, "latency")
    slower = [found.feature for found in anomalies.regressions]
    await run.partial(
        f"Slower than before: {listing(slower)}." if slower else "Nothing became clearly slower.",
        is_complete=True,
    )
    return LatencyFindings(profile=profile, anomalies=anomalies)


async def _investigate(
    run: Run, source: Source, loaded: Loaded, understood: Understood
) -> Findings:
    usage, question = loaded.usage, understood.question
    await _think(run, 2, _understood(question, loaded))
    await _think(run, 3, "Sending out the cost analyst and the latency analyst, side by side.")
    async with run.subagents() as group:
        costs = group.start(cost_analyst, usage, understood)
        latency = group.start(latency_analyst, usage)
    await _think(run, 4, "Comparing the models that each feature uses.")
    models = await run.call(compare_models, usage)
    await _think(run, 5, "Working out what could be saved, and how sure that is.")
    savings = await run.call(project_savings, usage)
    return Findings(
        loaded=loaded,
        notes=source.notes,
        question=question,
        costs=costs.result,
        latency=latency.result,
        models=models,
        savings=savings,
    )


def _understood(question: Question, loaded: Loaded) -> str:
    text = (
        f"{count(loaded.summary.rows, 'row')} read, {loaded.summary.refused:,} refused. "
        f"The question is {_ASKS[question.intent]}{question.about}."
    )
    if question.comparison is not None and question.intent is Intent.COST_RISE:
        before, after = question.comparison.before, question.comparison.after
        text += (
            f" I compare {span(after.first, after.last)} with {span(before.first, before.last)}."
        )
    return text


async def _deliver(run: Run, answer: Answer) -> str:
    """Stream the answer, give the report, and return the text that was streamed."""
    await _think(run, STEPS, "Writing the answer.")
    *head, last = pieces(answer.text)
    for piece in head:
        await run.partial(piece)
    await run.partial(last, is_complete=True)
    await run.report(
        answer.report,
        executive_summary=answer.executive_summary,
        recommendations=answer.recommendations,
        action_plan=answer.action_plan,
        cost_analysis=answer.cost_analysis,
        confidence=answer.confidence,
    )
    return answer.text


async def _think(run: Run, step: int, thought: str) -> None:
    await run.think(
        thought,
        step_number=step,
        total_steps=STEPS,
        progress_percentage=round((step - 1) / STEPS * 100, 1),
    )
