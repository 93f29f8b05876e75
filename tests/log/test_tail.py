"""The tail: addressed by seq, folded before anything is dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.log.tail import Tail
from netra_actors.protocol.events import Event, ThreadCreated, encode_event
from netra_actors.protocol.snapshots import encode_state
from netra_actors.protocol.state import State


def created(seq: int) -> Event:
    return Event(
        type="thread_created",
        seq=seq,
        timestamp=seq,
        thread_id=f"thr_{seq}",
        payload=ThreadCreated(title=f"title {seq}"),
    )


def filled(count: int, first: int = 1) -> Tail:
    tail = Tail(first)
    for seq in range(first, first + count):
        event = created(seq)
        tail.push(event, encode_event(event))
    return tail


def test_lines_are_found_by_seq() -> None:
    tail = filled(5, first=11)
    assert tail.read(10, 15) == tail.lines
    assert tail.read(12, 14) == tail.lines[2:4]
    assert tail.read(15, 15) == []
    assert tail.size == sum(map(len, tail.lines))


def test_what_is_older_than_the_tail_is_refused() -> None:
    with pytest.raises(LookupError, match="event 10 is older than 11"):
        filled(5, first=11).read(9, 12)


def test_what_follows_a_seq_is_copied() -> None:
    tail = filled(4)
    lines, events = tail.since(2)
    assert [event.seq for event in events] == [3, 4]
    lines.clear()
    assert len(tail.lines) == 4


def test_trimming_keeps_what_is_not_committed() -> None:
    tail = filled(10)
    uncommitted = sum(map(len, tail.lines[6:]))
    tail.trim(6, 0, uncommitted)
    assert tail.first == 7
    assert tail.size == uncommitted
    assert len(tail.events) == len(tail.lines) == 4


def test_trimming_keeps_as_many_bytes_as_asked() -> None:
    tail = filled(10)
    keep = sum(map(len, tail.lines[-3:]))
    tail.trim(10, keep, 0)
    assert tail.first == 8
    assert tail.size == keep


@given(st.lists(st.tuples(st.sampled_from(["push", "fold", "trim"]), st.integers(0, 400))))
def test_a_trimmed_fold_equals_the_uncut_one(steps: list[tuple[str, int]]) -> None:
    tail, whole, committed, head = Tail(1), list[Event](), 0, 0
    for step, number in steps:
        if step == "push":
            head += 1
            event = created(head)
            whole.append(event)
            tail.push(event, encode_event(event))
        else:
            committed = min(head, committed + number % 5)
            if step == "fold":
                tail.fold(committed)
            else:
                rest = sum(len(encode_event(event)) for event in whole[committed:])
                tail.trim(committed, number, rest)
                assert tail.size - rest <= number
                assert tail.first <= committed + 1
    expected = State()
    for event in whole[:committed]:
        expected.apply(event)
    assert encode_state(tail.fold(committed)) == encode_state(expected)
    assert tail.size == sum(map(len, tail.lines))
    assert [event.seq for event in tail.events] == list(range(tail.first, head + 1))
