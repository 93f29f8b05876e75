from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from netra_actors.errors import Conflict, QuotaExceeded, RecordUnavailable, Unavailable
from netra_actors.protocol.commands import Cursor
from netra_actors.service.streaming import MAX_WAITING_BYTES, NO_PROGRESS_S, StreamSink
from netra_actors.service.worker import Worker
from netra_actors.web.ports import StreamItem
from tests.service.worlds import chat, context_of, open_world, until


class Listener:
    """One listener and what it has heard; it reads while `reading`."""

    def __init__(self, worker: Worker, cursor: Cursor | None = None, user: str = "alice") -> None:
        self.items: list[StreamItem] = []
        self.is_over = False
        self._worker = worker
        self._cursor = cursor
        self._user = user

    async def listen(self, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        stream = self._worker.stream(context_of(self._user), self._cursor)
        async with stream as batches:
            task_status.started()
            async for batch in batches:
                assert batch
                self.items.extend(batch)
        self.is_over = True

    @property
    def types(self) -> list[str]:
        return [msgspec.json.decode(item.data)["type"] for item in self.items]

    def named(self, name: str) -> list[Any]:
        return [msgspec.json.decode(item.data) for item in self.items if item.name == name]


async def heard(worker: Worker, nursery: trio.Nursery, **kwargs: Any) -> Listener:
    """Return a listener that has heard the replay."""
    listener = Listener(worker, **kwargs)
    await nursery.start(listener.listen)
    await until(lambda: listener.named("replay_end"))
    return listener


async def settled(worker: Worker) -> None:
    await until(lambda: not worker.sessions.open_runs())
    await worker.committer.wait_idle()


async def test_events_have_ids_and_controls_have_names(autojump_clock: MockClock) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        listener = await heard(worker, nursery)
        await chat(worker)
        await until(lambda: "agent_completed" in listener.types)
        [entry] = worker.sessions.live()
        controls = [item for item in listener.items if item.name]
        events = [item for item in listener.items if not item.name]
        assert [item.name for item in controls] == ["welcome", "replay_end"]
        assert [item.cursor for item in controls] == [None, None]
        seqs = [msgspec.json.decode(item.data)["seq"] for item in events]
        assert seqs == list(range(1, entry.log.committed + 1))
        assert [item.cursor for item in events] == [Cursor(entry.log.epoch, n) for n in seqs]
        nursery.cancel_scope.cancel()


async def test_who_comes_without_a_cursor_begins_with_a_snapshot(
    autojump_clock: MockClock,
) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        await chat(worker)
        await settled(worker)
        listener = await heard(worker, nursery)
        assert listener.types[:3] == ["welcome", "snapshot", "replay_end"]
        assert listener.named("welcome")[0]["mode"] == "snapshot"
        [entry] = worker.sessions.live()
        assert listener.named("snapshot")[0]["at"] == entry.log.committed
        nursery.cancel_scope.cancel()


async def test_who_comes_with_a_cursor_hears_what_was_missed(autojump_clock: MockClock) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        await chat(worker)
        await settled(worker)
        [entry] = worker.sessions.live()
        listener = await heard(worker, nursery, cursor=Cursor(entry.log.epoch, 2))
        assert listener.named("welcome")[0]["mode"] == "resumed"
        assert not listener.named("snapshot")
        missed = [item.cursor.seq for item in listener.items if item.cursor]
        assert missed == list(range(3, entry.log.committed + 1))
        nursery.cancel_scope.cancel()


async def test_a_cursor_of_another_epoch_begins_anew(autojump_clock: MockClock) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        await chat(worker)
        await settled(worker)
        listener = await heard(worker, nursery, cursor=Cursor("e_other", 999))
        assert listener.named("snapshot")
        nursery.cancel_scope.cancel()


async def test_a_cursor_beyond_the_head_is_a_conflict(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker)
        await settled(worker)
        [entry] = worker.sessions.live()
        beyond = Cursor(entry.log.epoch, entry.log.committed + 1)
        with pytest.raises(Conflict) as refused:
            async with worker.stream(context_of(), beyond):
                pass
        assert refused.value.advice == "Begin without one."
        assert len(worker.pool) == 0
        assert not entry.subscribers


async def test_a_session_that_was_put_aside_takes_no_listeners(
    autojump_clock: MockClock,
) -> None:
    async with open_world() as worker:
        entry = await worker.sessions.entry(context_of())
        entry.quarantine()
        with pytest.raises(Unavailable, match="quarantined") as refused:
            async with worker.stream(context_of(), None):
                pass
        assert refused.value.retry_after_s
        assert len(worker.pool) == 0


async def test_a_leaving_worker_takes_no_listeners(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        worker.edge.drain()
        with pytest.raises(Unavailable, match="leaving"):
            async with worker.stream(context_of(), None):
                pass


async def test_listeners_count_as_connections_of_their_user(autojump_clock: MockClock) -> None:
    async with open_world(PLAN_MID_CONNECTIONS="2") as worker, trio.open_nursery() as nursery:
        for _ in range(2):
            await heard(worker, nursery)
        with pytest.raises(QuotaExceeded):
            async with worker.stream(context_of(), None):
                pass
        await heard(worker, nursery, user="bob")
        assert len(worker.pool) == 3
        nursery.cancel_scope.cancel()


async def test_a_quiet_stream_beats(autojump_clock: MockClock) -> None:
    async with open_world(HEARTBEAT_S="10") as worker, trio.open_nursery() as nursery:
        listener = await heard(worker, nursery)
        for _ in range(35):
            await trio.sleep(1)
            worker.pool.tick()
        assert len(listener.named("heartbeat")) == 3
        assert not listener.is_over  # It never answers a ping, and nobody expects that.
        nursery.cancel_scope.cancel()


async def test_draining_is_told_and_ends_the_stream(autojump_clock: MockClock) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        listener = await heard(worker, nursery)
        worker.edge.drain()
        await until(lambda: listener.is_over, within_s=1)
        assert listener.types[-1] == "draining"
        assert worker.pool.closes == {4001: 1}


async def test_who_leaves_is_forgotten(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        async with trio.open_nursery() as nursery:
            await heard(worker, nursery)
            [entry] = worker.sessions.live()
            assert (len(worker.pool), len(entry.subscribers)) == (1, 1)
            assert len(entry.log.cursors) == 1
            nursery.cancel_scope.cancel()
        assert (len(worker.pool), len(entry.subscribers), len(entry.log.cursors)) == (0, 0, 0)
        assert worker.pool.closes == {1000: 1}
        await chat(worker)
        await settled(worker)


async def test_a_fault_of_the_response_frees_everything_too(autojump_clock: MockClock) -> None:
    async with open_world() as worker:

        async def respond() -> None:
            async with worker.stream(context_of(), None) as batches:
                async for _ in batches:
                    raise OSError("the socket broke")

        with pytest.raises(ExceptionGroup) as caught:
            await respond()
        assert caught.group_contains(OSError)
        assert len(worker.pool) == 0


async def test_who_takes_nothing_is_sent_away(autojump_clock: MockClock) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        await chat(worker)
        await settled(worker)
        async with worker.stream(context_of(), None) as batches:
            await trio.sleep(NO_PROGRESS_S + 1)
            # What was written before is still there to be taken; then it ends.
            with trio.fail_after(1):
                taken = [item async for batch in batches for item in batch]
            assert [item.name for item in taken][:1] == ["welcome"]
        assert worker.pool.closes == {4008: 1}
        nursery.cancel_scope.cancel()


async def test_a_record_that_is_away_ends_the_stream(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world() as worker:
        entry = await worker.sessions.entry(context_of())

        async def chunks(*_: Any, **__: Any) -> Sequence[Any]:
            await trio.lowlevel.checkpoint()
            raise RecordUnavailable("away")

        await chat(worker)
        await settled(worker)
        entry.log._tail.trim(entry.log.committed, 0, 0)
        monkeypatch.setattr(type(worker.record), "chunks", chunks)
        async with worker.stream(context_of(), Cursor(entry.log.epoch, 0)) as batches:
            with trio.fail_after(1):
                assert not [item async for batch in batches for item in batch if item.cursor]
        assert worker.pool.closes == {4050: 1}


async def test_one_mebibyte_waits_and_no_more(autojump_clock: MockClock) -> None:
    sink = StreamSink("e_1")
    frame = b'{"type":"heartbeat","head":0}'.ljust(MAX_WAITING_BYTES // 4)
    for _ in range(4):
        assert sink.write([frame]) is False
    with pytest.raises(trio.BrokenResourceError):
        sink.write([b'{"type":"x"}'])
    assert sink.tail_bytes == MAX_WAITING_BYTES
    assert len(await anext(sink)) == 4
    assert sink.tail_bytes == 0
    sink.write([frame])


async def test_an_empty_buffer_takes_a_call_of_any_size(autojump_clock: MockClock) -> None:
    sink = StreamSink("e_1")
    sink.write([b'{"type":"snapshot"}'.ljust(2 * MAX_WAITING_BYTES)])
    with pytest.raises(trio.BrokenResourceError):
        sink.write([b'{"type":"x"}'])


async def test_a_writer_waits_until_the_response_has_taken_all(
    autojump_clock: MockClock,
) -> None:
    sink = StreamSink("e_1")
    sink.write([b'{"type":"x"}'])

    async def take() -> None:
        await trio.sleep(3)
        await anext(sink)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await sink.drain()
        assert trio.current_time() == pytest.approx(3)
    sink.write([b'{"type":"x"}'])
    with pytest.raises(trio.TooSlowError):
        await sink.drain()


async def test_a_closed_sink_takes_nothing_and_gives_what_it_has(
    autojump_clock: MockClock,
) -> None:
    sink = StreamSink("e_1")
    sink.write([b'{"type":"x"}'])
    sink.close()
    sink.close()
    with pytest.raises(trio.BrokenResourceError):
        sink.write([b'{"type":"y"}'])
    with pytest.raises(trio.BrokenResourceError):
        await sink.drain()
    assert [item.name for item in await anext(sink)] == ["x"]
    with pytest.raises(StopAsyncIteration):
        await anext(sink)
