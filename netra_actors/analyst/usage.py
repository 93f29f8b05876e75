"""Usage: one row for each call of a model, kept as columns and sorted by time.

Columns are plain lists, because every question is answered by a few passes over a few of them.
Rows that cannot be right are refused one by one: counted all, kept by line up to a bound.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs
import msgspec

from netra_actors.analyst import values
from netra_actors.analyst.columns import Columns

MAX_REFUSALS: Final = 20
"""Refused rows that are kept with line and reason; the others are only counted."""
DAY_S: Final = 86_400


class Refusal(msgspec.Struct, frozen=True):
    """A row that was not taken: its line (from 1) in what the user gave, and why."""

    line: int
    reason: str


@attrs.frozen(eq=False)
class Usage:
    """Accepted rows, oldest first; all lists have the same length."""

    times: list[float]
    """Unix seconds."""
    days: list[int]
    """UTC days since 1970."""
    users: list[str]
    features: list[str]
    models: list[str]
    input_tokens: list[int]
    output_tokens: list[int]
    latencies: list[float]
    """Milliseconds; NaN where the row had none."""
    costs: list[float]
    """US dollars."""
    statuses: list[str]
    """As given, in lower case."""
    succeeded: list[bool]
    has_status: bool = True
    """Whether success is known; without a status every call counts as one."""

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, first_day: int, last_day: int) -> range:
        """Return the indexes of the rows from *first_day* to *last_day*, both included."""
        return range(bisect_left(self.days, first_day), bisect_right(self.days, last_day))

    def where(self, keep: Callable[[int], bool]) -> "Usage":
        """Return the rows for whose index *keep* is true."""
        return self.take([index for index in range(len(self)) if keep(index)])

    def take(self, indexes: Sequence[int]) -> "Usage":
        """Return these rows, in this order."""
        columns = (
            (field.name, getattr(self, field.name)) for field in attrs.fields(Usage)[:-1]
        )  # fmt: skip
        taken: dict[str, Any] = {
            name: [column[index] for index in indexes] for name, column in columns
        }  # fmt: skip
        return attrs.evolve(self, **taken)

    def cost_of(self, indexes: Iterable[int]) -> float:
        """Return what these rows cost, in US dollars, rounded once."""
        costs = self.costs
        return math.fsum(costs[index] for index in indexes)

    def groups(self, column: Sequence[str], rows: Iterable[int]) -> dict[str, list[int]]:
        """Return the indexes among *rows* for each value of *column*."""
        found: dict[str, list[int]] = {}
        for index in rows:
            found.setdefault(column[index], []).append(index)
        return found


@attrs.define(eq=False)
class UsageBuilder:
    """Takes rows one at a time; what it refuses it remembers."""

    columns: Columns
    decimal_comma: bool = False
    refused: int = 0
    refusals: list[Refusal] = attrs.field(factory=list)
    """The first `MAX_REFUSALS` of them."""
    _rows: list[tuple[float, str, str, str, int, int, float, float, str]] = attrs.field(
        factory=list, init=False
    )
    _names: dict[str, str] = attrs.field(factory=dict, init=False)

    def add(self, line: int, cells: Sequence[str]) -> None:
        """Take the row at *line*, or refuse it."""
        places = self.columns.places
        if len(cells) <= max(places.values()):
            self.refuse(line, f"has {len(cells)} fields, the header has more")
            return
        try:
            self._rows.append(self._parse({key: cells[at].strip() for key, at in places.items()}))
        except values.BadValue as bad:
            self.refuse(line, str(bad))

    def refuse(self, line: int, reason: str) -> None:
        """Count a row that cannot be taken."""
        self.refused += 1
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append(Refusal(line, reason))

    def build(self) -> Usage:
        """Return the accepted rows, sorted by time."""
        self._rows.sort(key=lambda row: row[0])
        columns = [list(column) for column in zip(*self._rows, strict=True)] or [[]] * 9
        times, users, features, models, tokens_in, tokens_out, latencies, costs, statuses = columns
        return Usage(
            times, [int(time // DAY_S) for time in times], users, features, models,
            tokens_in, tokens_out, latencies, costs, statuses,
            [values.succeeded(status) for status in statuses],
            has_status="status" in self.columns.places,
        )  # fmt: skip

    def _parse(
        self, cell: dict[str, str]
    ) -> tuple[float, str, str, str, int, int, float, float, str]:
        comma = self.decimal_comma
        return (
            values.instant(cell["time"]),
            self._shared(values.name(cell.get("user") or "(unknown)", "user")),
            self._shared(values.name(cell["feature"], "feature")),
            self._shared(values.name(cell["model"], "model")),
            values.tokens(cell["input_tokens"], "input_tokens", decimal_comma=comma),
            values.tokens(cell["output_tokens"], "output_tokens", decimal_comma=comma),
            self._latency(cell.get("latency", "")),
            values.number(cell["cost"], "cost", values.MAX_COST_USD, decimal_comma=comma),
            self._shared(values.name(cell.get("status") or "success", "status").lower()),
        )

    def _shared(self, name: str) -> str:
        # One string for each name, not one for each row; sys.intern would keep them for ever.
        return self._names.setdefault(name, name)

    def _latency(self, text: str) -> float:
        # A failed call often has none; that is no reason to lose what it cost.
        if not text:
            return math.nan
        factor = self.columns.latency_to_ms
        most = values.MAX_LATENCY_MS / factor
        return factor * values.number(text, "latency", most, decimal_comma=self.decimal_comma)
