"""How runs and sessions end when several things end them at once."""

import sys

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.agents import Run, UserMessage, agent
from netra_actors.errors import LogFull, Unavailable
from netra_actors.identity import UserID
from netra_actors.log.limits import LogLimits, LogStatus
from tests.sessions.records import FlakyRecord
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import World, check_grammar, open_world


async def put_away(world: World) -> None:
    """End the session as the worker does when it leaves."""
    await world.sessions._registry.drop(UserID("alice"), lambda _: True)


async def test_a_run_that_was_stopped_first_is_cancelled_although_its_session_ended(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        run_id = (await world.send("linger:2"))["run_id"]
        await trio.sleep(1)
        await world.ask({"type": "stop_agent", "run_id": run_id})
        await put_away(world)
        await world.committer.wait_idle()
        events = await world.events()
    check_grammar(events)
    end = payload(events[-1])
    assert (end.status, end.cancelled_by, end.reason) == ("cancelled", "http", None)


async def test_a_session_that_ends_interrupts_runs_and_sub_runs_alike(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        await world.send("twice:forever")
        await trio.sleep(1)
        await put_away(world)
        await world.committer.wait_idle()
        events = await world.events()
    check_grammar(events)
    ends = [payload(event) for event in events if event.type == "agent_completed"]
    assert [end.status for end in ends] == ["interrupted"] * 3
    assert ends[-1].reason == "session closed"


async def test_a_session_that_broke_is_loaded_again_once_what_it_said_is_stored(
    autojump_clock: MockClock,
) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        thread_id = (await world.send("say:hi"))["thread_id"]
        await world.settle()
        broken = await world.entry()
        record.hold()
        answers = await world.tell({"type": "create_thread", "title": "later"})
        await wait_all_tasks_blocked()

        async def break_down() -> None:
            raise OSError("a defect beside the runs")

        nursery = broken.engine.nursery
        assert nursery is not None
        with capture_logs():
            nursery.start_soon(break_down)
            await broken.ended.wait()
        assert broken.log.head > broken.log.committed
        with pytest.raises(Unavailable, match="is ending"):
            await world.entry()
        record.gate.set()
        await world.committer.wait_idle()
        entry = await world.entry()
        assert entry is not broken
        assert (entry.log.epoch, entry.log.head) == (broken.log.epoch, broken.log.head)
        await world.send("say:again", thread_id=thread_id)
        check_grammar(await world.settle())
        assert entry.log.status is LogStatus.OPEN
        assert len(answers) == 1


async def test_a_thread_that_could_not_be_deleted_is_still_there(
    autojump_clock: MockClock,
) -> None:
    @agent("flood")
    async def flood(run: Run, message: UserMessage) -> str:
        await trio.sleep(0.5)
        while message.content == "flood":
            run.think("x" * 100)
        return "calm"

    record = FlakyRecord()
    limits = LogLimits(wait_bytes=20_000, full_bytes=20_000, reserve_bytes=10_000)
    async with open_world(flood, record=record, limits=limits) as world:
        with capture_logs():
            sent = await world.send("flood")
            await trio.sleep(0.4)
            record.hold()
            await trio.sleep(0.2)
            command = {"type": "delete_thread", "thread_id": sent["thread_id"]}
            answers = await world.tell(command)
            await wait_all_tasks_blocked()
        assert isinstance(answers[0], Unavailable)
        record.gate.set()
        await world.settle()
        assert (await world.send("calm", thread_id=sent["thread_id"]))["thread_id"]
        await world.settle()
        assert (await world.ask(command)).fields["thread_id"] == sent["thread_id"]
        check_grammar(await world.settle())


async def test_a_thread_whose_runs_could_not_be_stopped_is_still_there(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("sleep:5")
        engine = (await world.entry()).engine
        await trio.sleep(1)

        def full(*_: object) -> None:
            raise LogFull("no room")

        with monkeypatch.context() as patch:
            patch.setattr(type(engine), "stop", full)
            answers = await world.tell({"type": "delete_thread", "thread_id": sent["thread_id"]})
            await wait_all_tasks_blocked()
        assert isinstance(answers[0], Unavailable)
        await world.send("say:hi", thread_id=sent["thread_id"])
        check_grammar(await world.settle())


async def test_an_agent_that_leaves_by_sys_exit_fails_alone(autojump_clock: MockClock) -> None:
    @agent("leaver")
    async def leaver(run: Run, message: UserMessage) -> str:
        if message.content == "leave":
            sys.exit(3)
        return "here"

    async with open_world(leaver) as world:
        with capture_logs() as logs:
            await world.send("leave")
            await world.settle()
        await world.send("stay")
        events = await world.settle()
    check_grammar(events)
    ends = [payload(event) for event in events if event.type == "agent_completed"]
    assert [end.status for end in ends] == ["failed", "completed"]
    assert "sys.exit(3)" in str(logs[0]["exc_info"])


async def test_a_session_is_not_put_away_while_it_carries_a_command_out(
    autojump_clock: MockClock,
) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        thread_id = (await world.send("say:hi"))["thread_id"]
        await world.settle()
        record.silent = trio.Event()
        command = {"type": "user_message", "content": "say:x", "thread_id": thread_id}
        answers = world.post(await world.entry(), {**command, "message_id": "m1"})
        await wait_all_tasks_blocked()
        assert not await world.sessions.put_away_idle(after_s=0.0)
        record.silent.set()
        await world.answered(answers)
        events = await world.settle()
    check_grammar(events)
    assert payload(events[-1]).status == "completed"
