from collections.abc import Callable

import pytest

from netra_actors.analyst.findings import Findings
from netra_actors.analyst.recommendations import (
    action_plan,
    confidence,
    cost_analysis,
    recommendations,
)

Investigate = Callable[..., Findings]


def test_each_recommendation_has_its_saving_and_how_it_was_computed(
    investigate: Investigate,
) -> None:
    found = recommendations(investigate("what can we save?"))
    assert [each["saving_usd_per_month"] for each in found[:2]] == [167.69, 26.65]
    assert all(each["how_computed"] and each["caveats"] and each["inputs"] for each in found)
    assert found[2]["title"].startswith("Find out what slowed support_chat")
    assert "hours of waiting" in found[2]["how_computed"]


def test_what_is_measured_comes_before_what_is_to_be_tried(investigate: Investigate) -> None:
    kinds = [each["certainty"] for each in recommendations(investigate("overview"))]
    assert kinds == sorted(kinds)


def test_the_plan_counts_its_steps_and_says_how_to_check_each(investigate: Investigate) -> None:
    plan = action_plan(investigate("overview"))
    assert [step["step"] for step in plan] == list(range(1, len(plan) + 1))
    assert all(step["action"] and step["when"] and step["check"] for step in plan)


def test_the_cost_analysis_adds_up(investigate: Investigate) -> None:
    found = cost_analysis(investigate("overview"))
    assert (found["spent"], found["monthly_saving_proven"]) == (567.79, 194.34)


def test_confidence_falls_with_what_is_missing(investigate: Investigate) -> None:
    header = "time,feature,model,input,output,cost"
    assert confidence(investigate("overview")) == 0.95
    poor = investigate("overview", f"{header}\n2025-06-25,f,m,1,2,0.5\nbroken")
    assert confidence(poor) == pytest.approx(0.05)
