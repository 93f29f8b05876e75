"""Random programmes of commands, stops, outages and reloads; then everything has to add up."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock

from netra_actors.errors import ClientError
from netra_actors.protocol.events import Event
from netra_actors.protocol.snapshots import encode_state
from netra_actors.protocol.state import State
from netra_actors.sessions.directory import Done
from tests.sessions.records import FlakyRecord, power_cut
from tests.sessions.scripts import payload, scripted
from tests.sessions.world import (
    FakeSubscriber,
    World,
    check_grammar,
    counting_ids,
    open_world,
)

SCRIPTS = (
    "say:hi", "sleep:1", "tool:2 say:x", "forever", "crash", "linger:3", "fails say:so", "report",
    "sub:sleep:1+tool:1", "twice:forever", "twice:tool:1+crash", "think sleep:4 say:late",
)  # fmt: skip
MID_PLAN_RUNS = 3
REFUSED = {"conflict", "queue_full", "not_found"}
"""A message that is answered so has left nothing in the log."""
OTHERWISE = {"unavailable", "busy"}
DEFECTS = frozenset(
    "run_broke run_left_open child_crashed child_quarantined session_quarantined log_quarantined "
    "log_lost entry_stop_failed sweep_failed commit_waiter_failed cursor_failed".split()
)
"""What the service logs of itself when it had to contain a fault of its own."""

slot = st.integers(0, 3)
message = st.fixed_dictionaries({
    "content": st.sampled_from(SCRIPTS),
    "thread": st.sampled_from(["current", "new", "new"]) | slot,
    "policy": st.sampled_from(["enqueue", "enqueue", "interrupt", "reject"]),
    "priority": st.sampled_from(["low", "normal", "high"]),
})
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), message),
        st.tuples(st.just("say"), message),
        st.tuples(st.just("say and stop"), message),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])),
        st.tuples(st.just("stop"), st.tuples(st.sampled_from(["run", "message", "thread"]), slot)),
        st.tuples(st.just("stop all"), st.none()),
        st.tuples(st.just("again"), slot),
        st.tuples(st.just("thread"), st.sampled_from(["create", "rename", "delete", "switch"])),
        st.tuples(st.just("record"), st.sampled_from(["down", "up", "hold", "go", "lose"])),
        st.tuples(st.just("put away"), st.none()),
    ),
    max_size=25,
)


@attrs.define(eq=False)
class Asked:
    """A command and whatever it was answered."""

    command: dict[str, Any]
    answers: list[Done | ClientError]


@attrs.define(eq=False)
class Programme:
    """Carries a programme out; remembers what was asked and answered."""

    world: World
    record: FlakyRecord
    device: FakeSubscriber = attrs.field(factory=FakeSubscriber)
    asked: list[Asked] = attrs.field(factory=list)

    async def tell(self, command: dict[str, Any], *, by_http: bool = False) -> None:
        try:
            entry = await self.world.entry()
        except ClientError:
            return  # It cannot be loaded now: the client was told, and nothing was asked.
        origin = None if by_http else self.device
        self.asked.append(Asked(command, self.world.post(entry, command, origin=origin)))

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """What the answered messages were given: thread_id, run_id, message_id."""
        return [
            answer.fields
            for asked in self.asked
            for answer in asked.answers
            if isinstance(answer, Done) and "run_id" in answer.fields
        ]

    def pick(self, index: int, field: str) -> str | None:
        found = [fields[field] for fields in self.accepted]
        return found[-1 - index % len(found)] if found else None

    async def step(self, name: str, what: Any) -> None:
        match name:
            case "say" | "say and stop":
                await self.say(what, stop=name == "say and stop")
            case "wait":
                await trio.sleep(what)
            case "stop":
                field = f"{what[0]}_id"
                if target := self.pick(what[1], field):
                    await self.tell({"type": "stop_agent", field: target})
            case "stop all":
                await self.tell({"type": "stop_agent", "all": True})
            case "again":
                said = [asked.command for asked in self.asked if "content" in asked.command]
                if said:
                    await self.tell(said[-1 - what % len(said)])
            case "thread":
                await self.change_thread(what)
            case "record":
                self.change_record(what)
            case "put away":
                await self.world.sessions.put_away_idle(after_s=0.0)

    async def say(self, what: dict[str, Any], *, stop: bool) -> None:
        message_id = f"m{len(self.asked)}"
        command = {"type": "user_message", "message_id": message_id, **what}
        thread = command.pop("thread")
        thread_id = self.pick(thread, "thread_id") if isinstance(thread, int) else None
        if thread_id is not None:
            command["thread_id"] = thread_id
        # Without a connection there is no current thread.
        await self.tell(command, by_http=thread == "new")
        if stop:
            await self.tell({"type": "stop_agent", "message_id": message_id})

    async def change_thread(self, what: str) -> None:
        thread_id = self.pick(0, "thread_id")
        if what == "create":
            await self.tell({"type": "create_thread", "title": "new"})
        elif thread_id is not None:
            title = {"title": "other"} if what == "rename" else {}
            await self.tell({"type": f"{what}_thread", "thread_id": thread_id, **title})

    def change_record(self, what: str) -> None:
        match what:
            case "down" | "up":
                self.record.down = what == "down"
            case "hold" if self.record.gate.is_set():
                self.record.hold()
            case "go":
                self.record.gate.set()
            case "lose":
                self.record.lose_replies += 1

    def repair(self) -> None:
        self.record.down = False
        self.record.gate.set()

    async def finish(self) -> list[Event]:
        """Bring the record back, stop all that is left, and wait for the end of it."""
        self.repair()
        with trio.fail_after(60):
            while not self.world.committer.available:
                await trio.sleep(0.1)
        await self.world.ask({"type": "stop_agent", "all": True})
        with trio.fail_after(60):
            events = await self.world.settle()
        await trio.sleep(6)  # Answers that waited too long have been given up by then.
        return events


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_whatever_is_asked_and_whatever_breaks_everything_adds_up(
    steps: Sequence[tuple[str, Any]],
) -> None:
    with capture_logs() as logs:
        trio.run(_live, steps, clock=MockClock(autojump_threshold=0))
    assert DEFECTS.isdisjoint(entry["event"] for entry in logs)


async def _live(steps: Sequence[tuple[str, Any]]) -> None:
    record = FlakyRecord()
    async with open_world(scripted, record=record, queue_capacity=3) as world:
        programme = Programme(world, record)
        for name, what in steps:
            await programme.step(name, what)
        events = await programme.finish()
        entry = await world.entry()
        assert entry.engine.idle
        assert entry.engine.nursery is not None
        assert not entry.engine.nursery.child_tasks
        assert world.committer.uncommitted_bytes == 0
        at, state = entry.log.fold()
        assert at == len(events)
        assert encode_state(state) == encode_state(_folded(events))
    check_grammar(events)
    assert all(asked.answers for asked in programme.asked)
    _check_answers(programme.asked, events)
    _check_turns(events)
    _check_deleted(events)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_whatever_is_asked_a_power_cut_leaves_what_was_answered(
    steps: Sequence[tuple[str, Any]],
) -> None:
    with capture_logs() as logs:
        trio.run(_die, steps, clock=MockClock(autojump_threshold=0))
    assert DEFECTS.isdisjoint(entry["event"] for entry in logs)


async def _die(steps: Sequence[tuple[str, Any]]) -> None:
    record, ids = FlakyRecord(), counting_ids()
    async with open_world(scripted, record=record, ids=ids) as world:
        programme = Programme(world, record)
        for name, what in steps:
            await programme.step(name, what)
        left = power_cut(record.memory)
        # What is answered from here on comes from a machine that has no power.
        answered = [Asked(asked.command, [*asked.answers]) for asked in programme.asked]
        programme.repair()
    async with open_world(scripted, record=left, ids=ids) as later:
        before = await later.events()
        await later.sessions.sweep()
        await trio.sleep(0.01)
        await later.ask({"type": "stop_agent", "all": True})
        events = await later.settle()
    assert events[: len(before)] == before
    check_grammar(events)
    _check_answers(answered, events)
    _check_deleted(events)


def _folded(events: Sequence[Event]) -> State:
    state = State()
    for event in events:
        state.apply(event)
    return state


def _check_answers(asked: Sequence[Asked], events: Sequence[Event]) -> None:
    """Every command has one answer, and what was said ok is in the log at that place."""
    messages = {event.message_id: event for event in events if event.type == "user_message"}
    assert len(messages) == sum(event.type == "user_message" for event in events)
    first: dict[str, dict[str, Any]] = {}
    times = Counter(one.command.get("message_id") for one in asked)
    for one in asked:
        if not one.answers:
            continue  # The power went before it was answered.
        assert len(one.answers) == 1, one.command
        answer, message_id = one.answers[0], one.command.get("message_id")
        if isinstance(answer, ClientError):
            assert answer.code in REFUSED | OTHERWISE, (one.command, answer)
            if answer.code in REFUSED and "content" in one.command and times[message_id] == 1:
                assert message_id not in messages
            continue
        assert answer.fields["at"] <= len(events)
        if "content" not in one.command:
            continue
        event = messages[message_id]
        assert (event.seq, event.run_id) == (answer.fields["at"], answer.fields["run_id"])
        assert answer.fields == first.setdefault(str(message_id), answer.fields)


def _check_turns(events: Sequence[Event]) -> None:
    """No two runs of a thread at once, and never more at once than the plan allows."""
    under_way: dict[str | None, str | None] = {}
    stopped: set[str | None] = set()
    cancelling: set[str | None] = set()
    for event in events:
        if event.parent_run_id is not None:
            continue
        if event.type == "run_cancelling":
            cancelling.add(event.run_id)
            if event.run_id not in under_way.values():
                stopped.add(event.run_id)  # It waited: closed in one step, beside the others.
        elif event.type == "agent_completed":
            is_cancelled = payload(event).status == "cancelled"
            assert is_cancelled == (event.run_id in cancelling), "who stopped it is in the log"
            if event.run_id not in stopped:
                del under_way[event.thread_id]
        elif event.type == "agent_started" and event.run_id not in stopped:
            assert event.thread_id not in under_way, "one run for each thread"
            under_way[event.thread_id] = event.run_id
            assert len(under_way) <= MID_PLAN_RUNS


def _check_deleted(events: Sequence[Event]) -> None:
    """Nothing is said in a thread that was deleted."""
    deleted: set[str | None] = set()
    for event in events:
        assert event.thread_id not in deleted
        if event.type == "thread_deleted":
            deleted.add(event.thread_id)
