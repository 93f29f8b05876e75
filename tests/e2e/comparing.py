"""What must be true of a log and of what was seen of it, said without the service's own code."""

import json
from collections.abc import Sequence
from typing import Any

from netra_actors.protocol.events import decode_event
from netra_actors.protocol.state import State
from tests.e2e.wire import Device, Line


def fold(lines: Sequence[bytes]) -> dict[str, Any]:
    """Return the state after *lines*, the whole of a log."""
    state = State()
    for line in lines:
        state.apply(decode_event(line))
    return state.snapshot()


def check_seen(device: Device, stored: Sequence[bytes]) -> None:
    """Check that everything the device was sent lies in the log, at that place, as it came."""
    assert device.faults == [], device.user
    assert device.applied <= len(stored), "it saw what was not stored"
    for line in device.lines:
        if line.seq_from == line.seq:
            assert line.raw == stored[line.seq - 1], (device.user, line.seq)
        else:
            _check_merged(line, stored[line.seq_from - 1 : line.seq])


def check_whole(device: Device, stored: Sequence[bytes]) -> None:
    """Check that the device was sent the whole log, once and in order, and folds to the same."""
    check_seen(device, stored)
    assert device.snapshots == []
    assert [line.seq_from for line in device.lines] == [
        1,
        *(line.seq + 1 for line in device.lines[:-1]),
    ]
    assert device.applied == len(stored)
    assert device.state.snapshot() == fold(stored)


def _check_merged(line: Line, parts: Sequence[bytes]) -> None:
    merged, events = json.loads(line.raw), [json.loads(part) for part in parts]
    assert {event["type"] for event in events} == {"partial_result"}
    assert {event["run_id"] for event in events} == {merged["run_id"]}
    texts = "".join(event["payload"]["content"] for event in events)
    assert merged.pop("seq_from") == line.seq_from
    last = events[-1]
    assert merged == {**last, "payload": {**last["payload"], "content": texts}}


def check_grammar(stored: Sequence[bytes]) -> dict[str, dict[str, Any]]:
    """Check that each run has its place in the log as the protocol has it.

    Returns the payload of each terminal, by run.
    """
    opened: dict[str, set[str]] = {}
    terminals: dict[str, dict[str, Any]] = {}
    for place, line in enumerate(stored, start=1):
        event = json.loads(line)
        assert event["seq"] == place
        run_id, payload, kind = event["run_id"], event["payload"], event["type"]
        if run_id is None or kind in {"user_message", "run_queued", "run_superseded"}:
            continue
        assert run_id not in terminals, f"{kind} at {place} comes after the end of {run_id}"
        if kind == "agent_started":
            assert run_id not in opened
            opened[run_id] = set()
        elif kind == "tool_executing":
            opened[run_id].add(payload["call_id"])
        elif kind == "subagent_started":
            opened[run_id].add(payload["subagent_run_id"])
        elif kind == "tool_completed":
            opened[run_id].remove(payload["call_id"])
        elif kind == "subagent_completed":
            opened[run_id].remove(payload["subagent_run_id"])
            assert terminals[payload["subagent_run_id"]]["status"] == payload["status"]
        elif kind == "agent_completed":
            assert opened[run_id] == set(), f"{run_id} ended around what was open"
            terminals[run_id] = payload
        else:
            assert run_id in opened or kind == "run_cancelling", f"{kind} before agent_started"
    assert set(opened) == set(terminals), "a run was never closed"
    return terminals
