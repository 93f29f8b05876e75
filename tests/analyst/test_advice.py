from collections.abc import Callable

from netra_actors.analyst import advice
from netra_actors.analyst.findings import Findings

Investigate = Callable[..., Findings]


def test_a_named_feature_gets_its_models_side_by_side(investigate: Investigate) -> None:
    lines = advice.model_choice(investigate("which model should the summaries use?"))
    assert "That saves $167.69 a month" in lines[0]
    assert [line.split(":")[0] for line in lines[1:]] == ["- atlas-large", "- atlas-small"]


def test_a_cheaper_model_that_fails_more_is_not_advised(investigate: Investigate) -> None:
    lines = advice.model_choice(investigate("which model should email drafts use?"))
    assert lines[0].startswith("Keep atlas-medium for email_drafts: atlas-small is cheaper, but")


def test_an_untried_model_is_a_trial(investigate: Investigate) -> None:
    lines = advice.model_choice(investigate("which model should support chat use?"))
    assert "stay with beacon-pro for now, and try beacon-mini" in lines[0]
    assert "could save $46.78" in lines[0]


def test_without_a_name_the_clear_cases_come_first(investigate: Investigate) -> None:
    lines = advice.model_choice(investigate("which models should we use?"))
    assert lines[0].startswith("Use atlas-small for ticket_summaries")
    assert lines[-1].startswith("No change for email_drafts")


def test_a_named_model_brings_the_features_that_use_it(investigate: Investigate) -> None:
    lines = advice.model_choice(investigate("is atlas-large the right model?"))
    assert "ticket_summaries" in lines[0]
    assert not any("support_chat" in line for line in lines)


def test_savings_of_a_feature_are_its_own(investigate: Investigate) -> None:
    text = "\n".join(advice.savings(investigate("what can we save on contract review?")))
    assert "$26.65 a month on contract_review" in text
    assert "ticket_summaries" not in text


def test_trials_stand_apart_from_what_is_proven(investigate: Investigate) -> None:
    lines = advice.savings(investigate("what can we save?"))
    apart = lines.index("Worth a trial, and not counted above:")
    assert all("Try" not in line for line in lines[:apart])
    assert all("Try" in line for line in lines[apart + 1 :])
