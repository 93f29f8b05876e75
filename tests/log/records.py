"""Logs over records that wait, fail or lie when a test says so."""

from collections.abc import Sequence
from typing import Any

import attrs
import trio

from netra_actors.errors import RecordUnavailable
from netra_actors.identity import UserID
from netra_actors.log.committer import Committer, CommitterConfig
from netra_actors.log.limits import LogLimits
from netra_actors.log.port import Append, Outcome
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.events import Event, ThreadRenamed
from netra_actors.record import MemoryRecord


@attrs.define(eq=False)
class GatedRecord:
    """A `MemoryRecord` whose commits can be held, refused or answered otherwise.

    Attributes:
        gate: a commit waits for it; set unless `hold` was called.
        refusals: raised by the next commits, one each.
        after: raised after storing, one each: the outcome that got lost on its way.
        verdicts: what a user's part is answered, without storing it.
        batches: every batch that was sent, in order.
    """

    memory: MemoryRecord = attrs.field(factory=MemoryRecord)
    gate: trio.Event = attrs.field(factory=trio.Event)
    refusals: list[Exception] = attrs.field(factory=list)
    after: list[Exception] = attrs.field(factory=list)
    verdicts: dict[str, Outcome] = attrs.field(factory=dict)
    batches: list[tuple[Append, ...]] = attrs.field(factory=list)
    down: bool = False

    def __attrs_post_init__(self) -> None:
        self.gate.set()

    def hold(self) -> None:
        if self.gate.is_set():
            self.gate = trio.Event()

    async def commit(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        self.batches.append(tuple(batch))
        await self.gate.wait()
        if self.down:
            raise RecordUnavailable("down")
        if self.refusals:
            raise self.refusals.pop(0)
        stored = [append for append in batch if append.user_id not in self.verdicts]
        outcomes = dict(
            zip((a.user_id for a in stored), self.memory.commit_nowait(stored), strict=True)
        )
        if self.after:
            raise self.after.pop(0)
        return [self.verdicts.get(a.user_id) or outcomes[a.user_id] for a in batch]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.memory, name)


def make_committer(record: Any, **config: Any) -> Committer:
    return Committer(record=record, config=CommitterConfig(**config))


def make_log(committer: Committer, user: str = "alice", **limits: Any) -> SessionLog:
    return SessionLog(
        user_id=UserID(user),
        epoch="e_1_test",
        clock=lambda: 1_800_000_000_000,
        committer=committer,
        limits=LogLimits(**limits),
    )


def say(log: SessionLog, size: int = 0) -> Event:
    """Append an event that needs no run, with *size* bytes of text."""
    return log.append(ThreadRenamed(title="x" * size), thread_id="thr_1")
