"""The entry: a session in memory, with those who watch it."""

import trio
from trio.testing import MockClock

from netra_actors.errors import Unavailable
from netra_actors.identity import ConnectionID
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import FakeSubscriber, check_grammar, open_world


async def test_controls_go_to_the_other_devices(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        entry = await world.entry()
        phone = FakeSubscriber(connection_id=ConnectionID("conn_1"))
        laptop = FakeSubscriber(connection_id=ConnectionID("conn_2"))
        entry.attach(phone)
        entry.attach(laptop)
        entry.tell_others(phone, b'{"type":"typing"}')
        assert (phone.frames, laptop.frames) == ([], [{"type": "typing"}])


async def test_leaving_interrupts_what_runs_and_refuses_what_comes(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        await world.send("linger:1")
        entry = await world.entry()
    events = await world.events()
    check_grammar(events)
    assert (payload(events[-1]).status, payload(events[-1]).reason) == (
        "interrupted",
        "session closed",
    )
    answers = world.post(entry, {"type": "list_threads"})
    assert isinstance(answers[0], Unavailable)


async def test_the_picture_of_a_session_shows_its_actor_and_runs(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        sent = await world.send("linger:5")
        await trio.sleep(1)
        entry = await world.entry()
        actor, run = entry.describe()
        assert (actor.state, run.name, run.state) == ("running", sent["run_id"], "running")
        await world.ask({"type": "stop_agent", "all": True})
        assert entry.describe()[1].state == "cancelling"
        facts = entry.facts()
        assert (facts["runs"], facts["queued"], facts["state"]) == (1, 0, "running")
        (session,) = world.sessions.tree().children
        assert session.kind == "session"
        await world.settle()
