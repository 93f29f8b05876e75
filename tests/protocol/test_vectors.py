"""The vectors fit the code, and they are what the generator makes."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from netra_actors.errors import ClientError, IllegalTransition
from netra_actors.protocol.applying import Verdict, judge
from netra_actors.protocol.commands import command_fields, decode_command
from netra_actors.protocol.events import PAYLOADS, Unknown
from netra_actors.protocol.inbound import Received, decode_server
from netra_actors.protocol.lifecycle import Lifecycle
from netra_actors.protocol.state import State
from scripts.fold_vectors import unpack
from scripts.generate_vectors import VECTORS, documents


def _cases(name: str) -> list[Any]:
    cases: list[Any] = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases]


def _received(frames: list[dict[str, Any]]) -> list[Received]:
    (received,) = [decode_server(msgspec.json.encode(frames))]
    return [item for item in received if isinstance(item, Received)]


@pytest.mark.parametrize("case", _cases("fold"))
def test_every_cut_of_a_history_folds_to_the_same_state(case: dict[str, Any]) -> None:
    case = unpack(case)
    events = [received.event for received in _received(case["events"])]
    state = State()
    for event in events:
        state.apply(event)
        expected = case["states"].get(str(event.seq))
        assert expected is None or state.snapshot() == expected
    for at, snapshot in case["states"].items():
        resumed = State.from_snapshot(snapshot, int(at))
        for event in events[int(at) :]:
            resumed.apply(event)
        assert resumed.snapshot() == state.snapshot()
        assert resumed.applied == state.applied


@pytest.mark.parametrize("case", _cases("fold"))
def test_merged_frames_fold_like_single_ones(case: dict[str, Any]) -> None:
    case = unpack(case)
    frames = case.get("merged", case["events"])
    state = State()
    for received in _received(frames):
        assert judge(state.applied, received.seq_from, received.event.seq) is Verdict.APPLY
        state.apply(received.event)
    assert state.snapshot() == case["states"][str(state.applied)]


@pytest.mark.parametrize("case", _cases("lifecycle"))
def test_the_grammar_gives_each_step_its_verdict(case: dict[str, Any]) -> None:
    lifecycle = Lifecycle()
    for step in case["steps"]:
        payload = msgspec.convert(step["payload"], PAYLOADS.get(step["type"], Unknown))
        try:
            lifecycle.advance(payload, run_id=step["run_id"], parent_run_id=step["parent_run_id"])
        except IllegalTransition:
            legal = False
        else:
            legal = True
        assert legal is step["legal"], step
        assert list(lifecycle.runs) == step["open"]


@pytest.mark.parametrize("case", _cases("decode"))
def test_each_frame_is_its_command_or_its_error(case: dict[str, Any]) -> None:
    raw = case.get("frame_base64")
    frame = case["frame"] if raw is None else base64.b64decode(raw)
    expect = case["expect"]
    if "error" in expect:
        with pytest.raises(ClientError) as caught:
            decode_command(frame, user_id="u_1")
        error = caught.value
        assert {
            "error": error.code,
            "field": error.field,
            "message_id": error.message_id,
            "re": error.re,
            "rpc_id": error.rpc_id,
        } == expect
        return
    decoded = decode_command(frame, user_id="u_1")
    assert decoded.command.type == expect["type"]
    fields = msgspec.json.decode(msgspec.json.encode(command_fields(decoded.command)))
    assert fields == expect["fields"]
    assert decoded.digest == expect["digest"]
    assert decoded.message_id == expect["message_id"]


@pytest.mark.parametrize("case", _cases("apply"))
def test_each_arrival_has_its_verdict(case: dict[str, Any]) -> None:
    applied = case["applied"]
    for step in case["steps"]:
        verdict = judge(applied, step["seq_from"], step["seq"])
        assert verdict.value == step["verdict"]
        applied = step["seq"] if verdict is Verdict.APPLY else applied
        assert applied == step["applied"]


def test_the_vectors_are_what_the_generator_makes() -> None:
    written = {path.name: path.read_text() for path in Path(VECTORS).glob("*.json")}
    assert written == dict(documents()), "run: python -m scripts.generate_vectors"
