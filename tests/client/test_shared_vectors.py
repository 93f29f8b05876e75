"""The vectors that every client is checked against, through this client's core."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from netra_actors.client.actions import Applied
from netra_actors.client.core import Core
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.state import State

VECTORS: Final = Path(__file__).parents[1] / "vectors"
FOLDS: Final = json.loads((VECTORS / "fold.json").read_text())["cases"]
APPLIES: Final = json.loads((VECTORS / "apply.json").read_text())["cases"]
CUTS: Final = 12
"""At how many places, at most, a stream is cut: the fold itself is checked at all of them."""


def whole(value: Any) -> Any:
    """Write out the repetitions that keep the vectors small."""
    match value:
        case {"$repeat": parts}:
            return "".join(unit * count for unit, count in parts)
        case dict():
            return {key: whole(item) for key, item in value.items()}
        case list():
            return [whole(item) for item in value]
    return value


def opened(applied: int, mode: str) -> Core:
    cursor = Cursor(epoch="e_1", seq=applied) if mode == "resumed" else None
    core = Core(state=State(applied), cursor=cursor)
    core.opened(now=0, device=None, thread_id=None)
    welcome = {
        "type": "welcome", "connection_id": "conn_1", "user_id": "u_1", "epoch": "e_1", "head": 0,
        "mode": mode, "heartbeat_s": 25, "expires_in_s": None, "plan": "mid", "server_time": 0,
        "limits": {"max_message_bytes": 8192, "window_bytes": 1048576},
    }  # fmt: skip
    core.receive(json.dumps(welcome), now=0)
    return core


@pytest.mark.parametrize("case", APPLIES, ids=lambda case: case["name"])
def test_the_apply_rule(case: dict[str, Any]) -> None:
    core = opened(case["applied"], "resumed")
    for step in case["steps"]:
        payload = {"content": "x", "is_complete": False}
        span = {"seq_from": step["seq_from"], "seq": step["seq"]}
        frame = {"type": "partial_result", "timestamp": 0, "payload": payload, **span}
        actions = core.receive(json.dumps(frame), now=0)
        was_applied = [action for action in actions if isinstance(action, Applied)]
        assert bool(was_applied) == (step["verdict"] == "apply")
        assert core.applied == step["applied"]


@pytest.mark.parametrize("case", FOLDS, ids=lambda case: case["name"])
def test_a_snapshot_anywhere_and_the_tail_give_the_same_state(case: dict[str, Any]) -> None:
    events, states = whole(case["events"]), case["states"]
    last = whole(states[str(len(events))])
    streams = [events, whole(case["merged"])] if "merged" in case else [events]
    for stream in streams:
        core = opened(0, "fresh")
        core.receive(json.dumps(stream), now=0)
        assert core.state.snapshot() == last
    for position in list(states)[:: max(1, len(states) // CUTS)]:
        core, at = opened(0, "snapshot"), int(position)
        state = whole(states[position])
        core.receive(json.dumps({"type": "snapshot", "at": at, "state": state}), now=0)
        core.receive(json.dumps(events[at:]), now=0)
        assert core.state.snapshot() == last
        assert core.applied == len(events)
