"""The memory record's own ways; what it promises is in the conformance suite."""

from collections.abc import Callable
from typing import Any

import attrs
import trio
from trio.testing import MockClock

from netra_actors.log.port import Outcome
from netra_actors.protocol.events import AgentThinking
from netra_actors.record import MemoryRecord

MakeScript = Callable[[str], Any]
THINKING = AgentThinking(thought="x", urgency="low")


def test_it_commits_without_waiting(script: MakeScript) -> None:
    log = script("u_1")
    append = log.append(log.event(THINKING))
    assert MemoryRecord().commit_nowait([append]) == [Outcome.COMMITTED]


async def test_it_runs_in_virtual_time(autojump_clock: MockClock, script: MakeScript) -> None:
    del autojump_clock
    record, log = MemoryRecord(), script("u_1")
    started = trio.current_time()
    for _ in range(10):
        await record.commit([log.append(log.event(THINKING))])
        await record.session(log.user_id)
    assert trio.current_time() == started


async def test_cancelled_before_the_commit_nothing_is_stored(script: MakeScript) -> None:
    record, log = MemoryRecord(), script("u_1")
    with trio.CancelScope() as scope:
        scope.cancel()
        await record.commit([log.append(log.event(THINKING))])
    assert scope.cancelled_caught
    assert await record.session(log.user_id) is None


async def test_a_raised_generation_changes_every_epoch(script: MakeScript) -> None:
    record, log = MemoryRecord(), script("u_1")
    await record.commit([log.append(log.event(THINKING))])
    record.generation += 1
    row = await record.session(log.user_id)
    assert row is not None
    assert row.epoch == record.epoch_for("abc") == "e_2_abc"


async def test_an_append_that_is_refused_changes_nothing(script: MakeScript) -> None:
    record, log = MemoryRecord(), script("u_1")
    await record.commit([log.append(log.event(THINKING))])
    before = attrs.asdict(record._shelves[log.user_id])
    log.head += 3
    assert await record.commit([log.append(log.event(THINKING))]) == [Outcome.QUARANTINED]
    assert attrs.asdict(record._shelves[log.user_id]) == before
