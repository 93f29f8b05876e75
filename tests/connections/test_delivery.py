"""From the log to one peer: everything once, in order, and never more than it can take."""

from typing import Any

import attrs
import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.connections import catchup
from netra_actors.connections.delivery import SLICE_BYTES, Delivery
from netra_actors.errors import RecordUnavailable
from netra_actors.log.cursor import Cursor
from netra_actors.protocol.close_codes import CloseCode
from tests.connections.peers import Client, FakeSink, Stage, open_stage
from tests.log.records import say


def seqs(sink: FakeSink) -> list[int]:
    client = Client()
    client.read(sink)
    return [event["seq"] for event in client.events]


async def saying(stage: Stage, count: int = 1, size: int = 0) -> None:
    for _ in range(count):
        say(stage.log, size)
    await stage.commit()


def the_fold(stage: Stage) -> dict[str, Any]:
    return stage.log.fold()[1].snapshot()


async def test_a_replay_ends_before_anything_live(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        await saying(stage, 3)
        sink, client = FakeSink(room=50), Client()
        delivery = stage.delivery(sink)
        stage.nursery.start_soon(delivery.start, 1)
        await wait_all_tasks_blocked()
        assert not delivery.live
        await saying(stage, 2)
        sink.take()
        await wait_all_tasks_blocked()
        client.read(sink)
        order = [item.get("seq") for item in _items(sink)]
        assert order == [2, 3, 3, 4, 5]
        assert client.controls == [{"type": "replay_end", "seq": 3}]
        assert delivery.live


def _items(sink: FakeSink) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for payload in sink.arrived:
        decoded = msgspec.json.decode(payload)
        items += decoded if isinstance(decoded, list) else [decoded]
    return items


@pytest.mark.parametrize(
    ("events", "after", "mode"),
    [
        (0, None, "fresh"),
        (0, 0, "fresh"),
        (3, 0, "resumed"),
        (3, 3, "resumed"),
        (3, None, "snapshot"),
    ],
)
async def test_the_welcome_says_how_it_begins(
    events: int, after: int | None, mode: str, autojump_clock: MockClock
) -> None:
    async with open_stage() as stage:
        await saying(stage, events)
        sink = FakeSink()
        told: list[tuple[str, int]] = []

        def welcome(mode: str, head: int) -> bytes:
            told.append((mode, head))
            return b'{"type":"welcome"}'

        await stage.delivery(sink).start(after, welcome)
        assert told == [(mode, events)]
        types = [item["type"] for item in _items(sink)]
        assert types[0] == "welcome"
        assert types[-1] == "replay_end"
        assert ("snapshot" in types) is (mode == "snapshot")


async def test_events_are_written_in_the_step_that_commits_them(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        await stage.follow(sink)
        seen: list[list[int]] = []
        # The committer wakes one cursor after the other, without an await between them.
        Cursor(stage.log, 0, lambda: seen.append(seqs(sink))).attach()
        say(stage.log)
        say(stage.log)
        assert seqs(sink) == []
        await stage.commit()
        assert seen == [[1, 2]]
        assert stage.spawned == 0


@pytest.mark.parametrize("batched", [True, False])
async def test_frames_are_arrays_only_for_who_takes_them(
    batched: bool, autojump_clock: MockClock
) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink, batched=batched)
        await saying(stage, 3)
        frames = sink.arrived[1:]
        assert [frame[:1] for frame in frames] == ([b"["] if batched else [b"{"] * 3)
        assert seqs(sink) == [1, 2, 3]
        assert (delivery.counts.events, delivery.counts.frames) == (3, len(sink.arrived))
        assert delivery.counts.bytes == sum(map(len, sink.arrived))


async def test_a_stalled_peer_gets_merged_partials(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink, client = FakeSink(), Client()
        await stage.follow(sink)
        stage.begin_run()
        await stage.commit()
        sink.stall()
        for word in "abcdef":
            stage.partial(word)
            await stage.commit()
        # The first went into the tail; what follows waits in the log, not in memory of its own.
        waiting = len(sink.written)
        sink.take()
        await wait_all_tasks_blocked()
        client.read(sink)
        assert len(sink.written) == waiting + 1
        assert client.events[-1]["payload"]["content"] == "bcdef"
        assert (client.events[-1]["seq_from"], client.applied, client.holes) == (5, 9, 0)
        assert client.state.snapshot() == the_fold(stage)


async def test_who_missed_too_much_gets_a_snapshot_in_place_of_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "MAX_EVENTS", 10)
    async with open_stage() as stage:
        stage.begin_run()
        sink, client = FakeSink(), Client()
        delivery = await stage.follow(sink)
        await stage.commit()
        sink.stall()
        for _ in range(12):
            await saying(stage)
        sink.take()
        await wait_all_tasks_blocked()
        client.read(sink)
        assert client.types() == ["replay_end", "snapshot"]
        assert len(client.events) == 4
        assert client.state.snapshot() == the_fold(stage)
        assert delivery.counts.snapshots == 1
        # And it goes on from there on the fast path.
        spawned = stage.spawned
        await saying(stage)
        client.read(sink)
        assert (client.applied, client.holes, stage.spawned) == (stage.log.head, 0, spawned)


async def test_a_stalled_peer_costs_no_more_than_what_is_in_its_tail(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        sink = FakeSink(room=100)
        await stage.follow(sink)
        for _ in range(30):
            await saying(stage, size=50_000)
        assert sink.tail_bytes < 2 * SLICE_BYTES
        assert stage.spawned == 1


async def test_a_replay_lets_the_kernel_take_each_slice(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        for _ in range(10):
            await saying(stage, size=50_000)
        sink = FakeSink(room=0)
        delivery = stage.delivery(sink)
        stage.nursery.start_soon(delivery.start, 0)
        most = 0
        for _ in range(60):
            await wait_all_tasks_blocked()
            most = max(most, sink.tail_bytes)
            sink.take(10_000)
        await wait_all_tasks_blocked()
        assert SLICE_BYTES <= most < SLICE_BYTES + 64 * 1024
        assert seqs(sink) == list(range(1, 11))
        assert delivery.live


async def test_a_peer_that_takes_nothing_is_closed_4008(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink)
        sink.stall()
        await saying(stage)
        await trio.sleep(9)
        assert stage.ended == []
        await trio.sleep(2)
        assert stage.ended == [CloseCode.TOO_SLOW]
        assert not stage.log.cursors
        assert not delivery.live


@pytest.mark.parametrize("during", ["write", "drain"])
async def test_a_broken_sink_detaches_and_ends(during: str, autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink, other = FakeSink(), FakeSink()
        await stage.follow(sink)
        await stage.follow(other)
        if during == "drain":
            sink.stall()
            await saying(stage)
            sink.room = None
            sink._flush()
        sink.break_()
        await saying(stage, 2)
        assert stage.ended == [CloseCode.INTERNAL]
        assert len(stage.log.cursors) == 1
        assert seqs(other)[-2:] == [stage.log.head - 1, stage.log.head]


async def test_a_peer_that_is_full_and_reads_nothing_was_too_slow(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink)
        sink.stall()
        sink.write([b"x" * 2_000_000])  # what controls may have left
        await saying(stage)
        assert stage.ended == [CloseCode.TOO_SLOW]
        assert not delivery.live


async def test_a_defect_in_one_delivery_ends_that_one_alone(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        sink, other = FakeSink(), FakeSink()
        delivery = await stage.follow(sink)
        await stage.follow(other)
        delivery.sink = None  # type: ignore[assignment]
        await saying(stage)
        assert stage.ended == [CloseCode.INTERNAL]
        assert seqs(other) == [1]


async def test_a_stopped_delivery_writes_nothing(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink)
        delivery.stop()
        delivery.stop()
        await saying(stage)
        assert seqs(sink) == []
        assert not stage.log.cursors


async def test_a_stop_ends_the_pump_too(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink)
        sink.stall()
        await saying(stage)
        await saying(stage)
        delivery.stop()
        sink.take()
        await wait_all_tasks_blocked()
        assert seqs(sink) == [1]


async def test_catching_up_waits_for_a_record_that_is_down(autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=300) as stage:
        sink, client = FakeSink(), Client()
        await stage.follow(sink)
        sink.stall()
        for _ in range(10):
            await saying(stage)
        stage.record.down = True
        sink.take()
        await trio.sleep(3)
        client.read(sink)
        assert client.applied == 1
        assert 3 < stage.record.reads < 9
        stage.record.down = False
        await trio.sleep(1)
        client.read(sink)
        assert (client.applied, client.holes, stage.ended) == (10, 0, [])


async def test_a_resync_that_cannot_be_read_leaves_it_live(autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=600) as stage:
        sink, client = FakeSink(), Client()
        delivery = await stage.follow(sink)
        for _ in range(10):
            await saying(stage)
        stage.record.down = True
        with pytest.raises(RecordUnavailable):
            await delivery.start(0)
        await saying(stage)
        client.read(sink)
        assert (client.applied, client.holes) == (11, 0)


async def test_a_start_that_cannot_be_read_is_not_live(autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=300) as stage:
        for _ in range(10):
            await saying(stage)
        stage.record.down = True
        sink = FakeSink()
        delivery = stage.delivery(sink)
        with pytest.raises(RecordUnavailable):
            await delivery.start(0)
        await saying(stage)
        assert (sink.written, delivery.live) == ([], False)


async def test_a_resync_replays_from_where_it_says(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink, client = FakeSink(), Client()
        delivery = await stage.follow(sink)
        await saying(stage, 4)
        await delivery.start(2)
        await saying(stage)
        client.read(sink)
        assert [event["seq"] for event in client.events] == [1, 2, 3, 4, 3, 4, 5]
        assert client.types() == ["replay_end", "replay_end"]


async def test_a_resync_while_the_pump_works_ends_the_pump_first(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        sink, client = FakeSink(), Client()
        delivery = await stage.follow(sink)
        sink.stall()
        for _ in range(5):
            await saying(stage)
        stage.nursery.start_soon(delivery.start, 0)
        await wait_all_tasks_blocked()
        await saying(stage)
        sink.take()
        await wait_all_tasks_blocked()
        client.read(sink)
        assert [event["seq"] for event in client.events] == [1, 1, 2, 3, 4, 5, 6]
        assert client.holes == 0
        assert delivery.live


async def test_a_resync_while_the_pump_reads_is_not_doubled(autojump_clock: MockClock) -> None:
    async with open_stage(tail_bytes=300) as stage:
        sink, client = FakeSink(), Client()
        delivery = await stage.follow(sink)
        sink.stall()
        for _ in range(10):
            await saying(stage)
        stage.record.gate = trio.Event()
        sink.take()
        await wait_all_tasks_blocked()
        stage.nursery.start_soon(delivery.start, 1)
        await wait_all_tasks_blocked()
        stage.record.gate.set()
        await wait_all_tasks_blocked()
        client.read(sink)
        assert [event["seq"] for event in client.events] == list(range(1, 11))


async def test_a_window_is_never_exceeded(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink, client = FakeSink(), Client()
        delivery = await stage.follow(sink, window_bytes=1000)
        delivery.ack(0)
        for _ in range(40):
            await saying(stage, 3)
        while client.applied < stage.log.head:
            before = len(client.events)
            client.read(sink)
            fresh = client.events[before:]
            assert fresh
            assert sum(len(msgspec.json.encode(event)) for event in fresh) <= 1000
            delivery.ack(client.applied)
            await wait_all_tasks_blocked()
        assert client.holes == 0


async def test_who_never_acks_has_no_window(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink, window_bytes=1000)
        await saying(stage, 100)
        assert len(seqs(sink)) == 100
        assert not delivery.is_stalled


async def test_an_event_larger_than_the_window_goes_alone(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink, window_bytes=1000)
        delivery.ack(0)
        await saying(stage, size=5000)
        await saying(stage)
        assert seqs(sink) == [1]
        delivery.ack(1)
        assert seqs(sink) == [1, 2]


async def test_a_full_window_is_stalled_after_thirty_seconds(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink = FakeSink()
        delivery = await stage.follow(sink, window_bytes=1000)
        delivery.ack(0)
        await saying(stage, 30)
        await trio.sleep(29)
        assert not delivery.is_stalled
        delivery.ack(0)  # says nothing new
        await trio.sleep(2)
        assert delivery.is_stalled
        delivery.ack(delivery.cursor.sent)
        assert not delivery.is_stalled


async def test_a_resync_empties_the_window(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        sink, client = FakeSink(), Client()
        delivery = await stage.follow(sink, window_bytes=1000)
        delivery.ack(0)
        await saying(stage, 30)
        await trio.sleep(31)
        await delivery.start(0)
        client.read(sink)
        assert client.applied == 30
        assert not delivery.is_stalled


@attrs.define(eq=False)
class Follower:
    """One peer in the property below, and what it does."""

    delivery: Delivery
    sink: FakeSink
    acks: bool
    client: Client = attrs.field(factory=Client)

    def read(self) -> None:
        self.client.read(self.sink)
        if self.acks:
            self.delivery.ack(min(self.client.applied, self.delivery.cursor.sent))


DEED = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 12)),
    st.tuples(st.just("partial"), st.integers(1, 12)),
    st.tuples(st.just("commit"), st.just(0)),
    st.tuples(st.just("stall"), st.integers(0, 2)),
    st.tuples(st.just("take"), st.integers(0, 2)),
    st.tuples(st.just("trickle"), st.integers(0, 2)),
    st.tuples(st.just("read"), st.integers(0, 2)),
    st.tuples(st.just("resync"), st.integers(0, 2)),
    st.tuples(st.just("forget"), st.integers(0, 2)),
    st.tuples(st.just("down"), st.just(0)),
    st.tuples(st.just("up"), st.just(0)),
)


async def _resync(follower: Follower, after: int | None) -> None:
    """Replay for a client that found a hole: it drops what was under way before the replay."""
    lost_before = follower.client.lost_before
    follower.client.lost_before = len(follower.sink.written)
    try:
        await follower.delivery.start(after)
    except RecordUnavailable:
        follower.client.lost_before = lost_before


async def _do(stage: Stage, followers: list[Follower], deed: str, number: int) -> None:
    one = followers[number % len(followers)]
    match deed:
        case "say":
            for _ in range(number):
                say(stage.log, 20)
        case "partial":
            for index in range(number):
                stage.partial(str(index))
        case "commit":
            await stage.commit()
        case "stall":
            one.sink.stall()
        case "take":
            one.sink.take()
        case "trickle":
            one.sink.take(300)
        case "read":
            one.read()
        case "resync" | "forget":
            # A reader does one thing after the other; it may have to take something for that.
            one.read()
            after = one.client.applied if deed == "resync" else None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_resync, one, after)
                await wait_all_tasks_blocked()
                one.sink.take()
        case "down" | "up":
            stage.record.down = deed == "down"
    await wait_all_tasks_blocked()


def _check(stage: Stage, follower: Follower) -> None:
    follower.client.read(follower.sink)
    client = follower.client
    assert client.holes == 0
    assert client.applied <= stage.log.committed
    starts = [event.get("seq_from", event["seq"]) for event in client.events]
    assert all(starts[i] > client.events[i - 1]["seq"] for i in range(1, len(starts)))
    if follower.acks and not follower.sink.tail_bytes:
        assert follower.delivery._unacked_bytes <= 2000 or len(follower.delivery._unacked) <= 1


@settings(max_examples=60, deadline=None)
@given(deeds=st.lists(DEED, max_size=30))
def test_every_client_ends_with_the_fold_of_the_log(deeds: list[tuple[str, int]]) -> None:
    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catchup, "MAX_EVENTS", 15)
            async with open_stage(tail_bytes=1500) as stage:
                await _play(stage, deeds)

    trio.run(main, clock=MockClock(autojump_threshold=0.0))


async def _play(stage: Stage, deeds: list[tuple[str, int]]) -> None:
    stage.begin_run()
    await stage.commit()
    followers = []
    for acks in (False, True, False):
        sink = FakeSink()
        delivery = await stage.follow(sink, window_bytes=2000, batched=not acks)
        followers.append(Follower(delivery, sink, acks))
    for deed, number in deeds:
        await _do(stage, followers, deed, number)
        for follower in followers:
            _check(stage, follower)
    await _end(stage, followers)
    folded = stage.log.fold()[1]
    for follower in followers:
        assert follower.client.applied == stage.log.head
        assert follower.client.state.snapshot() == folded.snapshot()
    assert stage.ended == []


async def _end(stage: Stage, followers: list[Follower]) -> None:
    """Have everybody take and ack everything."""
    stage.record.down = False
    await stage.commit()
    for follower in followers:
        follower.sink.take()
    for _ in range(200):
        await trio.sleep(0.1)
        for follower in followers:
            follower.read()
            _check(stage, follower)
        if all(follower.client.applied == stage.log.head for follower in followers):
            return
