import msgspec
import pytest

from netra_actors.agents import Tool
from netra_actors.analyst import tools
from netra_actors.analyst.usage import Usage

ALL = [value for value in vars(tools).values() if isinstance(value, Tool)]


def test_every_tool_says_what_it_is_for_and_may_be_repeated() -> None:
    assert len(ALL) == 8
    assert all(tool.purpose and tool.idempotent and not tool.is_async for tool in ALL)


def test_results_are_shown_small(sample: Usage) -> None:
    loaded = tools.load_usage("the sample", None)
    shown = [tools.load_usage.result(loaded)]
    asked = tools.understand_question("what can we save?", loaded, brought_data=False)
    shown.append(tools.understand_question.result(asked))
    shown += [
        each.result(each(sample))
        for each in (
            tools.profile_costs,
            tools.profile_latency,
            tools.compare_models,
            tools.project_savings,
        )
    ]
    for value in shown:
        assert len(msgspec.json.encode(value)) < 32 * 1024


def test_arguments_are_shown_small(sample: Usage) -> None:
    assert tools.profile_costs.parameters((sample,), {}) == {"usage": f"Usage of {len(sample)}"}


@pytest.mark.parametrize("kind", ["cost", "latency"])
def test_anomalies_are_looked_for_by_kind(sample: Usage, kind: str) -> None:
    found = tools.find_anomalies(sample, kind)
    assert bool(found.storms) == bool(found.spikes) == (kind == "cost")
    assert bool(found.regressions) == (kind == "latency")


def test_a_change_is_explained_for_days_by_name(sample: Usage) -> None:
    found = tools.explain_change(sample, "2025-06-23", "2025-06-29", 7)
    assert (found.before_first, found.before_last) == ("2025-06-16", "2025-06-22")
