import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from netra_actors.errors import RateLimited
from netra_actors.identity import ConnectionID, FileID, UserID
from netra_actors.protocol.events import FinalReport
from netra_actors.service.building import USER_SHARE, _command_rate, _message_rate
from netra_actors.web.metrics import Metrics, render
from tests.service.worlds import (
    chat,
    context_of,
    events_of,
    open_world,
    settings_of,
    until,
)

ONE, OTHER = ConnectionID("conn_1"), ConnectionID("conn_2")


async def test_each_plan_has_its_own_rate_of_messages(autojump_clock: MockClock) -> None:
    metrics = Metrics()
    settings = settings_of(PLAN_FREE_MESSAGES_BURST="2", PLAN_FREE_MESSAGES_PER_MIN="60")
    take = _message_rate(settings, metrics)
    free, mid = context_of("alice", "free"), context_of("bob", "mid")
    assert [take(free) for _ in range(3)] == [0.0, 0.0, pytest.approx(1.0)]
    assert [take(mid) for _ in range(30)] == [0.0] * 30
    assert take(mid) > 0
    assert metrics.rate_limited == {"messages": 2}
    await trio.sleep(1)
    assert take(free) == 0.0
    assert take(context_of("carol", "free")) == 0.0


async def test_a_message_over_the_rate_is_refused_and_counted(autojump_clock: MockClock) -> None:
    async with open_world(PLAN_MID_MESSAGES_BURST="1", PLAN_MID_MESSAGES_PER_MIN="1") as worker:
        await chat(worker)
        with pytest.raises(RateLimited) as refused:
            await chat(worker)
        assert refused.value.retry_after_s == pytest.approx(60, abs=1)
        await chat(worker, user="bob")
        assert worker.metrics.rate_limited == {"messages": 1}


async def test_commands_are_counted_by_connection_and_stops_apart(
    autojump_clock: MockClock,
) -> None:
    metrics = Metrics()
    take = _command_rate(settings_of(COMMANDS_BURST="2", COMMANDS_PER_S="1"), metrics)
    alice = context_of()
    assert [take(alice, ONE, False) for _ in range(3)] == [0.0, 0.0, pytest.approx(1.0)]
    assert take(alice, OTHER, False) == 0.0
    assert [take(alice, ONE, True) for _ in range(3)] == [0.0, 0.0, pytest.approx(1.0)]
    assert metrics.rate_limited == {"socket": 2}
    await trio.sleep(1)
    assert take(alice, ONE, False) == 0.0


async def test_all_connections_of_a_user_share_five_times_the_rate(
    autojump_clock: MockClock,
) -> None:
    metrics = Metrics()
    take = _command_rate(settings_of(COMMANDS_BURST="2", COMMANDS_PER_S="1"), metrics)
    alice = context_of()
    connections = [ConnectionID(f"conn_{number}") for number in range(USER_SHARE)]
    for connection in connections:
        assert [take(alice, connection, False) for _ in range(2)] == [0.0, 0.0]
    late = ConnectionID("conn_late")
    assert take(alice, late, False) == pytest.approx(1 / USER_SHARE)
    assert take(alice, late, True) == 0.0  # A stop never waits for the others.
    assert take(context_of("bob"), ConnectionID("conn_bob"), False) == 0.0
    assert metrics.rate_limited == {"socket": 1}


async def test_what_a_connection_may_not_send_takes_nothing_of_the_share(
    autojump_clock: MockClock,
) -> None:
    take = _command_rate(settings_of(COMMANDS_BURST="1", COMMANDS_PER_S="1"), Metrics())
    alice = context_of()
    assert take(alice, ONE, False) == 0.0
    assert all(take(alice, ONE, False) > 0 for _ in range(50))
    assert take(alice, OTHER, False) == 0.0


async def test_gauges_show_what_the_worker_holds_when_they_are_read(
    autojump_clock: MockClock,
) -> None:
    async with open_world() as worker:
        gauges = worker.metrics.gauges
        empty = {
            "sessions": 0,
            "connections": {"open": 0},
            "runs_active": 0,
            "mailbox_depth": 0,
            "uncommitted_bytes": 0,
        }
        assert {name: gauges[name]() for name in empty} == empty
        await chat(worker, agent="waiter")
        await until(worker.sessions.open_runs)
        assert gauges["sessions"]() == 1
        assert gauges["runs_active"]() == 1
        await trio.sleep(5)
        assert gauges["uptime_seconds"]() == pytest.approx(5, abs=0.1)
        assert b"netra_sessions 1.0" in render(worker.metrics, "text/plain")[0]


async def test_a_long_report_becomes_a_file_of_its_user(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker, "300000", agent="reporter")
        await until(lambda: worker.metrics.runs["completed"])
        [report] = [e for e in await events_of(worker.record) if e.type == "final_report"]
        assert isinstance(report.payload, FinalReport)
        reference = report.payload.report_ref
        assert reference is not None
        stored = await worker.record.file(UserID("alice"), FileID(reference.file_id))
        assert stored is not None
        assert len(stored.body) == reference.bytes > 300_000
        assert await worker.record.file(UserID("bob"), FileID(reference.file_id)) is None


async def test_a_promise_that_was_not_kept_is_noted_counted_and_logged(
    autojump_clock: MockClock,
) -> None:
    with capture_logs() as logs:
        async with open_world() as worker:
            ok = await chat(worker, agent="lazy")
            await until(lambda: worker.metrics.runs["completed"])
            [noted] = worker.missing
    assert (noted.run_id, noted.agent_name) == (ok["run_id"], "lazy")
    assert list(noted.missing) == ["final_report"]
    assert worker.metrics.missing_events == {"final_report": 1}
    [said] = [line for line in logs if line["event"] == "events_missing"]
    assert said["missing"] == ["final_report"]


async def test_the_parts_that_depend_on_each_other_are_the_same_ones(
    autojump_clock: MockClock,
) -> None:
    async with open_world(TICKET_TTL_S="7") as worker:
        assert worker.edge.tickets is worker.tickets
        assert worker.edge.pool is worker.pool
        assert worker.edge.opening.pool is worker.pool
        assert worker.edge.opening.counts is worker.delivered
        assert worker.edge.directory is worker.sessions
        assert worker.edge.ids is worker.ids
        assert worker.tickets.ttl_s == 7
        assert worker.edge.opening.config.max_message_bytes == 8192


async def test_ended_runs_are_counted_by_how_they_ended(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker)
        await chat(worker, "3", agent="waiter", user="bob")
        stopped = await chat(worker, agent="waiter", user="carol")
        await until(lambda: worker.metrics.runs["completed"] == 2)
        for _, bridge in worker.sessions.open_runs():
            assert bridge.request.run_id == stopped["run_id"]
            bridge.stop("carol")
        await until(lambda: worker.metrics.runs["cancelled"] == 1)
        assert worker.metrics.run_s.total >= 3
