"""Vectors of the grammar and of the apply rule: sequences with verdicts."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec

from netra_actors.errors import IllegalTransition
from netra_actors.protocol import events as e
from netra_actors.protocol.applying import Verdict, judge
from netra_actors.protocol.lifecycle import Lifecycle
from scripts.histories import History


def lifecycle_vectors() -> Iterator[dict[str, Any]]:
    """Yield legal histories into which events were put that mostly do not belong there."""
    for seed in range(10):
        rng = random.Random(seed)  # noqa: S311  # the same in every run
        events = History(rng).write(25)
        lifecycle = Lifecycle()
        steps = []
        for event in events:
            for intruder in rng.sample(events, min(2, len(events))):
                steps.append(_step(lifecycle, intruder))
                if steps[-1]["legal"]:
                    # What was legal has happened; the rest of the history may not fit any more.
                    break
            steps.append(_step(lifecycle, event))
        yield {"name": f"random {seed}", "steps": steps}


def _step(lifecycle: Lifecycle, event: e.Event) -> dict[str, Any]:
    step = {
        "type": event.type,
        "run_id": event.run_id,
        "parent_run_id": event.parent_run_id,
        "payload": msgspec.to_builtins(event.payload),
    }
    try:
        lifecycle.advance(
            event.payload,
            run_id=event.run_id,
            parent_run_id=event.parent_run_id,
            thread_id=event.thread_id,
            message_id=event.message_id,
        )
    except IllegalTransition:
        return {**step, "legal": False, "open": list(lifecycle.runs)}
    return {**step, "legal": True, "open": list(lifecycle.runs)}


def apply_vectors() -> Iterator[dict[str, Any]]:
    """Yield streams as a network may bring them, and what a client does with each event."""
    streams = {
        "in order": [(1, 1), (2, 2), (3, 3)],
        "duplicates": [(1, 1), (1, 1), (2, 2), (1, 1)],
        "a hole": [(1, 1), (3, 3), (2, 2), (3, 3)],
        "merged": [(1, 4), (5, 5), (6, 9), (10, 10)],
        "merged over what is applied": [(1, 1), (2, 2), (2, 4), (3, 4)],
        "merged after a hole": [(1, 1), (3, 6), (2, 6)],
        "merged and applied already": [(1, 5), (2, 4), (1, 5), (6, 6)],
        "from the start": [(2, 2), (1, 1)],
    }
    for at in (0, 1041):
        for name, stream in streams.items():
            applied, steps = at, []
            for seq_from, seq in stream:
                verdict = judge(applied, seq_from + at, seq + at)
                applied = seq + at if verdict is Verdict.APPLY else applied
                steps.append({
                    "seq_from": seq_from + at,
                    "seq": seq + at,
                    "verdict": verdict.value,
                    "applied": applied,
                })
            yield {"name": f"{name}, after {at}", "applied": at, "steps": steps}
