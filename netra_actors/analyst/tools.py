"""The analyst's tools: what users see working. Each is a pure function of the usage."""

from typing import Literal

import attrs

from netra_actors.agents import tool
from netra_actors.analyst import change, costs, latency, models, savings
from netra_actors.analyst.findings import Anomalies
from netra_actors.analyst.loading import Loaded, LoadSummary, load
from netra_actors.analyst.periods import Comparison, Window, basis, whole_days
from netra_actors.analyst.question import Question, understand
from netra_actors.analyst.spikes import spikes
from netra_actors.analyst.storms import storms
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import day_number


def _shown(loaded: Loaded) -> LoadSummary:
    return loaded.summary


@tool(
    "Read the rows and refuse those that cannot be right",
    idempotent=True,
    estimated_duration_ms=200,
    summary=_shown,
)
def load_usage(
    origin: str, data: bytes | str | None, first_line: int = 1, problem: str | None = None
) -> Loaded:
    """Read and validate *data* (`None` is the sample), called *origin* in the answer.

    Raises:
        UnreadableData: there is nothing in it that can be analysed.
    """
    return load(origin, data, first_line, problem)


@attrs.frozen(eq=False)
class Understood:
    """A question, and the rows that it is about."""

    question: Question
    subject: Usage


def _asked(understood: Understood) -> dict[str, object]:
    question = understood.question
    return {
        "intent": question.intent.value,
        "about": list(question.focus.known),
        "not_in_data": list(question.focus.unknown),
        "rows": len(understood.subject),
    }


@tool(
    "Find out what is asked, and of which rows",
    idempotent=True,
    estimated_duration_ms=20,
    summary=_asked,
)
def understand_question(words: str, loaded: Loaded, *, brought_data: bool) -> Understood:
    """Return what *words* ask of the data; *brought_data*: it came with the same message."""
    question = understand(words, loaded.usage, loaded.whole, brought_data=brought_data)
    return Understood(question, question.focus.narrow(loaded.usage))


@tool("Add up what was spent, on what and by whom", idempotent=True, estimated_duration_ms=60)
def profile_costs(usage: Usage) -> costs.CostProfile:
    """Return the costs of all rows, by feature, model, user and day."""
    return costs.profile(usage, Window(usage.days[0], usage.days[-1]))


@tool(
    "Split the change of cost into more, larger and dearer calls",
    idempotent=True,
    estimated_duration_ms=20,
)
def explain_change(
    usage: Usage, first_day: str, last_day: str, days_earlier: int
) -> change.CostChange:
    """Return what the change of cost comes from, against as many days *days_earlier*."""
    after = Window(day_number(first_day), day_number(last_day))
    return change.change(usage, Comparison(after.shifted(days_earlier), after))


@tool("Measure how long calls take", idempotent=True, estimated_duration_ms=40)
def profile_latency(usage: Usage) -> latency.LatencyProfile:
    """Return the latencies of all rows, by feature and model."""
    return latency.profile(usage, Window(usage.days[0], usage.days[-1]))


@tool("Look for what is unlike the rest", idempotent=True, estimated_duration_ms=60)
def find_anomalies(usage: Usage, kind: Literal["cost", "latency"]) -> Anomalies:
    """Return days that cost too much and retry storms, or since when what is slower."""
    # An unfinished last day is no anomaly, but a storm on it is one.
    whole = whole_days(usage)
    if kind == "latency":
        return Anomalies(regressions=latency.regressions(usage, whole))
    return Anomalies(
        spikes=spikes(usage, whole),
        storms=storms(usage, Window(usage.days[0], usage.days[-1])),
    )


@tool("Compare the models that each feature uses", idempotent=True, estimated_duration_ms=60)
def compare_models(usage: Usage) -> models.ModelComparison:
    """Return, over the last four weeks, how models did in each feature and which would do."""
    return models.compare(usage, basis(whole_days(usage)))


@tool("Work out what could be saved in a month", idempotent=True, estimated_duration_ms=60)
def project_savings(usage: Usage) -> savings.Savings:
    """Return what could be saved, going by the last four weeks."""
    return savings.project(usage, basis(whole_days(usage)))
