"""The committer: one frozen batch after the other, whatever the record or the task does."""

from collections.abc import Sequence

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.actors.supervisor import ChildSpec, Restart, RestartBudget, supervise
from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.identity import MessageID, UserID
from netra_actors.log.committer import WAKES_PER_TURN, Committer
from netra_actors.log.cursor import Cursor
from netra_actors.log.limits import LogStatus
from netra_actors.log.port import Answer, Append, Outcome
from netra_actors.protocol.batching import lines_of
from netra_actors.protocol.events import decode_event
from tests.log.records import GatedRecord, make_committer, make_log, say


async def supervised(committer: Committer) -> None:
    """Run it as the service does."""
    budget = RestartBudget(intensity=50, period_s=5.0)
    await supervise(ChildSpec("committer", committer.run, Restart.PERMANENT, budget))


async def stored_seqs(record: GatedRecord, user: str = "alice") -> list[int]:
    chunks = await record.memory.chunks(UserID(user), after=0, upto=1 << 30, max_bytes=1 << 30)
    return [decode_event(line).seq for chunk in chunks for line in lines_of(chunk.body)]


async def test_appends_during_a_commit_share_the_next_one(nursery: trio.Nursery) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    log, other = make_log(committer), make_log(committer, "bob")
    nursery.start_soon(committer.run)
    record.hold()
    say(log)
    await wait_all_tasks_blocked()
    for _ in range(3):
        say(log)
        say(other)
    await wait_all_tasks_blocked()
    record.gate.set()
    await committer.wait_idle()
    assert [[len(append.events) for append in batch] for batch in record.batches] == [[1], [3, 3]]
    assert (committer.statistics.batches, committer.statistics.events) == (2, 7)


async def test_a_batch_is_sent_again_byte_for_byte_until_the_record_takes_it(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    record = GatedRecord(refusals=[RecordUnavailable("no") for _ in range(8)])
    committer = make_committer(record)
    log = make_log(committer)
    nursery.start_soon(committer.run)
    began = trio.current_time()
    with capture_logs() as logs:
        say(log)
        await trio.sleep(0.01)
        say(log)
        assert await log.wait_committed(1)
    assert record.batches[0] == record.batches[8]
    assert {len(batch[0].events) for batch in record.batches[:9]} == {1}
    # 0.05 doubled up to 1 s: that is the pause before each of the eight.
    assert trio.current_time() - began == pytest.approx(0.05 + 0.1 + 0.2 + 0.4 + 0.8 + 3 * 1)
    assert [entry["event"] for entry in logs] == ["record_unavailable", "record_is_back"]
    assert logs[1]["down_s"] == pytest.approx(trio.current_time() - began)
    assert committer.statistics.retries == 8
    await log.wait_committed(2)


async def test_an_answer_that_got_lost_on_its_way_loses_and_doubles_nothing(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    record = GatedRecord(after=[RecordUnavailable("cut off"), RecordUnavailable("cut off")])
    committer = make_committer(record)
    log = make_log(committer)
    nursery.start_soon(committer.run)
    say(log)
    log.keep_answer(Answer(message_id=MessageID("m1"), digest="d", body=b"{}"))
    await trio.sleep(0.01)
    say(log)
    await committer.wait_idle()
    assert await stored_seqs(record) == [1, 2]
    assert log.status is LogStatus.OPEN
    assert await record.memory.answer(log.user_id, MessageID("m1")) is not None


@pytest.mark.parametrize("stored_before", [True, False])
async def test_a_restarted_committer_sends_the_frozen_batch_again(
    stored_before: bool, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    crash = RuntimeError("a defect in the driver")
    record = GatedRecord()
    (record.after if stored_before else record.refusals).append(crash)
    committer = make_committer(record)
    log = make_log(committer)
    nursery.start_soon(supervised, committer)
    say(log)
    log.keep_answer(Answer(message_id=MessageID("m1"), digest="d", body=b"{}"))
    told: list[bool] = []
    log.when_committed(1, told.append)
    with capture_logs() as logs:
        await committer.wait_idle()
    assert [entry["event"] for entry in logs] == ["child_crashed"]
    assert record.batches[0] == record.batches[1]
    assert await stored_seqs(record) == [1]
    assert told == [True]
    say(log)
    await committer.wait_idle()
    assert await stored_seqs(record) == [1, 2]


async def test_a_crash_while_sessions_are_told_leaves_nobody_untold(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    record = GatedRecord(verdicts={"bob": Outcome.LOST})
    committer = make_committer(record)
    logs = [make_log(committer, user) for user in ("alice", "bob", "carol")]

    def explode(_: LogStatus) -> None:
        raise ZeroDivisionError("a defect in on_close")

    logs[1].on_close = explode
    told: dict[str, list[bool]] = {}
    for log in logs:
        say(log)
        log.when_committed(1, told.setdefault(log.user_id, []).append)
    nursery.start_soon(supervised, committer)
    with capture_logs():
        await committer.wait_idle()
    assert told == {"alice": [True], "bob": [False], "carol": [True]}
    assert len(record.batches) == 1
    say(logs[2])
    await committer.wait_idle()
    assert await stored_seqs(record, "carol") == [1, 2]
    assert logs[2].status is LogStatus.OPEN
    assert committer.uncommitted_bytes == 0


async def test_a_record_that_answers_for_the_wrong_number_of_sessions_is_a_crash(
    autojump_clock: MockClock,
) -> None:
    class Confused(GatedRecord):
        async def commit(self, batch: Sequence[Append]) -> Sequence[Outcome]:
            return (await super().commit(batch))[1:]

    committer = make_committer(Confused())
    say(make_log(committer))
    with pytest.raises(RecordCorrupt, match="0 outcomes for 1"):
        await committer.run()


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.QUARANTINED])
async def test_one_session_is_put_aside_and_the_others_go_on(
    outcome: Outcome, nursery: trio.Nursery
) -> None:
    record = GatedRecord(verdicts={"alice": outcome})
    committer = make_committer(record)
    log, other = make_log(committer), make_log(committer, "bob")
    nursery.start_soon(committer.run)
    said: dict[str, list[bool]] = {"alice": [], "bob": []}
    for session in (log, other):
        say(session)
        session.when_committed(1, said[session.user_id].append)
    with capture_logs() as logs:
        await committer.wait_idle()
    assert said == {"alice": [False], "bob": [True]}
    assert [entry["event"] for entry in logs] == [f"log_{outcome.value}"]
    statistics = committer.statistics
    assert (statistics.lost, statistics.quarantined, statistics.events) == (
        (1, 0, 1) if outcome is Outcome.LOST else (0, 1, 1)
    )
    assert committer.uncommitted_bytes == 0
    say(log)
    say(other)
    await committer.wait_idle()
    assert [append.user_id for append in record.batches[-1]] == ["bob"]


async def test_a_batch_has_a_bound_and_the_rest_goes_with_the_next(nursery: trio.Nursery) -> None:
    record = GatedRecord()
    committer = make_committer(record, batch_bytes=1000)
    for number in range(5):
        say(make_log(committer, f"user{number}"), 400)
    nursery.start_soon(committer.run)
    await committer.wait_idle()
    assert [len(batch) for batch in record.batches] == [2, 2, 1]


async def test_all_that_became_ready_in_one_pass_is_one_batch(nursery: trio.Nursery) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    nursery.start_soon(committer.run)
    await wait_all_tasks_blocked()
    logs = [make_log(committer, f"user{number}") for number in range(3)]

    async def emit(index: int) -> None:
        await trio.lowlevel.checkpoint()
        say(logs[index])

    for index in range(3):
        nursery.start_soon(emit, index)
    await wait_all_tasks_blocked()
    assert [len(batch) for batch in record.batches] == [3]


async def test_every_emitter_waits_while_the_worker_has_too_much(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    record = GatedRecord()
    committer = make_committer(record, worker_bytes=2000)
    record.hold()
    nursery.start_soon(committer.run)
    greedy, modest = make_log(committer), make_log(committer, "bob")
    say(greedy, 3000)
    say(modest)
    assert committer.full
    assert modest.must_breathe
    passed: list[int] = []

    async def breathe(number: int) -> None:
        await modest.breathe()
        passed.append(number)

    for number in range(3):
        nursery.start_soon(breathe, number)
    await wait_all_tasks_blocked()
    assert passed == []
    record.gate.set()
    await wait_all_tasks_blocked()
    assert sorted(passed) == [0, 1, 2]


async def test_everybody_who_waits_for_idle_is_told(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    record = GatedRecord()
    committer = make_committer(record)
    nursery.start_soon(committer.run)
    await committer.wait_idle()
    record.hold()
    say(make_log(committer))
    idle: list[int] = []

    async def wait(number: int) -> None:
        await committer.wait_idle()
        idle.append(number)

    for number in range(3):
        nursery.start_soon(wait, number)
    await wait_all_tasks_blocked()
    assert idle == []
    record.gate.set()
    await wait_all_tasks_blocked()
    assert sorted(idle) == [0, 1, 2]


@pytest.mark.parametrize("silent", [True, False])
async def test_a_record_that_refuses_or_does_not_answer_is_unavailable_after_a_second(
    silent: bool, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    record = GatedRecord(down=not silent)
    committer = make_committer(record)
    nursery.start_soon(committer.run)
    if silent:
        record.hold()
    await trio.sleep(10)
    assert committer.available
    with capture_logs():
        say(make_log(committer))
        await trio.sleep(0.99)
        assert committer.available
        await trio.sleep(0.02)
        assert not committer.available
        record.down = False
        record.gate.set()
        await committer.wait_idle()
    assert committer.available


async def test_many_cursors_are_woken_in_turns(nursery: trio.Nursery) -> None:
    committer = make_committer(GatedRecord())
    order: list[str] = []
    logs = [make_log(committer, f"user{number}") for number in range(2)]
    for log in logs:
        say(log)
        for _ in range(WAKES_PER_TURN):
            Cursor(log, 0, lambda name=log.user_id: order.append(name)).attach()  # type: ignore[misc]
    nursery.start_soon(committer.run)
    await wait_all_tasks_blocked()
    assert len(order) == 2 * WAKES_PER_TURN


async def test_each_batch_is_reported(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    heard: list[tuple[int, int, float]] = []
    committer = Committer(record=GatedRecord(), on_batch=lambda *facts: heard.append(facts))
    nursery.start_soon(committer.run)
    log = make_log(committer)
    say(log)
    size = log.uncommitted_bytes
    await committer.wait_idle()
    assert heard == [(1, size + 1, 0.0)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from("append append append turn hold open fail crash lost quarantine".split()),
        st.integers(0, 2),
        st.integers(0, 700),
    ),
    max_size=50,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_count_of_uncommitted_bytes_never_drifts_and_nothing_is_lost_or_doubled(
    steps: Sequence[tuple[str, int, int]],
) -> None:
    with capture_logs():
        trio.run(_play, steps, clock=MockClock(autojump_threshold=0))


async def _play(steps: Sequence[tuple[str, int, int]]) -> None:
    record = GatedRecord()
    committer = make_committer(record, batch_bytes=1500)
    logs = [make_log(committer, f"user{number}", tail_bytes=2000) for number in range(3)]
    told: dict[tuple[str, int], list[bool]] = {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervised, committer)
        for step, which, size in steps:
            log = logs[which]
            match step:
                case "append":
                    event = say(log, size)
                    if event.seq:
                        heard = told.setdefault((log.user_id, event.seq), [])
                        log.when_committed(event.seq, heard.append)
                case "turn":
                    await trio.sleep(size / 100)
                case "hold":
                    record.hold()
                case "open":
                    record.gate.set()
                case "fail":
                    record.after.append(RecordUnavailable("cut off"))
                case "crash":
                    record.after.append(RuntimeError("defect"))
                case "lost" if which:
                    record.verdicts[log.user_id] = Outcome.LOST
                case "quarantine" if which:
                    record.verdicts[log.user_id] = Outcome.QUARANTINED
            assert committer.uncommitted_bytes == sum(log.uncommitted_bytes for log in logs)
        record.gate.set()
        await committer.wait_idle()
        nursery.cancel_scope.cancel()
    assert committer.uncommitted_bytes == 0
    for log in logs:
        seqs = await stored_seqs(record, log.user_id)
        # What was stored may have been lost before the answer came; nobody was told of it.
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= log.committed
        for seq in range(1, log.head + 1):
            assert told[log.user_id, seq] == [seq <= log.committed]
        if log.status is LogStatus.OPEN:
            assert log.committed == log.head == len(seqs)


async def test_what_came_after_a_lost_batch_is_not_sent(nursery: trio.Nursery) -> None:
    record = GatedRecord(verdicts={"alice": Outcome.LOST})
    committer = make_committer(record)
    log = make_log(committer)
    nursery.start_soon(committer.run)
    record.hold()
    say(log)
    await wait_all_tasks_blocked()
    say(log)
    record.gate.set()
    await committer.wait_idle()
    assert (len(record.batches), log.discarded) == (1, 2)
