"""Stops: of what runs, of what waits, and of what has not come yet."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from netra_actors.errors import NotFound
from netra_actors.identity import MessageID, ThreadID
from netra_actors.sessions.stops import CAPACITY, Stop, Stops
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import FakeSubscriber, World, check_grammar, open_world, types


async def stop(world: World, **fields: Any) -> dict[str, Any]:
    return (await world.ask({"type": "stop_agent", **fields})).fields


def status_of(events: Any, run_id: str) -> Any:
    ends = [e for e in events if (e.type, e.run_id) == ("agent_completed", run_id)]
    assert len(ends) == 1
    return payload(ends[0]).status


@pytest.mark.parametrize("by", ["run_id", "message_id", "thread_id", "all"])
async def test_a_stop_ends_the_run_it_names(by: str, autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("forever", message_id="m1")
        await trio.sleep(1)
        fields = await stop(world, **{by: True if by == "all" else sent[by]})
        assert fields["stopped"] == [sent["run_id"]]
        events = await world.settle()
        check_grammar(events)
        assert status_of(events, sent["run_id"]) == "cancelled"
        assert fields["at"] >= next(e.seq for e in events if e.type == "run_cancelling")


@pytest.mark.parametrize("by", ["run_id", "message_id", "thread_id", "all"])
async def test_a_stop_after_the_end_is_a_noop(by: str, autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("say:hi", message_id="m1")
        await world.settle()
        fields = await stop(world, **{by: True if by == "all" else sent[by]})
        assert fields["noop"] is True
        assert "stopped" not in fields


async def test_a_stop_by_the_message_id_that_the_service_gave_finds_the_run(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("forever")
        fields = await stop(world, message_id=sent["message_id"])
        assert fields["stopped"] == [sent["run_id"]]
        await world.settle()
        assert (await stop(world, message_id=sent["message_id"]))["noop"] is True


async def test_a_thread_s_stop_leaves_the_other_threads_alone(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        one, two = await world.send("sleep:5"), await world.send("sleep:5")
        assert (await stop(world, thread_id=one["thread_id"]))["stopped"] == [one["run_id"]]
        events = await world.settle()
        assert status_of(events, one["run_id"]) == "cancelled"
        assert status_of(events, two["run_id"]) == "completed"


async def test_all_stops_what_runs_and_what_waits(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        runs = [(await world.send("forever"))["run_id"] for _ in range(5)]
        assert sorted((await stop(world, all=True))["stopped"]) == sorted(runs)
        events = await world.settle()
        check_grammar(events)
        assert {status_of(events, run) for run in runs} == {"cancelled"}


async def test_the_second_stop_says_the_same_and_adds_nothing(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("linger:5")
        await trio.sleep(1)
        first = await stop(world, run_id=sent["run_id"])
        second = await stop(world, run_id=sent["run_id"])
        assert first["stopped"] == second["stopped"] == [sent["run_id"]]
        events = await world.settle()
        check_grammar(events)
        assert types(events).count("run_cancelling") == 1
        assert (await stop(world, run_id=sent["run_id"]))["noop"] is True


async def test_a_waiting_run_is_stopped_without_ever_running(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        first = await world.send("sleep:5")
        waiting = await world.send("say:never", thread_id=first["thread_id"])
        assert (await stop(world, run_id=waiting["run_id"]))["stopped"] == [waiting["run_id"]]
        events = await world.settle()
        check_grammar(events)
        assert types(events, waiting["run_id"]) == [
            "user_message",
            "run_queued",
            "run_cancelling",
            "agent_started",
            "agent_completed",
        ]
        assert status_of(events, first["run_id"]) == "completed"


async def test_stopping_a_sub_run_stops_the_run_that_started_it(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("sub:tool:60")
        await trio.sleep(1)
        started = next(e for e in await world.events() if e.type == "subagent_started")
        fields = await stop(world, run_id=payload(started).subagent_run_id)
        assert fields["stopped"] == [sent["run_id"]]
        check_grammar(await world.settle())


async def test_unknown_and_foreign_runs_and_threads_are_not_found(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        foreign = await world.send("sleep:5", user="bob")
        for fields in (
            {"run_id": "run_none"},
            {"run_id": foreign["run_id"]},
            {"thread_id": foreign["thread_id"]},
        ):
            with pytest.raises(NotFound):
                await stop(world, **fields)
        assert status_of(await world.settle("bob"), foreign["run_id"]) == "completed"


async def test_a_stop_before_its_message_is_pending_and_honoured(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        assert (await stop(world, message_id="m1"))["pending"] is True
        assert (await stop(world, message_id="m1"))["pending"] is True
        await trio.sleep(59)
        sent = await world.send("say:never", message_id="m1")
        events = await world.settle()
        check_grammar(events)
        assert status_of(events, sent["run_id"]) == "cancelled"
        assert "partial_result" not in types(events)
        again = await world.send("say:never", message_id="m1")
        assert again["run_id"] == sent["run_id"]


async def test_a_pending_stop_is_forgotten_after_a_minute(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        await stop(world, message_id="m1")
        await trio.sleep(61)
        sent = await world.send("say:yes", message_id="m1")
        assert status_of(await world.settle(), sent["run_id"]) == "completed"


async def test_a_pending_stop_ends_no_other_message(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        await stop(world, message_id="m1")
        sent = await world.send("say:yes", message_id="m2")
        assert status_of(await world.settle(), sent["run_id"]) == "completed"


@pytest.mark.parametrize("by", ["message_id", "thread_id", "all"])
async def test_a_stop_overtakes_and_ends_what_was_sent_before_it_and_nothing_later(
    by: str, autojump_clock: MockClock
) -> None:
    async with open_world(scripted) as world:
        thread = (await world.ask({"type": "create_thread"})).fields["thread"]["thread_id"]
        entry = await world.entry()
        others = [world.post(entry, {"type": "list_threads"}) for _ in range(100)]
        message = {"type": "user_message", "content": "say:hi", "thread_id": thread}
        early = world.post(entry, {**message, "message_id": "m1"})
        named = {"message_id": "m1", "thread_id": thread, "all": True}[by]
        stopped = world.post(entry, {"type": "stop_agent", by: named})
        late = world.post(entry, {**message, "message_id": "m2"})
        # It is answered although a hundred commands came before it.
        stop_answer = await world.answered(stopped)
        if by == "message_id":
            assert stop_answer.fields["pending"] is True
        first, second = await world.answered(early), await world.answered(late)
        assert all(others)
        events = await world.settle()
        check_grammar(events)
        assert status_of(events, first.fields["run_id"]) == "cancelled"
        assert status_of(events, second.fields["run_id"]) == "completed"


async def test_the_stop_carries_the_name_of_the_device(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("forever")
        await world.tell(
            {"type": "stop_agent", "run_id": sent["run_id"]}, origin=FakeSubscriber(device="phone")
        )
        events = await world.settle()
        assert payload(events[-1]).cancelled_by == "phone"


async def test_what_a_run_says_while_it_ends_comes_before_its_terminal(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("tool:60")
        await trio.sleep(1)
        await stop(world, run_id=sent["run_id"])
        events = await world.settle()
        assert types(events)[-3:] == ["run_cancelling", "tool_completed", "agent_completed"]


async def test_more_stops_than_are_kept_forget_the_oldest(autojump_clock: MockClock) -> None:
    stops = Stops()
    for number in range(CAPACITY + 1):
        stops.remember(Stop(by="x", at=0.0, message_id=MessageID(f"m{number}")))
    assert stops.find(MessageID("m0"), None, 1) is None
    assert stops.find(MessageID("m1"), None, 1) is not None


@given(before=st.integers(0, 9), arrival=st.integers(0, 9), thread=st.sampled_from(["a", "b"]))
def test_a_stop_concerns_what_arrived_before_it(before: int, arrival: int, thread: str) -> None:
    everything = Stop(by="x", at=0.0, before=before)
    of_a = Stop(by="x", at=0.0, before=before, thread_id=ThreadID("a"))
    assert everything.concerns(None, ThreadID(thread), arrival) == (arrival < before)
    assert of_a.concerns(None, ThreadID(thread), arrival) == (arrival < before and thread == "a")
