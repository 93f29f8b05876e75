"""Runs: stopping one, and reading what it said."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, final

import attrs
import msgspec
from quart_trio.wrappers import TrioResponse

from netra_actors.errors import Gone, NotFound
from netra_actors.identity import RunID, UserID
from netra_actors.log.port import Chunk, Record, RunRow
from netra_actors.record.rows import OPEN_STATUSES
from netra_actors.web.answers import JSON
from netra_actors.web.api import shapes
from netra_actors.web.calls import Call, Route

_READ_BYTES: Final = 256 * 1024
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024


class _Line(msgspec.Struct):
    seq: int
    run_id: str | None = None
    parent_run_id: str | None = None


_decode_line = msgspec.json.Decoder(_Line).decode


async def cancel_run(call: Call) -> dict[str, Any]:
    """Stop a run."""
    return await call.execute("stop_agent", run_id=call.params["run_id"])


async def get_run_events(call: Call) -> TrioResponse:
    """Return the run's events after seq `after`, sub-runs included, byte for byte as sent."""
    record, user_id = call.worker.record, call.user.user_id
    picker = Picker(
        after=call.query_int("after", 0, low=0, high=2**53),
        limit=call.query_int("limit", 500, low=1, high=5000),
    )
    run = await record.run(user_id, RunID(call.params["run_id"]))
    if run is None:
        raise NotFound("there is no such run")
    await _pick(record, user_id, run, picker)
    events, more = b",".join(picker.lines), msgspec.json.encode(picker.next_after)
    body = b'{"events":[%b],"next_after":%b}' % (events, more)
    return TrioResponse(body, 200, content_type=JSON)


@final
@attrs.define(eq=False)
class Picker:
    """Takes lines of the log, in order, until `limit` events or 4 MiB are there."""

    after: int
    limit: int
    lines: list[bytes] = attrs.field(factory=list, init=False)
    next_after: int | None = attrs.field(default=None, init=False)
    """From where to ask for more; None when everything is there."""
    _used_bytes: int = attrs.field(default=0, init=False)
    _last_seq: int = attrs.field(default=0, init=False)

    def take(self, seq: int, line: bytes) -> bool:
        """Take *line* unless it is before `after`; return False when it does not fit."""
        if seq <= self.after:
            return True
        self._used_bytes += len(line)
        if self.lines and (len(self.lines) >= self.limit or self._used_bytes > _MAX_ANSWER_BYTES):
            self.next_after = self._last_seq
            return False
        self.lines.append(line)
        self._last_seq = seq
        return True


async def _pick(record: Record, user_id: UserID, run: RunRow, picker: Picker) -> None:
    """Offer *picker* the lines of the run and of all runs below it.

    Reading begins with the run in any case: only there is written who is below whom.
    """
    session = await record.session(user_id)
    if session is None or run.seq_first <= session.tail:
        raise Gone("the events of this run are no longer kept")
    upto = session.head if run.status in OPEN_STATUSES else run.seq_last
    family: set[str | None] = {run.run_id}
    at = run.seq_first - 1
    while at < upto:
        chunks = await record.chunks(user_id, after=at, upto=upto, max_bytes=_READ_BYTES)
        for seq, text in _family_lines(chunks, family, after=at, upto=upto):
            if not picker.take(seq, text):
                return
        if not chunks:
            return
        at = chunks[-1].seq_to


def _family_lines(
    chunks: Sequence[Chunk], family: set[str | None], *, after: int, upto: int
) -> Iterator[tuple[int, bytes]]:
    for chunk in chunks:
        for text in chunk.body.splitlines():
            line = _decode_line(text)
            is_of_family = line.run_id in family or line.parent_run_id in family
            if is_of_family and after < line.seq <= upto:
                family.add(line.run_id)
                yield line.seq, text


ROUTES = (
    Route(
        method="POST",
        path="/api/runs/{run_id}/cancel",
        handler=cancel_run,
        summary="Stop a run",
        status=202,
        gives=shapes.CancelAnswer,
    ),
    Route(
        method="GET",
        path="/api/runs/{run_id}/events",
        handler=get_run_events,
        summary="The events of a run and its sub-runs, exactly as they were sent",
        gives=shapes.EventsAnswer,
        query={"after": "only events after this seq", "limit": "1 to 5000, default 500"},
    ),
)
