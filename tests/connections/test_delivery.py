"""From the log to one peer, on virtual time: each event once and in order, whatever it does."""

import json

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.connections.delivery import WINDOW_STALL_S
from netra_actors.errors import RecordUnavailable
from netra_actors.protocol.close_codes import CloseCode
from tests.connections.doubles import Line, make_line, open_book


def welcome(mode: str, head: int) -> bytes:
    return json.dumps({"type": "welcome", "mode": mode, "head": head}).encode()


# --- beginning


async def test_an_empty_log_is_fresh_and_then_live(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None, welcome)
        assert line.sink.objects == [
            {"type": "welcome", "mode": "fresh", "head": 0},
            {"type": "replay_end", "seq": 0},
        ]
        book.begin()
        await book.commit()
        assert line.sink.covered == [1, 2, 3]


async def test_a_cursor_gets_what_follows_it_and_nothing_twice(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        book.begin()
        book.note(5)
        await book.commit()
        line = make_line(book, nursery)
        await line.delivery.start(6, welcome)
        assert line.sink.kinds == ["welcome", "custom", "custom", "replay_end"]
        assert line.sink.covered == [7, 8]
        book.note()
        await book.commit()
        assert line.sink.covered == [7, 8, 9]


async def test_no_cursor_gets_a_snapshot(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    async with open_book() as book:
        book.begin()
        await book.commit()
        line = make_line(book, nursery)
        await line.delivery.start(None, welcome)
        assert line.sink.kinds == ["welcome", "snapshot", "replay_end"]
        assert line.sink.objects[0]["mode"] == "snapshot"
        assert line.sink.objects[1]["at"] == line.sink.objects[2]["seq"] == 3
        assert line.counts.snapshots == 1


async def test_what_is_committed_during_a_replay_comes_after_its_end(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        book.begin()
        book.note(20, size=20_000)
        await book.commit()
        line = make_line(book, nursery)
        line.sink.stuck = True
        nursery.start_soon(line.delivery.start, 0, welcome)
        await wait_all_tasks_blocked()
        book.note(3)
        await book.commit()
        line.sink.release()
        await wait_all_tasks_blocked()
        assert line.sink.covered == list(range(1, 27))
        end = line.sink.kinds.index("replay_end")
        assert line.sink.objects[end]["seq"] == 23
        assert line.sink.kinds[end + 1 :] == ["custom"] * 3


# --- the fast path


async def test_a_commit_is_written_in_the_same_step_as_one_frame(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        book.begin()
        await book.commit()
        assert len(line.sink.frames) == 2
        assert line.sink.frames[1].startswith(b"[")
        assert nursery.child_tasks == frozenset()


async def test_without_batches_every_event_is_a_frame_in_one_write(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery, batched=False)
        await line.delivery.start(None)
        book.begin()
        await book.commit()
        assert line.sink.writes == [1, 3]
        assert [frame[:1] for frame in line.sink.frames] == [b"{"] * 4


async def test_counts_are_what_was_written(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        book.begin()
        await book.commit()
        assert (line.counts.events, line.counts.frames) == (3, 2)
        assert line.counts.bytes == sum(map(len, line.sink.frames))


# --- a peer that does not keep up


async def test_a_slow_peer_gets_what_it_missed_merged(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        line.sink.stuck = True
        book.begin()
        await book.commit()
        book.say(500)
        await book.commit()
        book.note()
        await book.commit()
        line.sink.release()
        await wait_all_tasks_blocked()
        assert line.sink.covered == list(range(1, 505))
        merged = [item for item in line.sink.objects if item["type"] == "partial_result"]
        assert len(merged) < 5
        assert merged[0]["seq_from"] == 4
        assert "".join(item["payload"]["content"] for item in merged) == "x" * 500
        assert line.codes == []
        book.note()
        await book.commit()
        assert line.sink.covered[-1] == 505


async def test_a_very_slow_peer_gets_a_snapshot_in_place_of_its_backlog(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        line.sink.stuck = True
        book.begin()
        await book.commit()
        for _ in range(6):
            book.note(200)
            await book.commit()
        line.sink.release()
        await wait_all_tasks_blocked()
        assert line.sink.kinds[-1] == "snapshot"
        assert line.sink.objects[-1]["at"] == 1203
        book.note()
        await book.commit()
        assert line.sink.covered == [1, 2, 3, 1204]


async def test_a_slow_peer_reads_from_the_record_what_left_memory(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book(tail_bytes=20_000) as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        line.sink.stuck = True
        book.begin()
        await book.commit()
        for _ in range(20):
            book.note(5, size=1000)
            await book.commit()
        assert book.log.first_in_memory > 50
        line.sink.release()
        await wait_all_tasks_blocked()
        assert line.sink.covered == list(range(1, 104))


async def test_a_peer_that_takes_nothing_for_ten_seconds_is_closed_4008(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        line.sink.stuck = True
        began = trio.current_time()
        book.begin()
        await book.commit()
        await trio.sleep(11)
        assert line.codes == [CloseCode.TOO_SLOW]
        assert trio.current_time() - began == pytest.approx(11, abs=0.1)
        book.note()
        await book.commit()
        assert book.log.cursors == {}


async def test_a_slow_peer_costs_the_others_nothing(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        slow, quick = make_line(book, nursery), make_line(book, nursery)
        for line in (slow, quick):
            await line.delivery.start(None)
        slow.sink.stuck = True
        book.begin()
        book.note(100)
        await book.commit()
        assert quick.sink.covered == list(range(1, 104))
        assert slow.sink.covered == []


async def test_a_snapshot_leaves_before_live_events_pile_up_behind_it(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The tail is bounded: events right behind a large snapshot must not break the peer."""
    async with open_book() as book:
        book.begin()
        book.say(16, size=60_000)
        await book.commit()
        line = make_line(book, nursery)
        line.sink.stuck = True
        nursery.start_soon(line.delivery.start, None)
        await wait_all_tasks_blocked()
        for _ in range(20):
            book.note(1, size=60_000)
            await book.commit()
        assert line.codes == []
        line.sink.release()
        await wait_all_tasks_blocked()
        assert line.sink.kinds[0] == "snapshot"
        assert line.codes == []


# --- a sink that breaks


async def test_a_peer_that_is_gone_ends_its_own_connection(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        gone, here = make_line(book, nursery), make_line(book, nursery)
        for line in (gone, here):
            await line.delivery.start(None)
        gone.sink.leave()
        book.begin()
        await book.commit()
        assert gone.codes == [CloseCode.INTERNAL]
        assert here.sink.covered == [1, 2, 3]
        assert list(book.log.cursors) == [here.delivery.cursor]


async def test_a_sink_with_a_fault_ends_its_connection_and_not_the_commit(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        faulty, sound = make_line(book, nursery), make_line(book, nursery)
        for line in (faulty, sound):
            await line.delivery.start(None)
        faulty.sink.fault = KeyError("a defect")
        book.begin()
        await book.commit()
        assert faulty.codes == [CloseCode.INTERNAL]
        assert sound.sink.covered == [1, 2, 3]
        book.note()
        await book.commit()
        assert sound.sink.covered[-1] == 4


async def test_a_peer_that_leaves_while_it_is_behind_ends_its_pump(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        line.sink.stuck = True
        book.begin()
        await book.commit()
        assert len(nursery.child_tasks) == 1
        line.sink.leave()
        await wait_all_tasks_blocked()
        assert line.codes == [CloseCode.INTERNAL]
        assert nursery.child_tasks == frozenset()


# --- resync


async def test_a_resync_while_behind_replays_from_where_it_was_asked(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        book.begin()
        await book.commit()
        line.sink.stuck = True
        book.note(5)
        await book.commit()
        nursery.start_soon(line.delivery.start, 2)
        await wait_all_tasks_blocked()
        book.note(2)
        await book.commit()
        line.sink.release()
        await wait_all_tasks_blocked()
        # What was on its way, the replay, and what came after it.
        assert line.sink.covered == [1, 2, 3, 4, 5, 6, 7, 8, *range(3, 11)]
        assert line.sink.kinds.count("replay_end") == 2
        assert len(nursery.child_tasks) == 0
        book.note()
        await book.commit()
        assert line.sink.covered[-1] == 11


async def test_a_resync_that_cannot_be_read_leaves_the_connection_live(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book(tail_bytes=10_000) as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        book.begin()
        for _ in range(20):
            book.note(5, size=1000)
            await book.commit()
        book.record.down = True
        with pytest.raises(RecordUnavailable):
            await line.delivery.start(1)
        book.record.down = False
        book.note(3)
        await book.commit()
        await wait_all_tasks_blocked()
        assert line.sink.covered == list(range(1, 107))
        await line.delivery.start(100)
        assert line.sink.covered[-6:] == list(range(101, 107))


async def test_what_cannot_be_read_is_tried_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book(tail_bytes=10_000) as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        line.sink.stuck = True
        book.begin()
        for _ in range(20):
            book.note(5, size=1000)
            await book.commit()
        book.record.down = True
        line.sink.release()
        await trio.sleep(3)
        assert line.codes == []
        book.record.down = False
        await trio.sleep(1)
        assert line.sink.covered == list(range(1, 104))


# --- the window


def unacked_bytes(line: Line, after: int) -> int:
    return sum(
        len(json.dumps(item, separators=(",", ":")))
        for item in line.sink.objects
        if item.get("seq", 0) > after and item["type"] != "replay_end"
    )


@pytest.mark.parametrize("tail_bytes", [1 << 20, 5_000], ids=["memory", "record"])
async def test_no_more_than_the_window_is_ever_unacked(
    nursery: trio.Nursery, autojump_clock: MockClock, tail_bytes: int
) -> None:
    async with open_book(tail_bytes=tail_bytes) as book:
        line = make_line(book, nursery, window_bytes=10_000)
        await line.delivery.start(None)
        line.delivery.ack(0)
        book.begin()
        for _ in range(10):
            book.note(10, size=400)
            await book.commit()
        await wait_all_tasks_blocked()
        acked = 0
        while line.sink.covered[-1] < 103:
            assert 8_000 < unacked_bytes(line, acked) <= 10_000
            acked = line.sink.covered[-1]
            line.delivery.ack(acked)
            await wait_all_tasks_blocked()
        assert line.sink.covered == list(range(1, 104))


async def test_an_event_larger_than_the_window_goes_alone(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery, window_bytes=1_000)
        await line.delivery.start(None)
        line.delivery.ack(0)
        book.begin()
        await book.commit()
        book.note(2, size=5_000)
        await book.commit()
        assert line.sink.covered == [1, 2, 3]
        for seq in (4, 5):
            line.delivery.ack(seq - 1)
            await wait_all_tasks_blocked()
            assert line.sink.covered[-1] == seq


async def test_a_window_that_stays_full_counts_as_stalled(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery, window_bytes=1_000)
        await line.delivery.start(None)
        line.delivery.ack(0)
        book.begin()
        book.note(20, size=100)
        await book.commit()
        await trio.sleep(WINDOW_STALL_S - 1)
        assert not line.delivery.is_stalled
        line.delivery.ack(line.sink.covered[-1])
        await trio.sleep(WINDOW_STALL_S - 1)
        assert not line.delivery.is_stalled
        await trio.sleep(2)
        assert line.delivery.is_stalled


async def test_a_resync_empties_the_window(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery, window_bytes=1_000)
        await line.delivery.start(None)
        line.delivery.ack(0)
        book.begin()
        book.note(20, size=100)
        await book.commit()
        held = line.sink.covered[-1]
        assert held < 23
        await line.delivery.start(0)
        assert line.sink.covered[held:] == list(range(1, 24))
        # What was replayed is unacked.
        book.note()
        await book.commit()
        assert line.sink.covered[-1] == 23
        line.delivery.ack(23)
        assert line.sink.covered[-1] == 24


async def test_a_client_without_acks_has_no_window(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async with open_book() as book:
        line = make_line(book, nursery, window_bytes=1_000)
        await line.delivery.start(None)
        book.begin()
        book.note(100, size=100)
        await book.commit()
        assert line.sink.covered[-1] == 103


async def test_stopped_is_stopped(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    async with open_book() as book:
        line = make_line(book, nursery)
        await line.delivery.start(None)
        line.delivery.stop()
        line.delivery.stop()
        book.begin()
        await book.commit()
        assert line.sink.covered == []
        assert book.log.cursors == {}
