import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.protocol import events as e
from netra_actors.protocol.batching import merge_partials
from netra_actors.protocol.events import decode_event, encode_event
from netra_actors.protocol.state import ALL_STEPS, ALL_TEXT_BYTES, MAX_RUNS, State
from scripts.fold_vectors import Script, say
from scripts.histories import History


def _fold(events: list[e.Event], state: State | None = None) -> State:
    state = State() if state is None else state
    for event in events:
        state.apply(event)
    return state


def _event(payload: e.Payload, seq: int = 1, **envelope: Any) -> e.Event:
    return e.Event(type=payload.type, seq=seq, timestamp=1000, payload=payload, **envelope)


def _runs(script: Script) -> dict[str, dict[str, Any]]:
    return {run["run_id"]: run for run in _fold(script.events).snapshot()["runs"]}


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.randoms(use_true_random=False), st.data())
def test_a_snapshot_and_its_tail_are_the_uncut_log(rng: random.Random, data: st.DataObject) -> None:
    events = History(rng).write(40)
    cut = data.draw(st.integers(0, len(events)))
    whole = _fold(events)
    at = _fold(events[:cut])
    # Through JSON, as it travels.
    sent = msgspec.json.decode(msgspec.json.encode(at.snapshot()))
    resumed = _fold(events[cut:], State.from_snapshot(sent, cut))
    assert resumed.snapshot() == whole.snapshot()
    assert resumed.applied == whole.applied == len(events)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.randoms(use_true_random=False), st.integers(0, 40))
def test_long_texts_and_many_runs_change_nothing_of_that(rng: random.Random, cut: int) -> None:
    script = Script()
    for number in range(rng.randint(3, 7)):
        script.start(f"run_{number}")
    for _ in range(40):
        run_id = rng.choice(list(script.lifecycle.runs))
        if rng.random() < 0.1 and len(script.lifecycle.runs) > 1:
            script.end(run_id, "x")
        else:
            script.act(run_id, *[say(rng.choice(("€", "ab", "😀")) * 9_000)] * rng.randint(1, 3))
    events = script.events
    whole = _fold(events)
    resumed = _fold(events[cut:], State.from_snapshot(_fold(events[:cut]).snapshot(), cut))
    assert resumed.snapshot() == whole.snapshot()
    merged = merge_partials([encode_event(event) for event in events], max_bytes=200_000)
    assert len(merged) < len(events)
    assert _fold([decode_event(line) for line in merged]).snapshot() == whole.snapshot()


def test_open_runs_share_the_room_for_text() -> None:
    script = Script()
    for number in range(8):
        script.start(f"run_{number}")
        script.act(f"run_{number}", *[say("x" * 30_000)] * 3)
    runs = _runs(script)
    assert {len(run["text"]) for run in runs.values()} == {ALL_TEXT_BYTES // 8}
    script.end("run_0", None)
    script.act("run_1", say("y" * 10_000))
    runs = _runs(script)
    assert len(runs["run_1"]["text"]) == ALL_TEXT_BYTES // 7
    assert len(runs["run_2"]["text"]) == ALL_TEXT_BYTES // 8


def test_open_runs_share_the_room_for_steps() -> None:
    script = Script()
    thought = e.AgentThinking(thought="hm", urgency="low")
    for number in range(20):
        script.start(f"run_{number}")
        script.act(f"run_{number}", *[thought] * 120)
    assert sum(len(run["steps"]) for run in _runs(script).values()) == ALL_STEPS


def test_the_number_of_open_runs_is_bounded() -> None:
    script = Script()
    for number in range(MAX_RUNS + 5):
        script.ask(f"run_{number}")
    assert len(_runs(script)) == MAX_RUNS


def test_an_event_that_shows_nothing_moves_the_position_only() -> None:
    script = Script()
    script.start("run_1")
    state = _fold(script.events)
    before = state.snapshot()
    for payload in (e.Erased(), e.Unknown(), e.ProgressUpdate(), e.Custom(name="x")):
        state.apply(_event(payload, 9, run_id="run_1"))
    assert state.applied == 9
    assert state.snapshot() == before


@pytest.mark.parametrize("run_id", [None, "gone"])
@pytest.mark.parametrize(
    "payload",
    [
        e.RunQueued(place=1),
        e.RunCancelling(by="phone"),
        e.AgentThinking(thought="hm", urgency="low"),
        e.ToolExecuting(call_id="c", tool_name="t", tool_purpose="p", parameters={}),
        e.ToolCompleted(call_id="c", tool_name="t", status="success", execution_time_ms=1),
        e.PartialResult(content="a", is_complete=False),
        e.SubagentStarted(subagent_run_id="s", subagent_name="a"),
        e.SubagentCompleted(subagent_run_id="s", subagent_name="a"),
        e.AgentCompleted(status="completed", duration_ms=1, metrics={}),
        e.ThreadRenamed(title="a"),
        e.ThreadDeleted(title="a"),
    ],
)
def test_what_the_state_does_not_hold_is_passed_over(
    run_id: str | None, payload: e.Payload
) -> None:
    assert _fold([_event(payload, run_id=run_id)]).snapshot() == State().snapshot()


def test_events_without_thread_or_run_are_bearable() -> None:
    asked = e.UserMessage(content="a", priority="normal", policy="enqueue")
    events = [
        _event(e.ThreadCreated(title="a")),
        _event(asked),
        _event(e.AgentStarted(agent_name="a")),
    ]
    snapshot = _fold(events).snapshot()
    assert (snapshot["threads"], snapshot["runs"]) == ([], [])
    assert snapshot["messages"][0]["message_id"] == ""


def test_a_run_that_does_not_fit_may_come_in_when_it_starts() -> None:
    script = Script()
    for number in range(MAX_RUNS + 1):
        script.ask(f"run_{number}")
    last = f"run_{MAX_RUNS}"
    script.act("run_0", e.AgentStarted(agent_name="a"))
    script.act(last, e.RunQueued(place=1))
    script.end("run_0", None)
    assert last not in _runs(script)
    script.act(last, e.AgentStarted(agent_name="a"))
    assert last in _runs(script)


def test_threads_are_listed_newest_first() -> None:
    script = Script()
    for number in range(3):
        script.emit(e.ThreadCreated(title=f"{number}"), thread_id=f"thr_{number}")
    script._clock += 10_000
    script.start("run_1", "thr_0")
    threads = _fold(script.events).snapshot()["threads"]
    assert threads[0]["thread_id"] == "thr_0"
    assert [thread["updated_at"] for thread in threads] == sorted(
        (thread["updated_at"] for thread in threads), reverse=True
    )


def test_a_snapshot_shares_nothing_with_the_state() -> None:
    script = Script()
    script.start("run_1")
    state = _fold(script.events)
    snapshot = state.snapshot()
    snapshot["runs"][0]["state"] = "queued"
    resumed = State.from_snapshot(state.snapshot())
    resumed.apply(_event(e.RunCancelling(by="phone"), run_id="run_1"))
    assert state.snapshot()["runs"][0]["state"] == "running"


def test_what_is_no_snapshot_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        State.from_snapshot({"threads": 5})


def test_the_oldest_thread_is_forgotten_and_comes_back_without_its_title() -> None:
    script = Script()
    for number in range(101):
        script._clock += 1_000
        script.emit(e.ThreadCreated(title="t"), thread_id=f"thr_{number}")
    threads = _fold(script.events).snapshot()["threads"]
    assert [thread["thread_id"] for thread in threads] == [f"thr_{n}" for n in range(100, 0, -1)]
    script._clock += 1_000
    script.ask("run_1", "thr_0")
    threads = _fold(script.events).snapshot()["threads"]
    assert (len(threads), threads[0]["thread_id"], threads[0]["title"]) == (100, "thr_0", "")


def test_who_waits_behind_moves_up() -> None:
    script = Script()
    for number in range(1, 4):
        script.ask(f"run_{number}")
        script.act(f"run_{number}", e.RunQueued(place=number))
    script.act("run_2", e.AgentStarted(agent_name="a"))
    places = {run_id: run["place"] for run_id, run in _runs(script).items()}
    assert places == {"run_1": 1, "run_2": None, "run_3": 2}
