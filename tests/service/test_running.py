"""A worker's life from start to drain, on virtual time; connected clients are met in e2e."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from netra_actors.errors import (
    ConfigurationError,
    RecordUnavailable,
    RestartIntensityExceeded,
    Unavailable,
)
from netra_actors.identity import UserID
from netra_actors.log.port import Append, Outcome
from netra_actors.protocol.events import AgentCompleted
from netra_actors.record import MemoryRecord
from netra_actors.server.listener import open_listeners
from netra_actors.service import running
from netra_actors.service.running import COMMITTER_BUDGET, open_worker, serve_worker
from netra_actors.service.worker import Worker
from tests.service.worlds import (
    REGISTRY,
    authenticator_of,
    chat,
    context_of,
    events_of,
    open_world,
    settings_of,
    until,
)

Act = Callable[[Worker], Awaitable[object]]


class Shelves(MemoryRecord):  # type: ignore[misc]  # final for everybody but this test
    """A record whose commits can fail or wait, and that notes when it was closed."""

    fault: Exception | None = None
    takes_s: float = 0.0
    users_fault: Exception | None = None

    async def commit(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        await trio.sleep(self.takes_s)
        if self.fault is not None:
            raise self.fault
        return await super().commit(batch)

    async def users_with_open_runs(self) -> Sequence[UserID]:
        if self.users_fault is not None:
            raise self.users_fault
        return await super().users_with_open_runs()


@pytest.fixture
def steps() -> list[str]:
    return []


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, steps: list[str]) -> Shelves:
    """The record of every worker in this test; it outlives them."""
    shelves = Shelves()

    @asynccontextmanager
    async def open_record(url: str, *, durability: str) -> AsyncIterator[MemoryRecord]:
        steps.append("record opened")
        yield shelves
        steps.append("record closed")

    monkeypatch.setattr(running, "open_record", open_record)
    return shelves


async def serve(act: Act, **environ: str) -> Worker:
    """Serve until *act*, which is given the worker, has returned; then drain."""
    workers: list[Worker] = []

    async def stop() -> None:
        await until(lambda: workers)
        await act(workers[0])

    listeners = open_listeners("127.0.0.1", 0)
    await serve_worker(
        settings_of(**environ), listeners, stop, on_ready=workers.append, agents=REGISTRY
    )
    assert all(listener.fileno() == -1 for listener in listeners)
    return workers[0]


async def a_second(_: Worker) -> None:
    await trio.sleep(1)


async def ends(record: Any, user: str = "alice") -> dict[str | None, AgentCompleted]:
    """Return the terminals that are durable, by run."""
    events = await events_of(record, user)
    return {e.run_id: e.payload for e in events if isinstance(e.payload, AgentCompleted)}


async def test_what_was_opened_first_is_closed_last(
    record: Shelves, steps: list[str], autojump_clock: MockClock
) -> None:
    async with open_world() as worker:
        assert steps == ["record opened"]
        assert worker.record is record
        ok = await chat(worker, agent="waiter")
        await until(worker.sessions.open_runs)
    assert steps == ["record opened", "record closed"]
    # The run was interrupted, and that was flushed before the record was closed.
    assert (await ends(record))[ok["run_id"]].status == "interrupted"
    with pytest.raises(Unavailable):
        await worker.sessions.entry(context_of())


async def test_what_cannot_be_flushed_in_time_is_said_and_left(
    record: Shelves, steps: list[str], autojump_clock: MockClock
) -> None:
    with capture_logs() as logs:
        async with open_world(FLUSH_GRACE_S="2") as worker:
            await chat(worker, agent="waiter")
            await until(worker.sessions.open_runs)
            record.fault = RecordUnavailable("the disk is away")
            began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(2, abs=6)
    assert [line for line in logs if line["event"] == "not_flushed"]
    assert steps[-1] == "record closed"
    assert await ends(record) == {}


async def test_a_committer_that_fails_now_and_then_is_started_again(
    record: Shelves, autojump_clock: MockClock
) -> None:
    async with open_world() as worker, trio.open_nursery() as nursery:
        record.fault = RuntimeError("a bug")
        nursery.start_soon(chat, worker)
        await trio.sleep(0.15)
        record.fault = None
    assert len(await ends(record)) == 1


async def test_a_committer_that_cannot_be_helped_ends_the_worker(
    record: Shelves, steps: list[str], autojump_clock: MockClock
) -> None:
    record.fault = RuntimeError("a bug")
    with pytest.raises(ExceptionGroup) as caught:
        async with open_world() as worker:
            await chat(worker)
    assert caught.group_contains(RestartIntensityExceeded)
    assert trio.current_time() < COMMITTER_BUDGET.period_s
    assert await events_of(record) == []


async def test_a_worker_is_ready_only_while_it_serves(
    record: Shelves, autojump_clock: MockClock
) -> None:
    seen: list[tuple[bool, bool]] = []

    async def look(worker: Worker) -> None:
        await trio.sleep(1)
        seen.append((worker.ready(), worker.draining()))

    worker = await serve(look)
    assert seen == [(True, False)]
    assert (worker.ready(), worker.draining()) == (False, True)
    assert worker.pool.draining


async def test_a_run_may_end_by_itself_within_its_grace(
    record: Shelves, autojump_clock: MockClock
) -> None:
    async def work(worker: Worker) -> None:
        await chat(worker, "10", agent="waiter")

    await serve(work, RUN_GRACE_S="15")
    [end] = (await ends(record)).values()
    assert end.status == "completed"
    assert 10 <= trio.current_time() < 12  # And nobody waits for the rest of it.


async def test_a_run_beyond_its_grace_is_stopped_by_the_drain(
    record: Shelves, autojump_clock: MockClock
) -> None:
    async def work(worker: Worker) -> None:
        for user in ("alice", "bob"):
            await chat(worker, agent="waiter", user=user)

    worker = await serve(work, RUN_GRACE_S="3")
    for user in ("alice", "bob"):
        [end] = (await ends(record, user)).values()
        assert (end.status, end.cancelled_by) == ("cancelled", "drain")
    assert 3 <= trio.current_time() < 5
    assert worker.committer.uncommitted_bytes == 0


async def test_what_waits_is_not_started_by_a_drain_and_runs_after_the_next_start(
    record: Shelves, autojump_clock: MockClock
) -> None:
    waiting: list[str] = []

    async def work(worker: Worker) -> None:
        first = await chat(worker, "2", agent="waiter")
        second = await chat(worker, thread_id=first["thread_id"])
        waiting.append(second["run_id"])

    await serve(work)
    closed = await ends(record)
    assert len(closed) == 1
    assert waiting[0] not in closed
    events = await events_of(record)
    assert [e.type for e in events if e.run_id == waiting[0]] == ["user_message", "run_queued"]

    async def wait(worker: Worker) -> None:
        await until(lambda: worker.metrics.runs["completed"])

    await serve(wait)
    assert (await ends(record))[waiting[0]].status == "completed"


async def test_the_last_deadline_ends_a_drain_that_takes_too_long(
    record: Shelves, steps: list[str], autojump_clock: MockClock
) -> None:
    async def work(worker: Worker) -> None:
        await chat(worker, agent="waiter")

    with capture_logs() as logs:
        await serve(work, RUN_GRACE_S="600", DRAIN_TOTAL_S="4")
    assert [line["after_s"] for line in logs if line["event"] == "drain_cut"] == [4.0]
    assert trio.current_time() == pytest.approx(4, abs=1)
    assert steps[0] == "record opened"
    # Whatever was not stored, nobody has seen; the next start closes the run.
    await serve(lambda worker: until(lambda: len(worker.sessions)))
    [end] = (await ends(record)).values()
    assert end.status in {"interrupted", "cancelled"}


async def test_runs_that_a_crash_left_open_are_closed_before_anybody_asks(
    record: Shelves, autojump_clock: MockClock
) -> None:
    with trio.CancelScope() as crash:
        async with open_world(FLUSH_GRACE_S="0") as worker:
            for user in ("alice", "bob"):
                await chat(worker, agent="waiter", user=user)
            await until(lambda: len(worker.sessions.open_runs()) == 2)
            await worker.committer.wait_idle()
            crash.cancel()
            await trio.sleep_forever()
    assert await record.users_with_open_runs() == ["alice", "bob"]
    with capture_logs() as logs:
        await serve(a_second)
    assert [line["count"] for line in logs if line["event"] == "sessions_swept"] == [2]
    for user in ("alice", "bob"):
        [end] = (await ends(record, user)).values()
        assert end.status == "interrupted"


async def test_a_sweep_that_fails_does_not_keep_the_worker_from_serving(
    record: Shelves, autojump_clock: MockClock
) -> None:
    record.users_fault = RecordUnavailable("away")
    with capture_logs() as logs:
        await serve(chat)
    assert [line["error"] for line in logs if line["event"] == "sweep_failed"] == ["away"]
    assert len(await ends(record)) == 1


async def test_agents_that_cannot_be_loaded_stop_the_start(
    record: Shelves, steps: list[str], autojump_clock: MockClock
) -> None:
    with pytest.raises(ConfigurationError):
        await serve_worker(settings_of(AGENTS="no.such.module"), [], trio.sleep_forever)
    assert steps == []


async def test_two_workers_share_nothing_but_their_record(
    record: Shelves, autojump_clock: MockClock
) -> None:
    settings = settings_of()
    async with (
        open_worker(settings, REGISTRY, authenticator_of(settings)) as one,
        open_worker(settings, REGISTRY, authenticator_of(settings)) as other,
    ):
        await chat(one)
        assert len(one.sessions) == 1
        assert len(other.sessions) == 0
        assert one.metrics is not other.metrics
        assert one.tickets is not other.tickets
