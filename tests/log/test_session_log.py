"""A session's log: seqs without holes, bounds with named policies, and the end of it."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.errors import IllegalTransition, LogFull
from netra_actors.identity import MessageID
from netra_actors.log.cursor import Cursor
from netra_actors.log.limits import EventTooLarge, LogStatus
from netra_actors.log.port import Answer, Outcome
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.events import (
    AgentCompleted,
    AgentStarted,
    PartialResult,
    ThreadCreated,
    UserMessage,
)
from netra_actors.protocol.snapshots import encode_state
from netra_actors.protocol.state import State
from tests.log.records import GatedRecord, make_committer, make_log, say


def loose(**limits: Any) -> SessionLog:
    """Return a log whose committer does not run."""
    return make_log(make_committer(GatedRecord()), **limits)


def answer(name: str) -> Answer:
    return Answer(message_id=MessageID(name), digest="d", body=b"{}")


def test_a_refused_event_gets_no_seq_and_leaves_no_trace() -> None:
    log = loose(event_bytes=1000)
    say(log)
    before = (log.head, log.uncommitted_bytes, log.committer.uncommitted_bytes)
    with pytest.raises(IllegalTransition):
        log.append(PartialResult(content="early", is_complete=False), run_id="run_1")
    with pytest.raises(EventTooLarge, match="at most 1000"):
        say(log, 1000)
    assert (log.head, log.uncommitted_bytes, log.committer.uncommitted_bytes) == before
    assert say(log).seq == 2


def start_run(log: SessionLog, run_id: str = "run_1") -> None:
    ids = {"thread_id": "thr_1", "run_id": run_id, "message_id": "msg_1"}
    log.append(UserMessage(content="hi", priority="normal", policy="enqueue"), **ids)
    log.append(AgentStarted(agent_name="a"), **ids)


def test_a_full_log_refuses_but_a_run_can_still_be_closed() -> None:
    log = loose(full_bytes=3000, reserve_bytes=500)
    start_run(log)
    while True:
        try:
            say(log)
        except LogFull:
            break
    assert log.uncommitted_bytes <= 3000
    with pytest.raises(LogFull, match="wait for the record"):
        say(log)
    assert log.uncommitted_bytes > 2800
    terminal = AgentCompleted(status="failed", duration_ms=0, metrics={})
    log.append(terminal, thread_id="thr_1", run_id="run_1", message_id="msg_1")
    assert not log.lifecycle.runs
    assert log.uncommitted_bytes <= 3500


def test_the_reserve_has_an_end_too() -> None:
    log = loose(full_bytes=3000, reserve_bytes=500)
    start_run(log)
    long = AgentCompleted(status="failed", duration_ms=0, metrics={}, final_response="x" * 4000)
    with pytest.raises(LogFull):
        log.append(long, thread_id="thr_1", run_id="run_1", message_id="msg_1")
    assert "run_1" in log.lifecycle.runs


def test_what_is_taken_is_frozen() -> None:
    log = loose()
    say(log)
    log.keep_answer(answer("m1"))
    first = log.take()
    say(log)
    log.keep_answer(answer("m2"))
    assert first is not None
    assert (first.seq_from, first.seq_to, len(first.events), len(first.answers)) == (1, 1, 1, 1)
    log.settle(Outcome.COMMITTED)
    second = log.take()
    assert second is not None
    assert (second.seq_from, second.seq_to) == (2, 2)
    assert [stored.message_id for stored in second.answers] == ["m2"]
    assert (first.takes_term, second.takes_term) == (True, False)


def test_an_answer_alone_is_committed_without_events() -> None:
    log = loose()
    log.keep_answer(answer("m1"))
    assert not log.settled
    taken = log.take()
    assert taken is not None
    assert (taken.seq_from, taken.seq_to, taken.body, taken.events) == (1, 0, b"", ())
    log.settle(Outcome.COMMITTED)
    assert log.settled
    assert log.take() is None


def test_settling_what_was_not_taken_is_a_defect() -> None:
    with pytest.raises(RuntimeError, match="settle without take"):
        loose().settle(Outcome.COMMITTED)


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.QUARANTINED])
def test_a_log_that_is_closed_discards_without_raising(outcome: Outcome) -> None:
    log = loose()
    heard: list[LogStatus] = []
    log.on_close = heard.append
    say(log)
    log.take()
    say(log)
    told: list[bool] = []
    log.when_committed(2, told.append)
    log.settle(outcome)
    status = LogStatus.LOST if outcome is Outcome.LOST else LogStatus.QUARANTINED
    assert (log.status, heard, told) == (status, [status], [False])
    assert say(log).seq == 0
    assert (log.head, log.discarded) == (2, 3)
    assert log.uncommitted_bytes == log.committer.uncommitted_bytes == 0
    log.keep_answer(answer("m1"))
    assert log.take() is None
    log.when_committed(2, told.append)
    assert told == [False, False]


def test_a_closed_log_without_listener_is_closed_all_the_same() -> None:
    log = loose()
    say(log)
    log.take()
    log.settle(Outcome.LOST)
    assert log.status is LogStatus.LOST


def test_who_waits_for_an_early_event_does_not_wait_for_a_late_one() -> None:
    log = loose()
    for _ in range(3):
        say(log)
    log.take()
    say(log)
    told: list[str] = []
    log.when_committed(4, lambda durable: told.append(f"late {durable}"))
    log.when_committed(2, lambda durable: told.append(f"early {durable}"))
    log.settle(Outcome.COMMITTED)
    assert told == ["early True"]
    log.take()
    log.settle(Outcome.LOST)
    assert told == ["early True", "late False"]


def test_what_is_durable_is_told_at_once() -> None:
    told: list[bool] = []
    loose().when_committed(0, told.append)
    assert told == [True]


async def test_waiting_for_a_commit_says_whether_it_came(nursery: trio.Nursery) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    log = make_log(committer)
    nursery.start_soon(committer.run)
    assert await log.wait_committed(say(log).seq)
    record.verdicts["alice"] = Outcome.LOST
    assert not await log.wait_committed(say(log).seq)


async def test_emitters_wait_above_the_bound_and_go_on_below_it(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    log = make_log(committer, wait_bytes=2000)
    nursery.start_soon(committer.run)
    record.hold()
    passed: list[int] = []

    async def emit() -> None:
        for number in range(40):
            say(log, 100)
            if log.must_breathe:
                await log.breathe()
            passed.append(number)

    nursery.start_soon(emit)
    nursery.start_soon(emit)
    await wait_all_tasks_blocked()
    assert log.uncommitted_bytes < 2000 + 4 * 300
    assert len(passed) < 80
    record.gate.set()
    await committer.wait_idle()
    while len(passed) < 80:
        await trio.sleep(0.01)
    await log.wait_committed(log.head)
    assert log.head == 80


async def test_a_lost_log_lets_waiting_emitters_go(nursery: trio.Nursery) -> None:
    record = GatedRecord(verdicts={"alice": Outcome.LOST})
    committer = make_committer(record)
    log = make_log(committer, wait_bytes=100)
    record.hold()
    nursery.start_soon(committer.run)
    say(log, 500)
    gone = trio.Event()

    async def breathe() -> None:
        await log.breathe()
        gone.set()

    nursery.start_soon(breathe)
    await wait_all_tasks_blocked()
    assert not gone.is_set()
    record.gate.set()
    await gone.wait()


async def test_an_emitter_breathes_after_so_many_events_or_bytes(nursery: trio.Nursery) -> None:
    committer = make_committer(GatedRecord())
    log = make_log(committer, breath_events=3, breath_bytes=1000)
    nursery.start_soon(committer.run)
    say(log)
    say(log)
    assert not log.must_breathe
    say(log)
    assert log.must_breathe
    await log.breathe()
    assert not log.must_breathe
    say(log, 1000)
    assert log.must_breathe


async def test_the_fold_takes_what_is_committed_and_nothing_more(nursery: trio.Nursery) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    log = make_log(committer, tail_bytes=600)
    nursery.start_soon(committer.run)
    uncut = State()
    for number in range(20):
        event = log.append(ThreadCreated(title=f"{number}"), thread_id=f"thr_{number}")
        uncut.apply(event)
        await log.wait_committed(event.seq)
    assert log.first_in_memory > 1
    record.hold()
    log.append(ThreadCreated(title="not yet"), thread_id="thr_later")
    at, state = log.fold()
    assert at == 20
    assert encode_state(state) == encode_state(uncut)
    record.gate.set()


def test_somebody_who_listens_keeps_the_log_unsettled() -> None:
    log = loose()
    assert log.settled
    cursor = Cursor(log, 0, lambda: None)
    cursor.attach()
    assert not log.settled
    cursor.detach()
    assert log.settled
    say(log)
    assert not log.settled
    log.take()
    log.when_committed(1, lambda _: None)
    assert not log.settled
    log.settle(Outcome.COMMITTED)
    assert log.settled


async def test_a_commit_that_leaves_too_much_gives_no_room_yet(nursery: trio.Nursery) -> None:
    log = loose(wait_bytes=100)
    say(log)
    log.take()
    say(log, 500)
    gone = trio.Event()

    async def breathe() -> None:
        await log.breathe()
        gone.set()

    nursery.start_soon(breathe)
    await wait_all_tasks_blocked()
    log.settle(Outcome.COMMITTED)
    await wait_all_tasks_blocked()
    assert not gone.is_set()
    log.take()
    log.settle(Outcome.COMMITTED)
    await gone.wait()
