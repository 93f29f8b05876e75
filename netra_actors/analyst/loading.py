"""From a source to validated usage, with a summary that is small enough to be shown."""

import attrs
import msgspec

from netra_actors.analyst.periods import Window, whole_days
from netra_actors.analyst.reading import Reading, UnreadableData, decode, read
from netra_actors.analyst.sample import load_sample
from netra_actors.analyst.usage import Refusal, Usage
from netra_actors.analyst.wording import iso

MAX_NAMES = 20
"""Features and models that a summary names."""


class LoadSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and what was not."""

    origin: str
    format: str
    rows: int
    refused: int
    refusals: list[Refusal]
    """The first refused rows, with line and reason."""
    first_day: str
    last_day: str
    features: list[str]
    models: list[str]
    feature_count: int
    model_count: int
    user_count: int
    absent: list[str]
    """Columns one can do without that were not there."""
    cost_usd: float


@attrs.frozen(eq=False)
class Loaded:
    """Usage that was read, and what to say about it."""

    usage: Usage
    summary: LoadSummary
    whole: Window
    """The days without an unfinished last one."""


def load(
    origin: str, data: bytes | str | None, first_line: int = 1, problem: str | None = None
) -> Loaded:
    """Read and validate *data*; `None` is the sample.

    Raises:
        UnreadableData: there is nothing in it that can be analysed, or *problem* says so.
    """
    if problem is not None:
        raise UnreadableData(problem)
    if data is None:
        reading = load_sample()
    else:
        reading = read(decode(data) if isinstance(data, bytes) else data, first_line)
    usage = reading.usage
    return Loaded(usage, _summary(origin, reading), whole_days(usage))


def _summary(origin: str, reading: Reading) -> LoadSummary:
    usage = reading.usage
    features, models = sorted(set(usage.features)), sorted(set(usage.models))
    return LoadSummary(
        origin=origin,
        format=reading.format,
        rows=len(usage),
        refused=reading.refused,
        refusals=reading.refusals,
        first_day=iso(usage.days[0]),
        last_day=iso(usage.days[-1]),
        features=features[:MAX_NAMES],
        models=models[:MAX_NAMES],
        feature_count=len(features),
        model_count=len(models),
        user_count=len(set(usage.users)),
        absent=list(reading.absent),
        cost_usd=usage.cost_of(range(len(usage))),
    )
