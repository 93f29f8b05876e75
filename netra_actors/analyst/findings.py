"""Everything that an analysis found, as the answer is written from it."""

import attrs
import msgspec

from netra_actors.analyst import costs, latency
from netra_actors.analyst.change import CostChange
from netra_actors.analyst.loading import Loaded
from netra_actors.analyst.models import ModelComparison
from netra_actors.analyst.question import Question
from netra_actors.analyst.savings import Savings
from netra_actors.analyst.spikes import Spike
from netra_actors.analyst.storms import Storm


class Anomalies(msgspec.Struct, frozen=True, kw_only=True):
    """What is unlike the rest; what was not looked for is empty."""

    spikes: list[Spike] = []
    storms: list[Storm] = []
    regressions: list[latency.Regression] = []


@attrs.frozen(kw_only=True)
class CostFindings:
    """What the cost analyst found."""

    profile: costs.CostProfile
    """Of all rows."""
    subject: costs.CostProfile
    """Of the rows that the question is about."""
    change: CostChange | None
    """Of the rows that the question is about; `None` when the data has one day."""
    anomalies: Anomalies


@attrs.frozen(kw_only=True)
class LatencyFindings:
    """What the latency analyst found."""

    profile: latency.LatencyProfile
    anomalies: Anomalies


@attrs.frozen(kw_only=True)
class Findings:
    """All of it."""

    loaded: Loaded
    notes: tuple[str, ...]
    """What has to be said about the choice of the data."""
    question: Question
    costs: CostFindings
    latency: LatencyFindings
    models: ModelComparison
    savings: Savings
