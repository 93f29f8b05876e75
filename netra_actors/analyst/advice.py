"""The first part of an answer about models or savings: what to do, and what it brings."""

from netra_actors.analyst import sentences
from netra_actors.analyst.findings import Findings
from netra_actors.analyst.models import FeatureModels, Verdict
from netra_actors.analyst.reliability import MIN_CALLS
from netra_actors.analyst.savings import Certainty, Saving
from netra_actors.analyst.wording import listing, money, percent, span_text


def model_choice(findings: Findings) -> list[str]:
    """Return which models the features in question should use."""
    asked = _asked_features(findings)
    if not asked:
        return ["There are too few calls in the last four weeks to compare models."]
    clear = [feature for feature in asked if feature.verdict is not Verdict.KEEP] or asked
    named = bool(findings.question.focus.features)
    lines: list[str] = []
    for feature in (asked if named else clear)[:3]:
        lines += _feature_models(findings, feature)
    kept = [feature.feature for feature in asked if feature.verdict is Verdict.KEEP]
    if not named and len(clear) < len(asked):
        lines.append(f"No change for {listing(kept)}: no cheaper model does as well there.")
    return lines


def _asked_features(findings: Findings) -> list[FeatureModels]:
    """Return the features in question: named, or using a model that was named, or all."""
    focus = findings.question.focus
    every = findings.models.features
    if focus.features:
        return [feature for feature in every if feature.feature in focus.features]
    if focus.models:
        return [
            feature
            for feature in every
            if any(use.model in focus.models for use in feature.models)
            or feature.suggested in focus.models
        ]
    return every


def _feature_models(findings: Findings, feature: FeatureModels) -> list[str]:
    saving = next(
        (each for each in findings.savings.savings if _is_switch(each, feature)), None
    )  # fmt: skip
    text = _advice(feature)
    if saving is not None and saving.certainty is Certainty.MEASURED:
        text += f" That saves {money(saving.monthly_usd)} a month = {saving.formula}."
    elif saving is not None:
        text += f" It could save {money(saving.monthly_usd)} a month."
    uses = [use for use in feature.models if use.calls >= MIN_CALLS] or feature.models
    return [text, *("- " + sentences.model_use(use) for use in uses[:4])]


def _is_switch(saving: Saving, feature: FeatureModels) -> bool:
    return saving.kind == "switch_model" and saving.feature == feature.feature


def _advice(feature: FeatureModels) -> str:
    match feature.verdict:
        case Verdict.SWITCH:
            return (
                f"Use {feature.suggested} for {feature.feature} instead of {feature.current}: "
                f"{feature.reason}."
            )
        case Verdict.TRIAL:
            return (
                f"For {feature.feature} stay with {feature.current} for now, and try "
                f"{feature.suggested} on a tenth of its calls: {feature.reason}."
            )
        case Verdict.KEEP:
            return f"Keep {feature.current} for {feature.feature}: {feature.reason}."


def savings(findings: Findings) -> list[str]:
    """Return what can be saved, each with its formula; what is not proven stands apart."""
    projected, names = findings.savings, findings.question.focus.features
    found = [each for each in projected.savings if not names or each.feature in names]
    proven = [each for each in found if each.certainty is Certainty.MEASURED]
    trials = [each for each in found if each.certainty is Certainty.TRIAL]
    about = findings.question.about
    if proven:
        total = sum(each.monthly_usd for each in proven)
        whole = projected.monthly_spend_usd
        on = f" on {listing(names, 4)}" if names else ""
        text = (
            f"You can save about {money(total)} a month{on}, {percent(total / whole)} of "
            f"{money(whole)}, going by {span_text(projected.first_day, projected.last_day)}."
        )
    else:
        text = f"The data proves no saving{about} that is worth its trouble."
    lines = [text, *("- " + sentences.saving(each) for each in proven)]
    if trials:
        lines.append("Worth a trial, and not counted above:")
        lines += [f"- {each.title}: up to {money(each.monthly_usd)} a month." for each in trials]
    return lines
