"""One connection: its own commands, its limits, what it hands on, how it ends."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.connections import delivery
from netra_actors.connections.answers import MAX_ERRORS_IN_A_ROW
from netra_actors.connections.connection import MAX_HELD
from netra_actors.errors import RecordUnavailable
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.events import ThreadRenamed
from tests.connections.hall import Device, Hall, open_hall


async def grow(hall: Hall, count: int = 3) -> None:
    """Have alice's log hold *count* more events."""
    log = (await hall.world.entry()).log
    for _ in range(count):
        log.append(ThreadRenamed(title="t"), thread_id="thr_1")
    await log.wait_committed(log.head)
    await wait_all_tasks_blocked()


def applied(device: Device) -> int:
    device.client.read(device.sink)
    assert device.client.holes == 0
    return device.client.applied


def epoch(device: Device) -> str:
    return device.connection.entry.log.epoch


async def test_a_ping_is_answered_with_where_things_are(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        phone.sink.stall()
        await grow(hall, 1)
        await grow(hall, 1)
        await phone.connection.feed(b'{"type":"ping","nonce":"n"}')
        assert phone.frames_of("pong") == [{"type": "pong", "nonce": "n", "head": 5, "sent": 4}]


async def test_an_ack_is_silent_free_and_bounded_by_what_was_sent(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        assert await phone.say(type="ack", seq=3) is None
        assert phone.connection.delivery.windowed
        assert hall.counted == []
        error = await phone.say(type="ack", seq=4, message_id="m1")
        assert (error["error"], error["field"]) == ("invalid_field", "seq")
        assert (error["message_id"], error["re"]) == ("m1", "ack")


async def test_a_resync_replays_and_one_beyond_the_head_is_refused(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        before = len(phone.sink.written)
        await phone.say(type="resync", **{"from": 1})
        replay = phone.frames[before:]
        assert [event["seq"] for event in replay[0]] == [2, 3]
        assert replay[1:] == [{"type": "replay_end", "seq": 3}]
        error = await phone.say(type="resync", **{"from": 4})
        assert (error["error"], error["field"]) == ("invalid_field", "from")


async def test_a_resync_that_cannot_be_read_is_unavailable(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> None:
        raise RecordUnavailable("down")

    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "read_missed", unreadable)
            error = await phone.say(type="resync", **{"from": 1})
        assert (error["error"], error["retry_after_s"]) == ("unavailable", 1.0)
        await grow(hall)
        assert applied(phone) == 6
        assert phone.connection.close_code is None


@pytest.mark.parametrize("how", ["break", "stall"])
async def test_a_resync_of_a_peer_that_has_gone_ends_it(
    how: str, autojump_clock: MockClock
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        if how == "break":
            phone.sink.break_()
        else:
            phone.sink.stall()
        await phone.connection.feed(b'{"type":"resync","from":0}')
        code = CloseCode.INTERNAL if how == "break" else CloseCode.TOO_SLOW
        assert phone.connection.close_code == code
        assert phone.hung_up == [1]


async def test_a_later_hello_is_a_resync_from_its_cursor(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        before = len(phone.sink.written)
        cursor = {"epoch": epoch(phone), "seq": 2}
        await phone.say(type="hello", cursor=cursor, thread_id="thr_9")
        frames = phone.frames[before:]
        assert [frame.get("seq") for frame in frames] == [3, 3]
        assert phone.connection.thread_id == "thr_9"


@pytest.mark.parametrize("known", [True, False])
async def test_a_later_hello_without_a_known_cursor_gets_a_snapshot(
    known: bool, autojump_clock: MockClock
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        cursor: dict[str, Any] = {"cursor": {"epoch": "e_other", "seq": 9}} if known else {}
        frame = await phone.say(type="hello", **cursor)
        assert (frame["type"], frame["at"]) == ("snapshot", 3)
        assert phone.frames[-1] == {"type": "replay_end", "seq": 3}


async def test_a_later_hello_from_the_future_ends_it_4409(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        await phone.say(type="hello", cursor={"epoch": epoch(phone), "seq": 4})
        assert phone.connection.close_code == CloseCode.IMPOSSIBLE_CURSOR


async def test_a_fresh_token_is_taken_and_a_bad_one_refused(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        ok = await phone.say(type="auth", token="good", message_id="m1")
        assert ok == {
            "type": "ok",
            "message_id": "m1",
            "re": "auth",
            "expires_in_s": 600.0,
            "at": 0,
        }
        error = await phone.say(type="auth", token="bad")
        assert error["error"] == "unauthorized"
        assert phone.connection.close_code is None


async def test_typing_is_told_to_the_users_other_connections(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone, laptop = await hall.join(), await hall.join(name="laptop")
        stranger = await hall.join("bob")
        phone.connection.thread_id = "thr_1"  # type: ignore[assignment]
        assert await phone.say(type="typing") is None
        await phone.say(type="typing", thread_id="thr_2", is_typing=False)
        told = {"type": "typing_indicator", "who": "phone"}
        assert laptop.frames_of("typing_indicator") == [
            {**told, "thread_id": "thr_1", "is_typing": True},
            {**told, "thread_id": "thr_2", "is_typing": False},
        ]
        assert phone.frames_of("typing_indicator") == []
        assert stranger.frames_of("typing_indicator") == []


async def test_what_is_not_its_own_goes_to_the_session(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone, laptop = await hall.join(), await hall.join()
        await phone.say(type="user_message", content="hello", message_id="m1")
        await hall.world.settle()
        await trio.sleep(1)
        (ok,) = phone.frames_of("ok")
        assert (ok["message_id"], ok["re"]) == ("m1", "user_message")
        assert ok["run_id"].startswith("run_")
        assert laptop.frames_of("ok") == []
        assert applied(phone) == applied(laptop) == (await hall.world.entry()).log.head
        assert hall.commands == ["user_message"]


async def test_what_the_session_refuses_is_an_error(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await phone.say(type="rename_thread", thread_id="thr_none", title="t", message_id="m1")
        await trio.sleep(1)
        (error,) = phone.frames_of("error")
        assert (error["error"], error["message_id"]) == ("not_found", "m1")
        assert hall.codes == ["not_found"]


async def test_too_many_commands_are_refused_with_the_time_to_wait(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        hall.waits = [0.123]
        error = await phone.say(type="ping", message_id="m1")
        assert (error["error"], error["retry_after_s"]) == ("rate_limited", 0.12)
        assert (error["message_id"], error["re"]) == ("m1", "ping")
        assert phone.frames_of("pong") == []


async def test_stops_are_counted_apart(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await phone.say(type="stop_agent", thread_id="thr_1")
        await phone.say(type="ping")
        assert hall.counted == [True, False]


async def test_a_frame_that_cannot_be_read_counts_and_is_answered(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        for frame in (b"{", "no json", b'{"type":"nothing","message_id":"m1"}'):
            await phone.connection.feed(frame)
        hall.waits = [2.0]
        await phone.connection.feed(b"{")
        hall.waits = [2.0]
        await phone.connection.feed(b" " * 9000)
        assert [error["error"] for error in phone.frames_of("error")] == [
            "invalid_json",
            "invalid_json",
            "unknown_type",
            "rate_limited",
            "message_too_large",
        ]
        assert hall.counted == [False] * 5
        assert phone.frames_of("error")[2]["message_id"] == "m1"


async def test_another_users_name_in_a_command_is_refused(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        error = await phone.say(type="ping", user_id="bob")
        assert error["error"] == "forbidden_user"


async def test_requests_are_answered_and_notifications_are_not(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await grow(hall)
        pong = await phone.say(jsonrpc="2.0", id="a", method="ping", params={"nonce": 4})
        assert pong["id"] == "a"
        assert pong["result"] == {"type": "pong", "nonce": 4, "head": 3, "sent": 3}
        acked = await phone.say(jsonrpc="2.0", id=2, method="ack", params={"seq": 3})
        assert acked["result"] == {"type": "ok", "message_id": None, "re": "ack", "at": 3}
        assert await phone.say(jsonrpc="2.0", method="ping", params={}) is None
        assert await phone.say(jsonrpc="2.0", method="ack", params={"seq": 99}) is None
        refused = await phone.say(jsonrpc="2.0", id=3, method="ack", params={"seq": 99})
        assert refused["error"]["data"]["error"] == "invalid_field"


async def test_a_notification_is_carried_out_without_an_answer(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await phone.say(jsonrpc="2.0", method="create_thread", params={"title": "t"})
        await trio.sleep(1)
        client = phone.client
        assert applied(phone) == 1
        assert [event["type"] for event in client.events] == ["thread_created"]
        assert client.types() == ["welcome", "replay_end"]


async def test_a_hundred_errors_in_a_row_end_it_4029(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        for _ in range(MAX_ERRORS_IN_A_ROW - 1):
            await phone.connection.feed(b"{")
        await phone.say(type="ping")
        for _ in range(MAX_ERRORS_IN_A_ROW - 1):
            await phone.connection.feed(b"{")
        assert phone.connection.close_code is None
        await phone.connection.feed(b"{")
        assert phone.connection.close_code == CloseCode.ABUSE
        # The error that ended it was said before it ended.
        assert len(phone.frames_of("error")) == 2 * MAX_ERRORS_IN_A_ROW - 1


async def test_nothing_comes_before_the_welcome_and_what_waits_is_bounded(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        device = await hall.device()
        with hall.opening.attached(device.connection):
            other = await hall.join()
            for number in range(MAX_HELD + 5):
                await other.say(type="typing", thread_id=f"thr_{number % 16}")
            assert device.sink.written == []
            await hall.opening.start(device.connection, None, expires_in_s=None)
            assert device.frames[0]["type"] == "welcome"
            assert device.frames[1]["type"] == "replay_end"
            told = device.frames_of("typing_indicator")
            assert [frame["thread_id"] for frame in told] == [f"thr_{n}" for n in range(MAX_HELD)]
            await other.say(type="typing", thread_id="later")
            assert device.frames_of("typing_indicator")[MAX_HELD]["thread_id"] == "later"


async def test_the_first_code_counts_and_it_hangs_up_once(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        phone.connection.end(4001)
        phone.connection.end(4050)
        assert phone.connection.close_code is CloseCode.DRAINING
        assert phone.hung_up == [1]
        before = len(phone.sink.written)
        await grow(hall)
        phone.connection.control(b"{}")
        assert await phone.say(type="ping") is None
        assert len(phone.sink.written) == before


@pytest.mark.parametrize("full", [True, False])
async def test_a_control_that_cannot_be_written_ends_it(
    full: bool, autojump_clock: MockClock
) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        if full:
            phone.sink.stall()
            phone.sink.write([b"x" * 2_000_000])
        else:
            phone.sink.break_()
        phone.connection.control(b"{}")
        assert phone.connection.close_code == (CloseCode.TOO_SLOW if full else CloseCode.INTERNAL)


async def test_an_answer_after_its_end_is_dropped(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join()
        await phone.say(type="create_thread", title="t")
        phone.connection.end(1000)
        phone.leave()
        await trio.sleep(1)
        assert phone.frames_of("ok") == []
        # It was carried out all the same.
        assert (await hall.world.entry()).log.head == 1


async def test_the_observer_sees_what_it_is_about(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone = await hall.join(name="tablet")
        await grow(hall)
        await trio.sleep(2)
        facts = phone.connection.facts()
        assert facts == {
            "connection_id": phone.connection.connection_id,
            "user_id": "alice",
            "device": "tablet",
            "lag": 0,
            "sent": 3,
            "tail_bytes": 0,
            "age_s": 2.0,
        }
