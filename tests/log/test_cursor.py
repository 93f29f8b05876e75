"""Cursors: each sees each committed event once, in order, and nothing before its commit."""

from collections.abc import Sequence

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.errors import RecordUnavailable
from netra_actors.log.cursor import Cursor
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.batching import lines_of
from netra_actors.protocol.events import decode_event
from tests.log.records import GatedRecord, make_committer, make_log, say


@attrs.define(eq=False)
class Reader:
    """Takes all it may at each wake, or on its own time; knows what it took."""

    log: SessionLog
    eager: bool = True
    max_bytes: int | None = None
    wakes: int = 0
    taken: list[bytes] = attrs.field(factory=list)
    cursor: Cursor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.cursor = Cursor(self.log, self.log.committed, self.wake)
        self.cursor.attach()

    def wake(self) -> None:
        self.wakes += 1
        if self.eager:
            self.take()

    def take(self) -> None:
        while lines := self.cursor.take(self.max_bytes):
            self.taken.extend(lines)

    @property
    def seqs(self) -> list[int]:
        return [decode_event(line).seq for line in self.taken]


async def test_nothing_is_seen_before_its_commit(nursery: trio.Nursery) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    log = make_log(committer)
    nursery.start_soon(committer.run)
    reader = Reader(log)
    record.hold()
    say(log)
    await wait_all_tasks_blocked()
    reader.take()
    assert (reader.taken, log.head, log.committed, reader.wakes) == ([], 1, 0, 0)
    record.gate.set()
    await wait_all_tasks_blocked()
    assert (reader.seqs, log.committed, reader.wakes) == ([1], 1, 1)


async def test_a_cursor_costs_no_copy_and_takes_the_stored_bytes(nursery: trio.Nursery) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    log = make_log(committer)
    nursery.start_soon(committer.run)
    first, second = Reader(log), Reader(log)
    say(log, 10)
    await wait_all_tasks_blocked()
    assert first.taken[0] is second.taken[0]
    chunks = await record.memory.chunks(log.user_id, after=0, upto=1, max_bytes=1 << 20)
    assert [list(lines_of(chunk.body)) for chunk in chunks] == [first.taken]


async def test_a_reader_that_raises_is_detached_and_the_others_get_everything(
    nursery: trio.Nursery,
) -> None:
    committer = make_committer(GatedRecord())
    log = make_log(committer)
    nursery.start_soon(committer.run)

    def explode() -> None:
        raise OSError("gone")

    broken = Cursor(log, 0, explode)
    broken.attach()
    reader = Reader(log)
    with capture_logs() as logs:
        say(log)
        await wait_all_tasks_blocked()
        say(log)
        await wait_all_tasks_blocked()
    assert [entry["event"] for entry in logs] == ["cursor_failed"]
    assert reader.seqs == [1, 2]
    assert broken not in log.cursors


async def test_a_reader_that_another_one_detaches_is_not_woken(nursery: trio.Nursery) -> None:
    committer = make_committer(GatedRecord())
    log = make_log(committer)
    nursery.start_soon(committer.run)
    readers: list[Reader] = []

    def detach_the_other() -> None:
        readers[0].cursor.detach()

    Cursor(log, 0, detach_the_other).attach()
    other = Reader(log)
    readers.append(other)
    say(log)
    await wait_all_tasks_blocked()
    assert other.wakes == 0
    other.cursor.detach()  # A second call does nothing.


async def test_a_slow_cursor_keeps_its_place_until_memory_has_gone_on(
    nursery: trio.Nursery,
) -> None:
    committer = make_committer(GatedRecord())
    log = make_log(committer, tail_bytes=1000)
    nursery.start_soon(committer.run)
    slow = Reader(log, eager=False)
    say(log, 300)
    await wait_all_tasks_blocked()
    assert slow.cursor.lag == 1
    assert slow.cursor.in_memory
    for _ in range(5):
        say(log, 300)
    await wait_all_tasks_blocked()
    assert not slow.cursor.in_memory
    with pytest.raises(LookupError):
        slow.cursor.take()
    assert slow.cursor.sent == 0


async def test_at_least_one_event_is_taken_however_small_the_window(nursery: trio.Nursery) -> None:
    committer = make_committer(GatedRecord())
    log = make_log(committer)
    nursery.start_soon(committer.run)
    reader = Reader(log, eager=False)
    for _ in range(4):
        say(log, 100)
    await wait_all_tasks_blocked()
    size = len(log.lines(0)[0])
    assert len(reader.cursor.take(1)) == 1
    assert len(reader.cursor.take(2 * size)) == 2
    assert len(reader.cursor.take(10 * size)) == 1
    assert reader.cursor.take(10) == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 900)),
        st.tuples(st.just("turn"), st.integers(0, 3)),
        st.tuples(st.just("attach"), st.integers(0, 1)),
        st.tuples(st.just("take"), st.integers(0, 9)),
        st.tuples(st.just("detach"), st.integers(0, 9)),
        st.tuples(st.just("hold"), st.just(0)),
        st.tuples(st.just("open"), st.just(0)),
        st.tuples(st.just("fail"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_each_cursor_sees_each_event_once_in_order(
    steps: Sequence[tuple[str, int]],
) -> None:
    trio.run(_play, steps, clock=MockClock(autojump_threshold=0))


async def _play(steps: Sequence[tuple[str, int]]) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    log = make_log(committer, full_bytes=1 << 30)
    readers: list[tuple[Reader, int]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(committer.run)
        for step, number in steps:
            await _step(step, number, log, record, readers)
            durable = (await record.memory.session(log.user_id)) or None
            stored = durable.head if durable is not None else 0
            for reader, _ in readers:
                assert reader.cursor.sent <= stored
        record.gate.set()
        await committer.wait_idle()
        nursery.cancel_scope.cancel()
    for reader, start in readers:
        attached = reader.cursor in log.cursors
        reader.take()
        assert reader.seqs == list(range(start + 1, start + 1 + len(reader.taken)))
        assert not attached or reader.cursor.sent == log.head
    assert committer.uncommitted_bytes == log.uncommitted_bytes == 0


async def _step(
    step: str, number: int, log: SessionLog, record: GatedRecord, readers: list[tuple[Reader, int]]
) -> None:
    match step:
        case "append":
            say(log, number)
        case "turn":
            await trio.sleep(number)
        case "attach":
            readers.append((Reader(log, eager=bool(number)), log.committed))
        case "take" if number < len(readers):
            readers[number][0].take()
        case "detach" if number < len(readers):
            readers[number][0].cursor.detach()
        case "hold":
            record.hold()
        case "open":
            record.gate.set()
        case "fail":
            record.after.append(RecordUnavailable("the answer got lost"))
        case _:
            await trio.lowlevel.checkpoint()
