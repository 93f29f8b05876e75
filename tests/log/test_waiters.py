"""Waiters of a commit: each called once, in order, whatever the others do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from netra_actors.log.waiters import CommitWaiters


def test_only_those_whose_seq_is_durable_are_told() -> None:
    waiters, told = CommitWaiters(), list[tuple[str, bool]]()
    waiters.add(10, lambda durable: told.append(("late", durable)))
    waiters.add(5, lambda durable: told.append(("early", durable)))
    waiters.committed(7)
    assert told == [("early", True)]
    waiters.lost()
    assert told == [("early", True), ("late", False)]
    assert not waiters


def test_those_of_one_seq_are_told_in_the_order_they_came() -> None:
    waiters, told = CommitWaiters(), list[int]()
    for number in range(5):
        waiters.add(3, lambda _, number=number: told.append(number))  # type: ignore[misc]
    waiters.committed(3)
    assert told == [0, 1, 2, 3, 4]


def _explode(_: bool) -> None:
    raise OSError("gone")


@pytest.mark.parametrize("durable", [True, False])
def test_a_waiter_that_raises_is_logged_and_the_others_hear(durable: bool) -> None:
    waiters, told = CommitWaiters(), list[bool]()
    waiters.add(1, _explode)
    waiters.add(1, told.append)
    with capture_logs() as logs:
        if durable:
            waiters.committed(1)
        else:
            waiters.lost()
    assert told == [durable]
    assert [entry["event"] for entry in logs] == ["commit_waiter_failed"]


def test_a_waiter_that_is_added_while_others_are_told_waits_its_turn() -> None:
    waiters, told = CommitWaiters(), list[bool]()
    waiters.add(1, lambda _: waiters.add(1, told.append))
    waiters.committed(1)
    assert told == []
    waiters.committed(1)
    assert told == [True]


@given(st.lists(st.integers(1, 30), max_size=30), st.lists(st.integers(0, 30), max_size=8))
def test_everybody_hears_once_and_the_truth(seqs: list[int], commits: list[int]) -> None:
    waiters = CommitWaiters()
    heard: dict[int, list[bool]] = {index: [] for index in range(len(seqs))}
    for index, seq in enumerate(seqs):
        waiters.add(seq, heard[index].append)
    for upto in sorted(commits):
        waiters.committed(upto)
        assert all(heard[i] == ([True] if seq <= upto else []) for i, seq in enumerate(seqs))
    waiters.lost()
    reached = max(commits, default=0)
    assert all(heard[i] == [seq <= reached] for i, seq in enumerate(seqs))
