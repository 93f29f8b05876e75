"""The columns of usage data, and the names that other people give them.

Nine columns: when, who, for what, by which model, tokens in and out, how long, how much, and
how it ended. Six of them are needed; without a user, a latency or a status there is less to
say, but what is said stays true.
"""

import re
from collections.abc import Sequence
from typing import Final

import attrs

REQUIRED: Final = ("time", "feature", "model", "input_tokens", "output_tokens", "cost")
OPTIONAL: Final = ("user", "latency", "status")
DELIMITERS: Final = (",", ";", "\t")
EXAMPLE: Final = (
    "time,user,feature,model,input_tokens,output_tokens,latency_ms,cost,status\n"
    "2025-06-23T09:30:00Z,u_017,ticket_summaries,atlas-small,1840,212,930,0.0123,success"
)

_ALIASES: Final = {
    "time": "time timestamp ts date datetime created_at created start_time started_at at when",
    "user": "user user_id username customer customer_id account account_id tenant email",
    "feature": "feature feature_name use_case usecase product endpoint route task app application "
    "operation workflow",
    "model": "model model_name model_id engine deployment",
    "input_tokens": "input_tokens prompt_tokens tokens_in in_tokens input tokens_input "
    "tokens_prompt num_input_tokens",
    "output_tokens": "output_tokens completion_tokens tokens_out out_tokens output tokens_output "
    "tokens_completion num_output_tokens",
    "latency": "latency latency_ms latency_s latency_sec latency_seconds duration duration_ms "
    "duration_s duration_seconds elapsed elapsed_ms elapsed_s response_time response_time_ms",
    "cost": "cost cost_usd usd price amount total_cost total_cost_usd spend cost_dollars",
    "status": "status status_code outcome result state response_status",
}
_CANONICAL: Final = {alias: column for column, names in _ALIASES.items() for alias in names.split()}
_IN_SECONDS: Final = re.compile(r"_(s|sec|seconds)$")
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]+")


@attrs.frozen
class Columns:
    """Where each known column stands, and in what unit latency is."""

    places: dict[str, int]
    """Column to its index in a row."""
    latency_to_ms: float
    """What a latency is multiplied with."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The needed columns that are not there."""
        return tuple(name for name in REQUIRED if name not in self.places)

    @property
    def absent(self) -> tuple[str, ...]:
        """The columns that one can do without, and that are not there."""
        return tuple(name for name in OPTIONAL if name not in self.places)


def canonical(name: str) -> str | None:
    """Return the column that a header calls *name*, or `None`; case and punctuation are free."""
    return _CANONICAL.get(_slug(name))


def recognise(header: Sequence[str]) -> Columns:
    """Return where the known columns stand; of two of a kind the first counts."""
    places: dict[str, int] = {}
    factor = 1.0
    for index, name in enumerate(header):
        column = canonical(name)
        if column is None or column in places:
            continue
        places[column] = index
        if column == "latency" and _IN_SECONDS.search(_slug(name)):
            factor = 1000.0
    return Columns(places, factor)


def delimiter_of(line: str) -> str:
    """Return the delimiter that makes most known columns of *line*."""
    return max(DELIMITERS, key=lambda mark: len(recognise(line.split(mark)).places))


def _slug(name: str) -> str:
    return _NOT_A_NAME.sub("_", name.strip().lower()).strip("_")
