"""The engine: which runs start, which wait, and in which order things are said."""

from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from netra_actors.agents.registry import AgentRegistry
from netra_actors.errors import Conflict, QueueFull
from netra_actors.sessions.bridge import AgentWebSocketBridge
from tests.sessions.records import power_cut
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import check_grammar, open_world, types


@pytest.mark.parametrize(("plan", "limit"), [("free", 1), ("early", 2), ("mid", 3)])
async def test_a_plan_s_number_of_runs_go_side_by_side_and_the_rest_waits(
    plan: str, limit: int, autojump_clock: MockClock
) -> None:
    async with open_world(scripted) as world:
        runs = [(await world.send("sleep:5", plan=plan))["run_id"] for _ in range(limit + 2)]
        entry = await world.entry()
        assert list(entry.engine.active) == runs[:limit]
        events = await world.settle()
    check_grammar(events)
    queued = [event.run_id for event in events if event.type == "run_queued"]
    assert queued == runs[limit:]
    assert [payload(e).place for e in events if e.type == "run_queued"] == [1, 2]


async def test_runs_of_one_thread_never_overlap(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        first = await world.send("sleep:2")
        thread = first["thread_id"]
        runs = [first["run_id"]]
        for _ in range(3):
            runs += [(await world.send("sleep:2", thread_id=thread))["run_id"]]
        events = await world.settle()
    steps = [(e.type, e.run_id) for e in events if e.type in {"agent_started", "agent_completed"}]
    assert steps == [(kind, run) for run in runs for kind in ("agent_started", "agent_completed")]


async def test_run_queued_is_said_only_of_a_run_that_waits(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        thread = (await world.send("say:one"))["thread_id"]
        await world.settle()
        await world.send("say:two", thread_id=thread)
        assert "run_queued" not in types(await world.settle())


async def test_a_message_beyond_the_queue_is_refused_and_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted, queue_capacity=2) as world:
        thread = (await world.send("sleep:9"))["thread_id"]
        for _ in range(2):
            await world.send("sleep:1", thread_id=thread)
        head = (await world.entry()).log.head
        with pytest.raises(QueueFull, match="2 messages wait"):
            await world.send("one too many", thread_id=thread)
        assert (await world.entry()).log.head == head
        # What can start at once is none of the queue's business.
        await world.send("say:elsewhere")
        check_grammar(await world.settle())


async def test_reject_names_the_run_and_leaves_nothing_in_the_log(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        first = await world.send("sleep:9")
        head = (await world.entry()).log.head
        with pytest.raises(Conflict) as refused:
            await world.send("no", thread_id=first["thread_id"], policy="reject")
        assert refused.value.run_id == first["run_id"]
        assert (await world.entry()).log.head == head
        await world.settle()
        await world.send("say:yes", thread_id=first["thread_id"], policy="reject")


async def test_interrupt_ends_the_old_run_before_the_new_one_begins(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        old = await world.send("linger:2")
        await trio.sleep(1)
        new = await world.send("say:new", thread_id=old["thread_id"], policy="interrupt")
        events = await world.settle()
    check_grammar(events)
    after = [(e.type, e.run_id) for e in events]
    o, n = old["run_id"], new["run_id"]
    assert after[after.index(("user_message", n)) :][:5] == [
        ("user_message", n),
        ("run_superseded", o),
        ("run_cancelling", o),
        ("agent_completed", o),
        ("agent_started", n),
    ]
    superseded = next(e for e in events if e.type == "run_superseded")
    assert payload(superseded).by == new["message_id"]
    ended = next(e for e in events if (e.type, e.run_id) == ("agent_completed", o))
    assert (payload(ended).status, payload(ended).cancelled_by) == ("cancelled", "superseded")
    assert "run_queued" not in types(events)


async def test_interrupt_ends_what_waits_in_the_thread_too(autojump_clock: MockClock) -> None:
    async with open_world(scripted, queue_capacity=2) as world:
        old = await world.send("forever")
        thread = old["thread_id"]
        waiting = [(await world.send("say:old", thread_id=thread))["run_id"] for _ in range(2)]
        new = await world.send("say:new", thread_id=thread, policy="interrupt")
        events = await world.settle()
    check_grammar(events)
    assert types(events).count("run_superseded") == 3
    ends = {e.run_id: payload(e).status for e in events if e.type == "agent_completed"}
    assert ends == {
        old["run_id"]: "cancelled",
        **dict.fromkeys(waiting, "cancelled"),
        new["run_id"]: "completed",
    }


async def test_interrupt_says_that_the_new_run_waits_when_others_keep_it_waiting(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        await world.send("sleep:30", plan="free")
        old = await world.send("say:old", plan="free")
        new = await world.send(
            "say:new", thread_id=old["thread_id"], policy="interrupt", plan="free"
        )
        events = await world.settle()
    check_grammar(events)
    assert "run_queued" in types(events, new["run_id"])


@pytest.mark.parametrize("policy", ["interrupt", "reject", "enqueue"])
async def test_a_run_with_its_terminal_is_in_nobody_s_way(
    policy: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    original = AgentWebSocketBridge.conduct

    async def overstay(bridge: AgentWebSocketBridge) -> None:
        await original(bridge)
        await trio.sleep(50)

    async with open_world(scripted) as world:
        monkeypatch.setattr(AgentWebSocketBridge, "conduct", overstay)
        old = await world.send("say:old")
        await trio.sleep(1)
        entry = await world.entry()
        assert old["run_id"] in entry.engine.active
        new = await world.send("sleep:1", thread_id=old["thread_id"], policy=policy)
        await trio.sleep(5)
        assert types(await world.events(), new["run_id"])[-1] == "agent_completed"
        events = await world.settle()
    check_grammar(events)
    assert not {"run_superseded", "run_cancelling", "run_queued"} & set(types(events))


async def test_a_queued_run_whose_agent_is_gone_fails_and_the_session_lives(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        first = await world.send("sleep:50")
        gone = await world.send("say:hello", thread_id=first["thread_id"])
        disk, ids = power_cut(world.record), world.ids
    from tests.sessions.scripts import helper  # noqa: PLC0415  # a release without `scripted`

    async with open_world(helper, record=disk, ids=ids) as later:
        await later.entry()
        events = await later.settle()
        check_grammar(events)
        assert types(events, gone["run_id"]) == [
            "user_message",
            "run_queued",
            "agent_started",
            "agent_error",
            "agent_completed",
        ]
        error = next(e for e in events if e.type == "agent_error")
        assert payload(error).error_type == "not_found"
        assert payload(events[-1]).status == "failed"
        assert (await later.ask({"type": "list_threads"})).fields["threads"]


async def test_a_pause_starts_nothing_and_keeps_what_waits(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        await world.entry()
        world.sessions.pause()
        sent = await world.send("say:later")
        await trio.sleep(5)
        assert types(await world.events(), sent["run_id"]) == ["user_message", "run_queued"]
        disk, ids = power_cut(world.record), world.ids
        entry = await world.entry()
        entry.engine.paused = False
        entry.engine.pump()
        await world.settle()
    async with open_world(scripted, record=disk, ids=ids) as later:
        events = await later.settle()
    check_grammar(events)
    assert payload(events[-1]).status == "completed"


async def test_other_users_queues_are_their_own(autojump_clock: MockClock) -> None:
    async with open_world(scripted, queue_capacity=1) as world:
        thread = (await world.send("sleep:9"))["thread_id"]
        await world.send("say:wait", thread_id=thread)
        done = await world.send("say:mine", user="bob")
        assert types(await world.settle("bob"), done["run_id"])[-1] == "agent_completed"
        await world.settle()


async def test_a_run_that_breaks_past_its_bridge_is_closed_and_the_session_lives(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async def broken(_: Any) -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("a fault of the service")

    async with open_world(scripted) as world:
        original = AgentWebSocketBridge._execute

        async def execute(bridge: AgentWebSocketBridge) -> Any:
            if bridge.request.content == "break":
                bridge.run.notifier.send_agent_started("scripted")
                await broken(bridge)
            return await original(bridge)

        monkeypatch.setattr(AgentWebSocketBridge, "_execute", execute)
        bad = await world.send("break")
        good = await world.send("say:fine")
        events = await world.settle()
        entry = await world.entry()
        assert entry.state == "running"
    check_grammar(events)
    ends = {e.run_id: payload(e).status for e in events if e.type == "agent_completed"}
    assert ends == {bad["run_id"]: "interrupted", good["run_id"]: "completed"}


async def test_agents_that_are_not_offered_are_refused(autojump_clock: MockClock) -> None:
    registry = AgentRegistry({"scripted": scripted}, "scripted")
    assert registry.get(None) is scripted
    async with open_world(scripted) as world:
        with pytest.raises(Exception, match="no agent is called 'nobody'"):
            await world.send("hi", agent="nobody")
        assert await world.events() == []
