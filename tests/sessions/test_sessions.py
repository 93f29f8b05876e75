"""The sessions of a worker: put away, loaded again, lost, swept, erased; and all at random."""

import random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.errors import ClientError, Unavailable
from netra_actors.identity import ConnectionID, UserID
from netra_actors.sessions.directory import Done
from netra_actors.sessions.entry import SessionEntry
from tests.sessions.records import FlakyRecord
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import FakeSubscriber, check_grammar, open_world, types


async def test_a_session_put_away_comes_back_as_it_was(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        await world.send("say:one tool:1")
        before = await world.settle()
        entry = await world.entry()
        shown, epoch = entry.log.fold()[1].snapshot(), entry.log.epoch
        assert await world.sessions.put_away_idle(after_s=3600) == 0
        assert await world.sessions.put_away_idle(after_s=0) == 1
        assert world.sessions.peek(UserID("alice")) is None
        again = await world.entry()
        assert again is not entry
        assert (again.log.fold()[1].snapshot(), again.log.epoch) == (shown, epoch)
        assert again.log.head == len(before)
        await world.send("say:two")
        check_grammar(await world.settle())


async def test_what_is_in_use_stays(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        phone, entry = FakeSubscriber(), await world.entry()
        entry.attach(phone)
        await world.entry("bob")
        await world.send("sleep:9", user="carol")
        assert await world.sessions.put_away_idle(after_s=0) == 1
        assert {live.user_id for live in world.sessions.live()} == {"alice", "carol"}
        entry.detach(phone)
        entry.detach(phone)
        await world.settle("carol")
        assert await world.sessions.put_away_idle(after_s=0) == 2


async def test_the_older_of_two_workers_gives_way(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as old:
        sent = await old.send("sleep:5 say:never")
        phone, entry = FakeSubscriber(), await old.entry()
        entry.attach(phone)
        async with open_world(scripted, record=old.record, ids=old.ids) as new:
            await new.send("say:hi")
            head = len(await new.settle())
            with pytest.raises(Unavailable):
                await old.send("say:too late")
            await trio.sleep(1)
            assert (entry.state, phone.code) == ("lost", 4001)
            assert entry.engine.active == {}
            events = await new.events()
            assert len(events) == head
            check_grammar(events)
            ends = [e for e in events if (e.type, e.run_id) == ("agent_completed", sent["run_id"])]
            assert [payload(e).status for e in ends] == ["interrupted"]
            assert "say:too late" not in [
                payload(e).content for e in events if e.type == "user_message"
            ]
            entry.detach(phone)


async def test_a_sweep_loads_what_it_can(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with open_world(scripted) as world:
        for name in ("alice", "bob", "carol"):
            await world.send("sleep:30", user=name)
        async with open_world(scripted, record=FlakyRecord(world.record), ids=world.ids) as later:
            later.record.broken_for = "bob"
            assert await later.sessions.sweep() == 2
            for name in ("alice", "carol"):
                assert payload((await later.settle(name))[-1]).status == "interrupted"


async def test_an_erased_user_leaves_nothing_and_begins_anew(autojump_clock: MockClock) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        await world.send("forever")
        entry, phone = await world.entry(), FakeSubscriber()
        entry.attach(phone)
        await world.send("say:mine", user="bob")
        await world.sessions.erase(world.context())
        assert phone.code == 4403
        assert record.memory._shelves.keys() == {"bob"}
        await world.send("say:new")
        events = await world.settle()
        check_grammar(events)
        assert types(events).count("user_message") == 1
        await world.settle("bob")


async def test_who_loads_while_a_user_is_erased_does_not_bring_it_back(
    autojump_clock: MockClock,
) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record) as world:
        await world.send("say:secret")
        await world.settle()
        await world.sessions.put_away_idle(after_s=0)
        record.silent = trio.Event()
        outcome: list[Any] = []

        async def load() -> None:
            try:
                outcome.append(await world.entry())
            except Unavailable as refused:
                outcome.append(refused)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(load)
            await trio.sleep(1)
            nursery.start_soon(world.sessions.erase, world.context())
            await trio.sleep(1)
            record.silent.set()
        assert isinstance(outcome[0], Unavailable)
        await world.sessions.put_away_idle(after_s=0)
        assert record.memory._shelves == {}


@pytest.mark.parametrize("attached", [False, True])
async def test_a_session_whose_task_dies_sends_everybody_away_and_another_takes_its_place(
    attached: bool, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    boom, act = trio.Event(), SessionEntry._act

    async def dying(entry: SessionEntry) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(act, entry)
            await boom.wait()
            raise RuntimeError("a defect of the session itself")

    async with open_world(scripted) as world:
        monkeypatch.setattr(SessionEntry, "_act", dying)
        sent = await world.send("forever")
        phone, entry = FakeSubscriber(connection_id=ConnectionID("conn_1")), await world.entry()
        if attached:
            entry.attach(phone)
        monkeypatch.setattr(SessionEntry, "_act", act)
        boom.set()
        await trio.sleep(1)
        if attached:
            assert phone.code == 4050
            with trio.fail_after(1), pytest.raises(Unavailable, match="is ending"):
                await world.entry()
            entry.detach(phone)
        with trio.fail_after(1):
            again = await world.entry()
        assert again is not entry
        events = await world.settle()
        check_grammar(events)
        assert (events[-1].run_id, payload(events[-1]).status) == (sent["run_id"], "interrupted")
        await world.send("say:hello")
        check_grammar(await world.settle())


_STEPS = (
    "sleep:1 sleep:7 tool:2 say:x think fails crash forever linger:2 twice:tool:1 sub:sub:tool:1 "
    "report"
)


def _message(choose: random.Random, threads: list[str], number: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "type": "user_message",
        "content": " ".join(choose.choices(_STEPS.split(), k=choose.randint(1, 4))),
        "policy": choose.choice(["enqueue", "enqueue", "interrupt", "reject"]),
        "priority": choose.choice(["low", "normal", "high"]),
        "message_id": f"m{choose.randint(0, number)}",
    }
    if threads and choose.random() < 0.7:
        message["thread_id"] = choose.choice(threads)
    return message


def _command(choose: random.Random, threads: list[str], runs: list[str], number: int) -> Any:
    thread = choose.choice([*threads, "thr_none"])
    stops: list[dict[str, Any]] = [
        {"run_id": choose.choice([*runs, "run_none"])},
        {"message_id": f"m{number}"},
    ]
    stops += [{"thread_id": thread}, {"all": True}]
    other = [
        {"type": "stop_agent", **choose.choice(stops)},
        {"type": "create_thread", "title": "t"},
        {"type": "rename_thread", "thread_id": thread, "title": "n"},
        {"type": "delete_thread", "thread_id": thread, "message_id": f"d{choose.randint(0, 5)}"},
        {"type": "get_thread_history", "thread_id": thread},
        {"type": "list_threads", "message_id": f"l{choose.randint(0, 5)}"},
    ]
    return _message(choose, threads, number) if choose.random() < 0.6 else choose.choice(other)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_asked_in_whatever_order_the_log_is_whole(
    seed: int, autojump_clock: MockClock
) -> None:
    choose = random.Random(seed)  # noqa: S311  # a programme, no secret
    record = FlakyRecord()
    threads: list[str] = []
    runs: list[str] = []
    told: list[list[Done | ClientError]] = []
    async with open_world(scripted, record=record, queue_capacity=4) as world:
        entry = await world.entry()
        for number in range(60):
            told.append(world.post(entry, _command(choose, threads, runs, number)))
            if choose.random() < 0.05:
                record.lose_replies = 1
            if choose.random() < 0.5:
                await trio.sleep(choose.choice([0.0, 0.1, 1.0, 5.0]))
            for done in (answers[0] for answers in told if answers):
                if isinstance(done, Done):
                    threads += [done.fields["thread_id"]] if "run_id" in done.fields else []
                    runs += [done.fields["run_id"]] if "run_id" in done.fields else []
        await world.ask({"type": "stop_agent", "all": True})
        events = await world.settle()
        check_grammar(events)
        assert all(len(answers) == 1 for answers in told)
        assert entry.state == "running"
        assert entry.restarts == 0
        assert entry.engine.idle
        assert entry.engine.nursery is not None
        assert not entry.engine.nursery.child_tasks
        for (answer,) in told:
            if isinstance(answer, Done):
                assert 0 <= answer.fields["at"] <= len(events)
                if "run_id" in answer.fields:
                    at = events[answer.fields["at"] - 1]
                    assert (at.type, at.run_id) == ("user_message", answer.fields["run_id"])
        assert await record.memory.open_runs(UserID("alice")) == []


async def test_a_session_that_is_loaded_while_the_worker_leaves_starts_nothing(
    autojump_clock: MockClock,
) -> None:
    async with open_world(scripted) as world:
        world.sessions.pause()
        fields = await world.send("hello")
        events = await world.events()
        entry = await world.entry()
        assert not entry.engine.active
        assert fields["run_id"] in entry.engine.queue
    assert types(events)[-1] == "run_queued"
