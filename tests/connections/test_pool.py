"""A worker's connections: the cap, heartbeats, tokens that end, the drain."""

import attrs
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from netra_actors.connections.pool import SILENT_S
from netra_actors.errors import QuotaExceeded
from netra_actors.protocol.close_codes import CloseCode
from tests.connections.hall import Device, Hall, open_hall


def code(device: Device) -> CloseCode | None:
    return device.connection.close_code


async def pass_time(hall: Hall, seconds: int, *answering: Device) -> None:
    """Tick once a second; those who answer are heard in each."""
    for _ in range(seconds):
        await trio.sleep(1)
        for device in answering:
            device.sink.last_heard = trio.current_time()
        hall.pool.tick()


async def test_it_knows_who_is_here(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        context = hall.world.context()
        assert hall.pool.manager(context) is None
        phone, bob = await hall.join(), await hall.join("bob")
        assert list(hall.pool) == [phone.connection, bob.connection]
        manager = hall.pool.manager(context)
        assert manager is not None
        assert manager.connections == (phone.connection,)
        phone.leave()
        phone.leave()
        assert (len(hall.pool), hall.pool.opened) == (1, 2)
        assert hall.pool.manager(context) is None
        hall.pool.note_close(4001)
        hall.pool.note_close(4001)
        assert hall.pool.closes == {4001: 2}


async def test_a_user_with_too_many_is_refused(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        context = hall.world.context()
        for _ in range(hall.limit):
            hall.pool.make_room(context)
            await hall.join()
        with pytest.raises(QuotaExceeded) as caught:
            hall.pool.make_room(context)
        assert caught.value.retry_after_s == SILENT_S
        assert len(hall.pool) == hall.limit
        # Another user has a cap of their own.
        hall.pool.make_room(hall.world.context("bob"))


async def test_the_silent_one_gives_way(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        devices = [await hall.join() for _ in range(hall.limit)]
        await trio.sleep(SILENT_S + 1)
        for device in (devices[0], devices[2]):
            device.sink.last_heard = trio.current_time()
        hall.pool.make_room(hall.world.context())
        assert [code(device) for device in devices] == [
            None,
            CloseCode.TOO_MANY_CONNECTIONS,
            None,
        ]
        assert len(hall.pool) == hall.limit - 1
        await hall.join()
        # It leaves once its own task notices; nobody is counted twice.
        devices[1].leave()
        assert len(hall.pool) == hall.limit


async def test_the_only_one_gives_way_too(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.limit = 1
        first = await hall.join()
        await trio.sleep(SILENT_S + 1)
        hall.pool.make_room(hall.world.context())
        second = await hall.join()
        first.leave()
        assert list(hall.pool) == [second.connection]


async def test_a_beat_goes_to_who_is_live_and_wants_it(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone, plain = await hall.join(), await hall.join(batched=False)
        opening = await hall.device()
        with hall.opening.attached(opening.connection):
            await pass_time(hall, 24, phone, plain, opening)
            assert phone.sink.pings == 0
            await pass_time(hall, 1, phone, plain, opening)
            assert phone.frames_of("heartbeat") == [{"type": "heartbeat", "head": 0, "sent": 0}]
            assert (phone.sink.pings, plain.sink.pings, opening.sink.pings) == (1, 1, 1)
            assert plain.frames_of("heartbeat") == []
            assert opening.sink.written == []
            await pass_time(hall, 75, phone, plain, opening)
            assert (phone.sink.pings, len(phone.frames_of("heartbeat"))) == (4, 4)


async def test_who_does_not_answer_a_beat_is_closed_4012(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone, dead = await hall.join(), await hall.join()
        await pass_time(hall, 32, phone)
        assert code(dead) is None
        await pass_time(hall, 1, phone)
        assert (code(phone), code(dead)) == (None, CloseCode.NO_HEARTBEAT)


async def test_anything_heard_in_time_is_an_answer(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        for _ in range(5):
            await pass_time(hall, 24)
            await pass_time(hall, 1, phone)
        assert code(phone) is None


async def test_a_ping_that_breaks_ends_it(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone, other = await hall.join(), await hall.join()
        phone.sink.break_()
        await pass_time(hall, 25, other)
        assert (code(phone), code(other)) == (CloseCode.NO_HEARTBEAT, None)


async def test_a_token_is_warned_about_once_and_ends_the_connection(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        phone = await hall.join(valid_s=100)
        await pass_time(hall, 39, phone)
        assert phone.frames_of("token_expiring") == []
        await pass_time(hall, 10, phone)
        assert phone.frames_of("token_expiring") == [{"type": "token_expiring", "in_s": 60.0}]
        await pass_time(hall, 50, phone)
        assert code(phone) is None
        await pass_time(hall, 1, phone)
        assert code(phone) == CloseCode.UNAUTHORIZED


async def test_a_fresh_token_keeps_it(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join(valid_s=70)
        await pass_time(hall, 20, phone)
        await phone.say(type="auth", token="good")
        await pass_time(hall, 100, phone)
        assert code(phone) is None
        assert len(phone.frames_of("token_expiring")) == 1


async def test_typing_ends_with_the_ticks(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone, laptop = await hall.join(), await hall.join()
        await phone.say(type="typing", thread_id="thr_1")
        await pass_time(hall, 5, phone, laptop)
        assert [told["is_typing"] for told in laptop.frames_of("typing_indicator")] == [
            True,
            False,
        ]


async def test_a_window_that_stays_full_ends_it_4008(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        phone, other = await hall.join(), await hall.join()
        phone.connection.delivery.stalled_since = trio.current_time()
        await pass_time(hall, 30, phone, other)
        assert code(phone) is None
        await pass_time(hall, 1, phone, other)
        assert (code(phone), code(other)) == (CloseCode.TOO_SLOW, None)


async def test_a_connection_that_raises_does_not_silence_the_others(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        broken, phone = await hall.join(), await hall.join()
        broken.connection.expires_at = None  # type: ignore[assignment]
        with capture_logs() as logs:
            await pass_time(hall, 25, phone, broken)
        assert code(broken) == CloseCode.INTERNAL
        assert {entry["event"] for entry in logs} == {"connection_broke"}
        assert len(phone.frames_of("heartbeat")) == 1


async def test_a_drain_tells_everybody_a_moment_and_closes_4001(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        devices = [await hall.join(user) for user in ("alice", "alice", "bob")]
        hall.pool.drain(spread_s=3.0)
        assert hall.pool.draining
        for device in devices:
            (told,) = device.frames_of("draining")
            assert 0 <= told["reconnect_after_ms"] <= 3000
            assert device.frames[-1] == told
            assert code(device) == CloseCode.DRAINING
            assert device.hung_up == [1]


async def test_a_drain_with_a_broken_peer_reaches_the_others(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        broken, phone = await hall.join(), await hall.join()
        broken.sink.break_()
        hall.pool.drain()
        assert code(broken) == CloseCode.INTERNAL
        assert code(phone) == CloseCode.DRAINING


async def test_the_first_ping_without_an_answer_counts(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.pool.config = attrs.evolve(hall.pool.config, heartbeat_s=3.0)
        phone, dead = await hall.join(), await hall.join()
        await pass_time(hall, 10, phone)
        assert code(dead) is None
        await pass_time(hall, 1, phone)
        assert (code(phone), code(dead)) == (None, CloseCode.NO_HEARTBEAT)


async def test_no_beat_names_a_position_within_a_replay(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await pass_time(hall, 24, phone)
        phone.sink.stall()
        hall.nursery.start_soon(phone.connection.resync, None)
        await pass_time(hall, 1, phone)
        assert phone.sink.pings == 1
        assert phone.frames_of("heartbeat") == []
        phone.sink.take()
        await pass_time(hall, 25, phone)
        assert len(phone.frames_of("heartbeat")) == 1
