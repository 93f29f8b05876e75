"""What a connection has missed: from memory or the record, merged, bounded, all or nothing."""

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from netra_actors.connections import catchup
from netra_actors.connections.catchup import MAX_EVENTS, read_missed, seq_of
from netra_actors.errors import RecordUnavailable
from netra_actors.protocol.batching import lines_of
from tests.connections.peers import Stage, open_stage
from tests.log.records import say


async def stored(stage: Stage, after: int = 0) -> list[bytes]:
    chunks = await stage.record.memory.chunks(
        stage.log.user_id, after=0, upto=stage.log.committed, max_bytes=1 << 30
    )
    return [line for chunk in chunks for line in lines_of(chunk.body)][after:]


async def say_in_chunks(stage: Stage, *counts: int, size: int = 0) -> None:
    """Append that many events in each of as many commits."""
    for count in counts:
        for _ in range(count):
            say(stage.log, size)
        await stage.commit()


async def test_what_is_in_memory_is_read_from_there(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        await say_in_chunks(stage, 3, 3)
        missed = await read_missed(stage.record, stage.log, 2)
        assert missed is not None
        assert (missed.lines, missed.upto) == (await stored(stage, 2), 6)
        assert stage.record.reads == 0


async def test_who_has_everything_has_missed_nothing(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        await say_in_chunks(stage, 3)
        missed = await read_missed(stage.record, stage.log, 3)
        assert missed is not None
        assert (missed.lines, missed.upto) == ([], 3)


@pytest.mark.parametrize("after", range(12))
async def test_it_is_whole_across_the_borders_of_memory_and_of_chunks(
    after: int, autojump_clock: MockClock
) -> None:
    async with open_stage(tail_bytes=600) as stage:
        await say_in_chunks(stage, 1, 4, 2, 5)
        assert 1 < stage.log.first_in_memory <= 12
        missed = await read_missed(stage.record, stage.log, after)
        assert missed is not None
        assert missed.lines == await stored(stage, after)
        assert stage.record.reads == (after + 1 < stage.log.first_in_memory)


async def test_a_long_way_is_read_in_several_parts(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "READ_BYTES", 300)
    async with open_stage(tail_bytes=300) as stage:
        await say_in_chunks(stage, *([2] * 10))
        missed = await read_missed(stage.record, stage.log, 1)
        assert missed is not None
        assert missed.lines == await stored(stage, 1)
        assert stage.record.reads > 2


async def test_what_is_committed_meanwhile_is_left_for_later(autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=300) as stage, trio.open_nursery() as nursery:
        await say_in_chunks(stage, *([2] * 5))
        stage.record.gate = trio.Event()
        got = []

        async def read() -> None:
            got.append(await read_missed(stage.record, stage.log, 0))

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await say_in_chunks(stage, *([2] * 5))
        stage.record.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert got[0] is not None
        assert got[0].upto == 10
        assert got[0].lines == (await stored(stage))[:10]


async def test_nothing_uncommitted_is_shown(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        await say_in_chunks(stage, 2)
        say(stage.log)
        missed = await read_missed(stage.record, stage.log, 0)
        assert missed is not None
        assert (missed.upto, len(missed.lines)) == (2, 2)


@pytest.mark.parametrize("tail_bytes", [100, 1 << 20])
async def test_neighbouring_partials_become_one(tail_bytes: int, autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=tail_bytes) as stage:
        stage.begin_run()
        for word in "abcdef":
            stage.partial(word)
            await stage.commit()
        missed = await read_missed(stage.record, stage.log, 4)
        assert missed is not None
        (line,) = missed.lines
        event = msgspec.json.decode(line)
        assert (event["seq_from"], event["seq"], seq_of(line)) == (5, 9, 9)
        assert event["payload"]["content"] == "bcdef"


async def test_more_partials_than_events_allowed_are_fine_once_merged(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.begin_run()
        for _ in range(MAX_EVENTS + 10):
            stage.partial("x")
        await stage.commit()
        missed = await read_missed(stage.record, stage.log, 0)
        assert missed is not None
        assert seq_of(missed.lines[-1]) == missed.upto == MAX_EVENTS + 13
        assert len(missed.lines) < 20


@pytest.mark.parametrize(("count", "fits"), [(MAX_EVENTS, True), (MAX_EVENTS + 1, False)])
@pytest.mark.parametrize("tail_bytes", [1 << 20, 1 << 12])
async def test_over_a_thousand_events_call_for_a_snapshot(
    count: int, fits: bool, tail_bytes: int, autojump_clock: MockClock
) -> None:
    async with open_stage(tail_bytes=tail_bytes) as stage:
        await say_in_chunks(stage, count)
        missed = await read_missed(stage.record, stage.log, 0)
        assert (missed is not None) is fits


@pytest.mark.parametrize(("count", "fits"), [(20, True), (21, False)])
async def test_over_a_mebibyte_calls_for_a_snapshot(
    count: int, fits: bool, autojump_clock: MockClock
) -> None:
    async with open_stage() as stage:
        for _ in range(count):
            await say_in_chunks(stage, 1, size=51_000)
        missed = await read_missed(stage.record, stage.log, 0)
        assert (missed is not None) is fits


async def test_a_way_too_long_is_not_even_read(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "MAX_READ_EVENTS", 9)
    async with open_stage(tail_bytes=100) as stage:
        await say_in_chunks(stage, 5, 5)
        assert await read_missed(stage.record, stage.log, 0) is None
        assert stage.record.reads == 0
        assert await read_missed(stage.record, stage.log, 1) is not None


async def test_what_is_not_kept_any_more_calls_for_a_snapshot(autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=100) as stage:
        await say_in_chunks(stage, 3, 3)
        stage.log.oldest = 4
        assert await read_missed(stage.record, stage.log, 2) is None
        assert await read_missed(stage.record, stage.log, 3) is not None


async def test_events_deleted_while_it_reads_call_for_a_snapshot(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(tail_bytes=100) as stage:
        await say_in_chunks(stage, 3, 3)
        stage.record.memory._shelves[stage.log.user_id].chunks.clear()
        assert await read_missed(stage.record, stage.log, 0) is None


async def test_a_record_that_is_down_is_the_callers_matter(autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=400) as stage:
        await say_in_chunks(stage, 3, 3)
        stage.record.down = True
        with pytest.raises(RecordUnavailable):
            await read_missed(stage.record, stage.log, 0)
        # What is in memory needs no record.
        assert await read_missed(stage.record, stage.log, 5) is not None


async def test_what_comes_into_memory_meanwhile_is_left_for_later(
    autojump_clock: MockClock,
) -> None:
    async with open_stage(tail_bytes=1200) as stage, trio.open_nursery() as nursery:
        await say_in_chunks(stage, *([1] * 20))
        upto, stage.record.gate = stage.log.committed, trio.Event()
        got = []

        async def read() -> None:
            got.append(await read_missed(stage.record, stage.log, stage.log.first_in_memory - 3))

        assert stage.log.first_in_memory > 3
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await say_in_chunks(stage, 1)
        assert stage.log.first_in_memory <= upto
        stage.record.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert got[0] is not None
        assert (got[0].upto, seq_of(got[0].lines[-1])) == (upto, upto)
