import random

import msgspec
import pytest

from netra_actors.protocol import events as e
from netra_actors.protocol.snapshots import MAX_SNAPSHOT_BYTES, encode_state
from netra_actors.protocol.state import State
from scripts.fold_vectors import Script, say
from scripts.histories import History


def _state(events: list[e.Event]) -> State:
    state = State()
    for event in events:
        state.apply(event)
    return state


def test_an_ordinary_state_is_sent_as_it_is() -> None:
    rng = random.Random(1)  # noqa: S311  # the same in every run
    state = _state(History(rng).write(100))
    assert msgspec.json.decode(encode_state(state)) == state.snapshot()


def _worst(messages: int) -> State:
    script = Script()
    for number in range(messages):
        script.start(f"run_{number}", f"thr_{number}", "\x01" * 5_000)
        script.end(f"run_{number}", "\x01" * 5_000)
    for number in range(12):
        script.start(f"open_{number}")
        script.act(f"open_{number}", *[say("\x01" * 8_000)] * 8)
        thought = e.AgentThinking(thought="\x01" * 200, urgency="low")
        script.act(f"open_{number}", *[thought] * 100)
    return _state(script.events)


@pytest.mark.parametrize("messages", [0, 60])
def test_the_worst_state_still_fits_a_frame(messages: int) -> None:
    state = _worst(messages)
    before = state.snapshot()
    assert len(msgspec.json.encode(before)) > MAX_SNAPSHOT_BYTES
    body = encode_state(state)
    assert len(body) <= MAX_SNAPSHOT_BYTES - 64
    shown = msgspec.json.decode(body)
    assert shown["threads"] == before["threads"]
    assert [run["run_id"] for run in shown["runs"]] == [run["run_id"] for run in before["runs"]]
    assert state.snapshot() == before
    State.from_snapshot(shown)


def test_steps_and_text_go_before_messages() -> None:
    state = _worst(3)
    whole = state.snapshot()
    size = len(msgspec.json.encode(whole))
    half = msgspec.json.decode(encode_state(state, size - 1))
    assert half["messages"] == whole["messages"]
    for run, before in zip(half["runs"], whole["runs"], strict=True):
        assert before["text"].endswith(run["text"])
        assert len(run["text"]) == len(before["text"]) // 2
        assert run["steps"] == before["steps"][len(before["steps"]) - len(before["steps"]) // 2 :]
    least = msgspec.json.decode(encode_state(state, 0))
    assert all(run["text"] == "" and not run["steps"] for run in least["runs"])
    assert {message["cut"] for message in least["messages"]} == {True, False}
    assert {len(message["content"]) for message in least["messages"]} == {4, 256}
