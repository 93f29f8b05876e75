import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from netra_actors.service.housekeeping import TURN_S, Job, beats_of, chores_of, keep_house
from tests.service.worlds import chat, open_world, until


class Times:
    """A job that notes when it was done."""

    def __init__(self, *, takes_s: float = 0.0, fails: bool = False) -> None:
        self.at: list[float] = []
        self._takes_s = takes_s
        self._fails = fails

    async def __call__(self) -> None:
        self.at.append(trio.current_time())
        if self._fails:
            raise OSError("the disk is full")
        await trio.sleep(self._takes_s)


async def test_a_job_that_fails_is_logged_and_comes_again(autojump_clock: MockClock) -> None:
    failing, healthy = Times(fails=True), Times()
    with capture_logs() as logs:
        async with open_world() as worker, trio.open_nursery() as nursery:
            nursery.start_soon(
                keep_house, worker, [Job("failing", 1.0, failing), Job("healthy", 1.0, healthy)]
            )
            await trio.sleep(2.5)
            nursery.cancel_scope.cancel()
    assert len(failing.at) == len(healthy.at) == 3
    failures = [line for line in logs if line["event"] == "job_failed"]
    assert [line["job"] for line in failures] == ["failing"] * 3
    assert failures[0]["log_level"] == "error"
    assert failures[0]["exc_info"]


async def test_each_job_has_its_own_period(autojump_clock: MockClock) -> None:
    often, seldom = Times(), Times()
    async with open_world() as worker, trio.open_nursery() as nursery:
        nursery.start_soon(
            keep_house, worker, [Job("often", 1.0, often), Job("seldom", 5.0, seldom)]
        )
        await trio.sleep(10.5)
        nursery.cancel_scope.cancel()
    assert often.at == pytest.approx([TURN_S * turn for turn in range(11)])
    assert seldom.at == pytest.approx([0.0, 5.0, 10.0])


async def test_heartbeats_do_not_wait_behind_a_slow_record(autojump_clock: MockClock) -> None:
    slow, beat = Times(takes_s=600.0), Times()
    async with open_world() as worker, trio.open_nursery() as nursery:
        nursery.start_soon(keep_house, worker, [*beats_of(worker), Job("beat", 1.0, beat)])
        nursery.start_soon(keep_house, worker, [*chores_of(worker), Job("slow", 1.0, slow)])
        await trio.sleep(30.5)
        nursery.cancel_scope.cancel()
    assert len(slow.at) == 1
    assert beat.at == pytest.approx([TURN_S * turn for turn in range(31)])


async def test_no_beat_ever_waits(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker)
        for job in beats_of(worker):
            with pytest.raises(StopIteration):
                next(job.do().__await__())


async def test_what_others_count_is_copied_into_the_metrics(autojump_clock: MockClock) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        nursery.start_soon(keep_house, worker, beats_of(worker))
        await trio.sleep(0.5)
        await chat(worker)
        await until(lambda: worker.metrics.runs["completed"])
        await worker.committer.wait_idle()
        worker.pool.note_close(4001)
        worker.pool.note_close(4001)
        worker.delivered.events, worker.delivered.frames, worker.delivered.bytes = 30, 3, 999
        worker.committer.statistics.retries = 2
        await trio.sleep(1)
        metrics, stored = worker.metrics, worker.committer.statistics.events
        assert stored > 0
        assert metrics.events_appended == stored
        assert metrics.commit_retries == 2
        assert (metrics.frames_written, metrics.bytes_written) == (3, 999)
        assert metrics.closes == {"4001": 2}
        assert worker.committed_rate.per_s == pytest.approx(stored, rel=0.1)
        assert worker.delivered_rate.per_s == pytest.approx(30, rel=0.1)
        await trio.sleep(1)
        assert metrics.closes == {"4001": 2}  # Copied, not added.
        assert worker.committed_rate.per_s == worker.delivered_rate.per_s == 0
        nursery.cancel_scope.cancel()


async def test_events_that_wait_for_the_record_count_as_appended(
    autojump_clock: MockClock,
) -> None:
    async with open_world() as worker:
        await chat(worker)
        await until(lambda: worker.metrics.runs["completed"])
        [entry] = worker.sessions.live()
        await worker.committer.wait_idle()
        entry.log.committed -= 1
        [figures] = [job for job in beats_of(worker) if job.name == "figures"]
        await figures.do()
        assert worker.metrics.events_appended == worker.committer.statistics.events + 1
        entry.log.committed += 1


async def test_sessions_that_nobody_uses_leave_memory(autojump_clock: MockClock) -> None:
    async with open_world(SESSION_IDLE_S="10") as worker, trio.open_nursery() as nursery:
        nursery.start_soon(keep_house, worker, chores_of(worker))
        await chat(worker)
        await chat(worker, "40", agent="waiter", user="bob")
        assert len(worker.sessions) == 2
        await trio.sleep(8)
        assert len(worker.sessions) == 2
        await trio.sleep(12)
        assert [entry.user_id for entry in worker.sessions.live()] == ["bob"]
        await trio.sleep(40)
        assert len(worker.sessions) == 0
        assert worker.metrics.runs == {"completed": 2}
        nursery.cancel_scope.cancel()


async def test_a_busy_loop_is_seen_as_lag(autojump_clock: MockClock) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        nursery.start_soon(keep_house, worker, ())
        await trio.sleep(0.5)
        autojump_clock.jump(3.0)  # As if somebody had held the loop for so long.
        await trio.sleep(0.1)
        assert worker.metrics.loop_lag_s.total == pytest.approx(2.5, abs=0.1)
        nursery.cancel_scope.cancel()
