"""A worker's connections on virtual time: cap, heartbeat, expiry, drain."""

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from netra_actors.agents import Run, UserMessage, agent
from netra_actors.connections.connection import Connection
from netra_actors.connections.pool import SILENT_S, drain_notice
from netra_actors.errors import QuotaExceeded
from netra_actors.identity import UserExecutionContext, UserID
from netra_actors.protocol.close_codes import CloseCode
from tests.connections.doubles import Hall, Sink, make_hall
from tests.sessions.world import open_world


@agent("quiet")
async def quiet(run: Run, message: UserMessage) -> str:
    return "done"


def context(user: str = "alice", plan: str = "mid") -> UserExecutionContext:
    return UserExecutionContext(user_id=UserID(user), plan=plan)


async def tick(hall: Hall, seconds: float, *answering: Sink) -> None:
    """Let so many seconds pass as housekeeping would; these peers answer at once."""
    for _ in range(round(seconds)):
        await trio.sleep(1)
        hall.pool.tick()
        for sink in answering:
            sink.last_heard = trio.current_time()


# --- how many


async def test_connections_are_counted_and_forgotten(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        assert hall.pool.manager(context()) is None
        async with hall.connected() as (one, _), hall.connected("bob") as (two, _):
            assert len(hall.pool) == 2
            assert set(hall.pool) == {one, two}
            manager = hall.pool.manager(context())
            assert manager is not None
            assert manager.connections == (one,)
        assert len(hall.pool) == 0
        assert hall.pool.manager(context()) is None
        assert hall.pool.opened == 2
        hall.pool.remove(one)
        assert len(hall.pool) == 0


async def test_at_the_cap_the_new_one_is_refused_while_all_speak(
    autojump_clock: MockClock,
) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world, connections_of={"mid": 2, "free": 1}.__getitem__)
        async with hall.connected() as (one, _), hall.connected() as (two, _):
            with pytest.raises(QuotaExceeded) as refusal:
                hall.pool.make_room(context())
            assert refusal.value.retry_after_s == SILENT_S
            assert one.close_code is two.close_code is None
            hall.pool.make_room(context("bob"))
        async with hall.connected(plan="free"):
            with pytest.raises(QuotaExceeded):
                hall.pool.make_room(context(plan="free"))


async def test_at_the_cap_the_one_silent_longest_gives_way(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world, connections_of=lambda _: 3)
        async with (
            hall.connected() as (first, first_sink),
            hall.connected() as (second, second_sink),
            hall.connected() as (third, third_sink),
        ):
            await trio.sleep(SILENT_S + 2)
            now = trio.current_time()
            first_sink.last_heard = now - SILENT_S - 1
            second_sink.last_heard = now - SILENT_S - 2
            third_sink.last_heard = now
            hall.pool.make_room(context())
            assert second.close_code == CloseCode.TOO_MANY_CONNECTIONS
            assert first.close_code is third.close_code is None
            # It counts no more, although it has not left yet.
            assert len(hall.pool) == 2
            hall.pool.make_room(context())
            assert first.close_code is None


# --- heartbeat


async def test_a_beat_is_a_ping_and_says_where_the_log_is(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (_, sink):
            await world.send()
            await world.settle()
            await tick(hall, 24, sink)
            assert sink.pings == 0
            await tick(hall, 2, sink)
            assert sink.pings == 1
            head = sink.covered[-1]
            assert sink.objects[-1] == {"type": "heartbeat", "head": head, "sent": head}
            await tick(hall, 50, sink)
            assert sink.pings == 3


async def test_who_answers_no_ping_within_eight_seconds_is_closed_4012(
    autojump_clock: MockClock,
) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (silent, _), hall.connected() as (other, other_sink):
            await tick(hall, 25 + 7, other_sink)
            assert silent.close_code is None
            await tick(hall, 3, other_sink)
            assert silent.close_code == CloseCode.NO_HEARTBEAT
            assert other.close_code is None


async def test_a_late_answer_counts(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (connection, sink):
            await tick(hall, 6)
            for _ in range(4):
                await tick(hall, 25)
                sink.last_heard = trio.current_time()
            assert sink.pings == 4
            assert connection.close_code is None


async def test_a_ping_that_finds_the_peer_gone_ends_it(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (connection, sink):
            sink.leave()
            await tick(hall, 26)
            assert connection.close_code == CloseCode.NO_HEARTBEAT


async def test_no_beat_before_the_replay_has_ended(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected(start=False) as (_, sink):
            await tick(hall, 26, sink)
            assert sink.pings == 1
            assert sink.frames == []


async def test_one_connections_fault_does_not_silence_those_behind_it(
    autojump_clock: MockClock,
) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (faulty, faulty_sink), hall.connected() as (_, sink):
            faulty_sink.fault = KeyError("a defect")
            with capture_logs() as logs:
                await tick(hall, 26, sink)
            assert faulty.close_code == CloseCode.INTERNAL
            assert sink.pings == 1
        assert [entry["event"] for entry in logs] == ["connection_broke"]


# --- tokens


async def test_a_token_is_announced_a_minute_before_it_ends(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        hall.life_s = 100.0
        async with hall.connected() as (connection, sink):
            await tick(hall, 39, sink)
            assert "token_expiring" not in sink.kinds
            await tick(hall, 10, sink)
            told = [item for item in sink.objects if item["type"] == "token_expiring"]
            assert len(told) == 1
            assert 58 <= told[0]["in_s"] <= 60
            await tick(hall, 50, sink)
            assert connection.close_code is None
            await tick(hall, 2, sink)
            assert connection.close_code == CloseCode.UNAUTHORIZED


async def test_a_fresh_token_is_announced_anew(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        hall.life_s = 30.0
        async with hall.connected() as (connection, sink):
            await tick(hall, 1, sink)
            connection.expires_at += 100_000
            connection.warned = False
            await tick(hall, 60, sink)
            assert connection.close_code is None
            await tick(hall, 15, sink)
            assert sink.kinds.count("token_expiring") == 2


# --- the rest


async def test_a_window_that_stays_full_closes_4008(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (connection, sink):
            connection.delivery.stalled_since = trio.current_time()
            await tick(hall, 29, sink)
            assert connection.close_code is None
            await tick(hall, 3, sink)
            assert connection.close_code == CloseCode.TOO_SLOW


async def test_typing_that_is_not_renewed_ends_after_five_seconds(
    autojump_clock: MockClock,
) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (one, _), hall.connected() as (_, sink):
            await one.feed('{"type":"typing","thread_id":"t"}')
            await tick(hall, 4)
            assert [item["is_typing"] for item in sink.objects[2:]] == [True]
            await tick(hall, 2)
            assert [item["is_typing"] for item in sink.objects[2:]] == [True, False]


async def test_a_drain_tells_everybody_a_moment_of_their_own(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world, connections_of=lambda _: 100)
        found: list[tuple[Connection, Sink]] = []
        async with trio.open_nursery() as nursery:

            async def stay(user: str) -> None:
                async with hall.connected(user) as pair:
                    found.append(pair)
                    await trio.sleep_forever()

            for number in range(40):
                nursery.start_soon(stay, f"user-{number}")
            await trio.sleep(1)
            hall.pool.drain(2.0)
            nursery.cancel_scope.cancel()
        assert hall.pool.draining
        assert {connection.close_code for connection, _ in found} == {CloseCode.DRAINING}
        delays = [sink.objects[-1]["reconnect_after_ms"] for _, sink in found]
        assert all(0 <= delay <= 2000 for delay in delays)
        assert len(set(delays)) > 20
        assert max(delays) - min(delays) > 500


def test_a_notice_names_a_moment() -> None:
    assert drain_notice(0.0) == b'{"type":"draining","reconnect_after_ms":0}'


async def test_closes_are_counted_by_code(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        pool = make_hall(world).pool
        for code in (1000, 4001, 1000):
            pool.note_close(code)
        assert pool.closes == {1000: 2, 4001: 1}
