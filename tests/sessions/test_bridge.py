"""The bridge: one agent as one run, with a deadline."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.agents import Run, UserMessage, agent
from tests.sessions.records import FlakyRecord
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import check_grammar, open_world, types

began: list[str] = []


@agent("noting")
async def noting(_: Run, message: UserMessage) -> str:
    began.append(message.content)
    return "said"


@agent("historian")
async def historian(run: Run, message: UserMessage) -> str:
    return " ".join(f"{each.role}:{each.content}" for each in run.history) + "/" + message.content


@agent("hasty")
async def hasty(run: Run, message: UserMessage) -> str:
    """Tell the end of the run by hand, and go on."""
    if message.content == "error":
        run.notifier.send_agent_error(
            "mine", "sorry", recoverable=True, recovery_suggestions=(), reference="r"
        )
    else:
        run.notifier.send_agent_completed("completed", duration_ms=0, metrics={})
    await trio.sleep_forever()
    return ""


async def test_the_deadline_of_the_plan_stops_a_run(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        begun = trio.current_time()
        await world.send("say:a forever", plan="free")
        events = await world.settle()
        check_grammar(events)
        assert 60 <= trio.current_time() - begun < 61
        end = payload(events[-1])
        assert (end.status, end.cancelled_by, end.final_response) == ("cancelled", "deadline", "a")


async def test_an_agent_begins_only_when_its_message_is_durable(autojump_clock: MockClock) -> None:
    record = FlakyRecord()
    began.clear()
    async with open_world(noting, record=record) as world:
        await world.entry()
        record.hold()
        await world.tell({"type": "user_message", "content": "hi"})
        await trio.sleep(0.9)
        assert began == []
        record.gate.set()
        await world.settle()
        assert began == ["hi"]


async def test_the_agent_is_given_what_was_said_before(autojump_clock: MockClock) -> None:
    async with open_world(historian) as world:
        thread = (await world.send("one"))["thread_id"]
        await world.settle()
        await world.send("two", thread_id=thread)
        events = await world.settle()
        assert payload(events[-1]).final_response == "user:one agent:/one/two"


@pytest.mark.parametrize("how", ["stop", "interrupt", "deadline"])
@pytest.mark.parametrize("content", ["error", "terminal"])
async def test_an_agent_that_ends_its_run_by_hand_and_goes_on_is_ended(
    content: str, how: str, autojump_clock: MockClock
) -> None:
    async with open_world(hasty, scripted) as world:
        sent = await world.send(content)
        await trio.sleep(1)
        entry = await world.entry()
        if how == "stop":
            await world.ask({"type": "stop_agent", "run_id": sent["run_id"]})
        elif how == "interrupt":
            more: dict[str, Any] = {"thread_id": sent["thread_id"], "agent": "scripted"}
            await world.send("say:next", policy="interrupt", **more)
        with trio.fail_after(400):
            events = await world.settle()
        check_grammar(events)
        assert (entry.state, entry.restarts) == ("running", 0)
        ends = [e for e in events if (e.type, e.run_id) == ("agent_completed", sent["run_id"])]
        status = "failed" if content == "error" else "completed"
        assert [payload(e).status for e in ends] == [status]
        assert types(events, sent["run_id"])[-1] == "agent_completed"
