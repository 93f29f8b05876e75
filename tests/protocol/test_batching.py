import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.protocol.batching import frames, lines_of, merge_partials
from netra_actors.protocol.events import Event, PartialResult, encode_event
from netra_actors.protocol.inbound import Received, decode_server
from netra_actors.protocol.state import State
from scripts.histories import History


def _partial(seq: int, content: str = "a", run_id: str = "r", *, done: bool = False) -> bytes:
    payload = PartialResult(content=content, is_complete=done)
    return encode_event(
        Event(type="partial_result", seq=seq, timestamp=1000 + seq, run_id=run_id, payload=payload)
    )


def _received(frame: bytes) -> list[Received]:
    return [item for item in decode_server(frame) if isinstance(item, Received)]


def test_a_stored_chunk_is_its_lines() -> None:
    assert lines_of(b'{"a":1}\n{"b":2}\n') == [b'{"a":1}', b'{"b":2}']
    assert lines_of(b"") == []


def test_arrays_are_filled_up_to_the_bound() -> None:
    lines = [b"1" * 10, b"2" * 10, b"3" * 10]
    assert frames(lines, as_array=True, max_bytes=23) == [
        b"[" + lines[0] + b"," + lines[1] + b"]",
        lines[2],
    ]
    assert frames(lines, as_array=True, max_bytes=22) == lines
    assert frames(lines, as_array=False) == lines
    assert frames(lines[:1], as_array=True) == lines[:1]
    assert frames([], as_array=True) == []


def test_an_event_beyond_the_bound_goes_alone() -> None:
    lines = [b"1" * 5, b"2" * 100, b"3" * 5, b"4" * 5]
    assert frames(lines, as_array=True, max_bytes=30) == [
        lines[0],
        lines[1],
        b"[" + lines[2] + b"," + lines[3] + b"]",
    ]


def test_neighbouring_partials_of_one_run_become_one() -> None:
    (merged,) = merge_partials([_partial(5, "a"), _partial(6, "😀"), _partial(7, "c", done=True)])
    assert msgspec.json.decode(merged) == {
        "type": "partial_result",
        "seq_from": 5,
        "seq": 7,
        "timestamp": 1007,
        "thread_id": None,
        "run_id": "r",
        "parent_run_id": None,
        "message_id": None,
        "payload": {"content": "a😀c", "is_complete": True},
    }


def test_what_is_merged_can_be_merged_again() -> None:
    (merged,) = merge_partials([_partial(5), _partial(6)])
    (more,) = merge_partials([merged, _partial(7)])
    assert [(item.seq_from, item.event.seq) for item in _received(more)] == [(5, 7)]
    (most,) = merge_partials([_partial(4), more])
    assert [(item.seq_from, item.event.seq) for item in _received(most)] == [(4, 7)]


def test_other_runs_holes_and_other_events_are_kept_apart() -> None:
    other = encode_event(Event(type="erased", seq=3, timestamp=1, payload=PartialResult(
        content="", is_complete=False)))  # fmt: skip
    lines = [_partial(1), _partial(2, run_id="x"), other, _partial(4), _partial(6)]
    assert merge_partials(lines) == lines
    assert merge_partials([]) == []


def test_merging_stops_at_the_bound() -> None:
    lines = [_partial(seq, "a" * 100) for seq in range(1, 11)]
    merged = merge_partials(lines, max_bytes=len(lines[0]) * 4)
    assert [len(_received(line)) for line in merged] == [1, 1, 1]
    assert all(len(line) <= len(lines[0]) * 4 for line in merged)
    assert [_received(line)[0].event.seq for line in merged] == [4, 8, 10]


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(100, 4_000), st.booleans())
def test_frames_carry_every_seq_once_and_fold_the_same(
    rng: random.Random, max_bytes: int, as_array: bool
) -> None:
    events = History(rng).write(25)
    lines = [encode_event(event) for event in events]
    merged = merge_partials(lines, max_bytes=max_bytes)
    state, expected = State(), State()
    seqs: list[int] = []
    for event in events:
        expected.apply(event)
    for frame in frames(merged, as_array=as_array, max_bytes=max_bytes):
        received = _received(frame)
        assert len(frame) <= max_bytes or len(received) == 1
        for item in received:
            seqs += range(item.seq_from, item.event.seq + 1)
            state.apply(item.event)
    assert seqs == [event.seq for event in events]
    assert state.snapshot() == expected.snapshot()
