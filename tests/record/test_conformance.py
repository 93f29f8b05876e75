"""What every record promises: the same tests over memory, SQLite and PostgreSQL."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
import pytest
import trio

from netra_actors.identity import FileID, MessageID, RunID, ThreadID, UserID
from netra_actors.log.port import Answer, Append, FileRow, Outcome, Record
from netra_actors.protocol.events import (
    AgentCompleted,
    AgentStarted,
    AgentThinking,
    Event,
    Payload,
    RunCancelling,
    RunQueued,
    ThreadCreated,
    ThreadDeleted,
    ThreadRenamed,
    UserMessage,
)

COMMITTED, LOST, QUARANTINED = Outcome.COMMITTED, Outcome.LOST, Outcome.QUARANTINED


class Script(Protocol):
    """As in conftest."""

    user_id: UserID
    term: int
    head: int
    started: bool

    now: int

    def successor(self) -> "Script": ...
    def event(self, payload: Payload, **ids: str | None) -> Event: ...
    def append(self, *events: Event, answers: tuple[Answer, ...] = ()) -> Append: ...


MakeScript = Callable[[str], Script]
MakeAnswer = Callable[..., Answer]


def thought(text: str = "x") -> AgentThinking:
    return AgentThinking(thought=text, urgency="low")


def said(content: str = "hello") -> UserMessage:
    return UserMessage(content=content, priority="normal", policy="enqueue")


def ended(status: Any = "completed", final_response: str | None = "done") -> AgentCompleted:
    return AgentCompleted(status=status, final_response=final_response, duration_ms=1, metrics={})


def a_run(log: Script, run_id: str, thread_id: str = "thr_1") -> tuple[Event, ...]:
    """Everything from a question to its answer."""
    ids = {"thread_id": thread_id, "run_id": run_id, "message_id": f"msg_{run_id}"}
    return (
        log.event(said(f"question of {run_id}"), **ids),
        log.event(AgentStarted(agent_name="analyst"), **ids),
        log.event(thought(), **ids),
        log.event(ended(final_response=f"answer of {run_id}"), **ids),
    )


async def commit_one(record: Record, append: Append) -> Outcome:
    (outcome,) = await record.commit([append])
    return outcome


async def test_an_unknown_user_has_nothing(record: Record) -> None:
    user = UserID("u_nobody")
    assert await record.session(user) is None
    assert await record.chunks(user, after=0, upto=10, max_bytes=1000) == []
    assert await record.answer(user, MessageID("msg_1")) is None
    assert await record.snapshot(user) is None
    assert await record.threads(user, limit=10) == []
    assert await record.open_runs(user) == []
    assert await record.users_with_open_runs() == []
    await record.check()


async def test_a_commit_moves_head_and_term(record: Record, script: MakeScript) -> None:
    log = script("u_1")
    assert await commit_one(record, log.append(log.event(thought()))) is COMMITTED
    assert await commit_one(record, log.append(log.event(thought()), log.event(thought()))) is (
        COMMITTED
    )
    row = await record.session(log.user_id)
    assert row is not None
    assert (row.head, row.tail, row.term) == (3, 0, 1)
    assert row.epoch == record.epoch_for("abc") == f"e_{record.generation}_abc"


async def test_an_empty_batch_is_nothing(record: Record) -> None:
    assert list(await record.commit([])) == []


async def test_outcomes_come_in_the_order_of_the_batch(record: Record, script: MakeScript) -> None:
    logs = {name: script(name) for name in ("u_c", "u_a", "u_b")}
    first = [log.append(log.event(thought())) for log in logs.values()]
    assert await record.commit(first) == [COMMITTED] * 3
    stale = attrs.evolve(logs["u_a"].append(logs["u_a"].event(thought())), term=7)
    second = [
        logs["u_c"].append(logs["u_c"].event(thought())),
        stale,
        logs["u_b"].append(logs["u_b"].event(thought())),
    ]
    assert await record.commit(second) == [COMMITTED, LOST, COMMITTED]


class TestChunks:
    @staticmethod
    async def test_are_the_bytes_that_were_appended(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        appends = [
            log.append(*(log.event(thought(f"{part}-{i}")) for i in range(3))) for part in range(4)
        ]
        for append in appends:
            assert await commit_one(record, append) is COMMITTED
        found = await record.chunks(log.user_id, after=0, upto=12, max_bytes=10_000)
        assert [(chunk.seq_from, chunk.seq_to) for chunk in found] == [
            (1, 3), (4, 6), (7, 9), (10, 12),
        ]  # fmt: skip
        assert [chunk.body for chunk in found] == [append.body for append in appends]

    @staticmethod
    @pytest.mark.parametrize(
        ("after", "upto", "expected"),
        [
            (0, 12, [1, 4, 7, 10]),
            (2, 12, [1, 4, 7, 10]),
            (3, 12, [4, 7, 10]),
            (4, 5, [4]),
            (4, 7, [4, 7]),
            (11, 12, [10]),
            (12, 12, []),
            (12, 99, []),
            (0, 0, []),
            (5, 3, []),
        ],
    )
    async def test_reach_over_the_boundaries_that_are_asked_for(
        record: Record, script: MakeScript, after: int, upto: int, expected: Sequence[int]
    ) -> None:
        log = script("u_1")
        for _ in range(4):
            await commit_one(record, log.append(*(log.event(thought()) for _ in range(3))))
        found = await record.chunks(log.user_id, after=after, upto=upto, max_bytes=10_000)
        assert [chunk.seq_from for chunk in found] == expected

    @staticmethod
    async def test_stop_at_the_bytes_asked_for_but_are_at_least_one(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        sizes = []
        for _ in range(4):
            append = log.append(log.event(thought("x" * 100)))
            sizes.append(len(append.body))
            await commit_one(record, append)
        for max_bytes, count in ((1, 1), (sum(sizes[:2]), 2), (sum(sizes[:2]) - 1, 1)):
            found = await record.chunks(log.user_id, after=0, upto=4, max_bytes=max_bytes)
            assert len(found) == count
        assert len(await record.chunks(log.user_id, after=0, upto=4, max_bytes=sum(sizes))) == 4

    @staticmethod
    async def test_are_read_also_when_there_are_very_many(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        appends = [log.append(log.event(thought())) for _ in range(1100)]
        assert set(await record.commit(appends)) == {COMMITTED}
        found = await record.chunks(log.user_id, after=0, upto=1100, max_bytes=1 << 30)
        assert [chunk.seq_to for chunk in found] == list(range(1, 1101))

    @staticmethod
    async def test_belong_to_one_user(record: Record, script: MakeScript) -> None:
        mine, other = script("u_1"), script("u_2")
        await record.commit([log.append(log.event(thought(log.user_id))) for log in (mine, other)])
        (chunk,) = await record.chunks(mine.user_id, after=0, upto=9, max_bytes=10_000)
        assert b"u_1" in chunk.body


class TestCompareAndSet:
    @staticmethod
    async def test_a_new_owner_takes_the_next_term(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        await commit_one(record, log.append(log.event(thought())))
        log.term, log.started = 2, False
        assert await commit_one(record, log.append(log.event(thought()))) is COMMITTED
        row = await record.session(log.user_id)
        assert row is not None
        assert (row.head, row.term) == (2, 2)

    @staticmethod
    async def test_the_old_owner_has_lost(record: Record, script: MakeScript) -> None:
        old = script("u_1")
        await commit_one(record, old.append(old.event(thought())))
        new = old.successor()
        await commit_one(record, new.append(new.event(thought())))
        assert await commit_one(record, old.append(old.event(thought("late")))) is LOST
        found = await record.chunks(old.user_id, after=0, upto=99, max_bytes=10_000)
        assert b"late" not in b"".join(chunk.body for chunk in found)

    @staticmethod
    async def test_of_two_that_take_the_same_term_one_loses(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        await commit_one(record, log.append(log.event(thought())))
        rivals = [log.successor() for _ in range(2)]
        appends = [rival.append(rival.event(thought(str(i)))) for i, rival in enumerate(rivals)]
        assert [await commit_one(record, append) for append in appends] == [COMMITTED, LOST]

    @staticmethod
    async def test_of_two_first_owners_one_loses(record: Record, script: MakeScript) -> None:
        rivals = [script("u_1"), script("u_1")]
        appends = [rival.append(rival.event(thought(str(i)))) for i, rival in enumerate(rivals)]
        assert [await commit_one(record, append) for append in appends] == [COMMITTED, LOST]

    @staticmethod
    @pytest.mark.parametrize("skipped", [-1, 1])
    async def test_a_head_that_is_not_where_it_should_be_quarantines(
        record: Record, script: MakeScript, skipped: int
    ) -> None:
        log = script("u_1")
        for _ in range(2):
            await commit_one(record, log.append(log.event(thought())))
        log.head += skipped
        assert await commit_one(record, log.append(log.event(thought("gap")))) is QUARANTINED
        row = await record.session(log.user_id)
        assert row is not None
        assert row.head == 2

    @staticmethod
    async def test_a_session_that_should_be_there_and_is_not_has_lost(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        log.started, log.head = True, 5
        assert await commit_one(record, log.append(log.event(thought()))) is LOST
        assert await record.session(log.user_id) is None


class TestAnUnknownOutcome:
    @staticmethod
    async def test_sent_again_is_committed_once(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        batch = [log.append(log.event(thought()))]
        assert await record.commit(batch) == [COMMITTED]
        assert await record.commit(batch) == [COMMITTED]
        later = [log.append(*a_run(log, "run_1"))]
        assert await record.commit(later) == [COMMITTED]
        assert await record.commit(later) == [COMMITTED]
        assert len(await record.chunks(log.user_id, after=0, upto=99, max_bytes=10_000)) == 2
        assert len(await record.messages(log.user_id, ThreadID("thr_1"), limit=9)) == 2

    @staticmethod
    async def test_sent_again_with_answers_is_committed_once(
        record: Record, script: MakeScript, make_answer: MakeAnswer
    ) -> None:
        log = script("u_1")
        first = log.append(log.event(thought()), answers=(make_answer("msg_1"),))
        empty = log.append(answers=(make_answer("msg_2"),))
        for append in (first, first, empty, empty):
            assert await commit_one(record, append) is COMMITTED
        row = await record.session(log.user_id)
        assert row is not None
        assert row.head == 1

    @staticmethod
    async def test_is_sorted_out_session_by_session(record: Record, script: MakeScript) -> None:
        """Of one batch: already there, moved to another owner, contradicting, still to do."""
        logs = [script(f"u_{number}") for number in range(4)]
        for log in logs:
            await commit_one(record, log.append(log.event(thought())))
        there = logs[0].append(logs[0].event(thought()))
        await commit_one(record, there)
        taken = logs[1].successor()
        await commit_one(record, taken.append(taken.event(thought())))
        logs[2].head += 1
        batch = [there, *(log.append(log.event(thought())) for log in logs[1:])]
        expected = [COMMITTED, LOST, QUARANTINED, COMMITTED]
        assert await record.commit(batch) == expected
        assert await record.commit(batch) == expected
        rows = [await record.session(log.user_id) for log in logs]
        assert [row.head for row in rows if row] == [2, 2, 1, 2]

    @staticmethod
    async def test_other_bytes_in_its_place_are_not_ours(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        await commit_one(record, log.append(log.event(thought())))
        stored = log.append(log.event(thought()))
        await commit_one(record, stored)
        other = attrs.evolve(stored, body=b'{"another":1}\n')
        assert await commit_one(record, other) is QUARANTINED


class TestBadData:
    @staticmethod
    @pytest.mark.parametrize("place", [0, 2, 4])
    async def test_of_one_session_does_not_stop_the_others(
        record: Record, script: MakeScript, place: int
    ) -> None:
        logs = [script(f"u_{number}") for number in range(5)]
        for log in logs:
            await commit_one(record, log.append(log.event(thought())))
        batch = [log.append(*a_run(log, "run_1")) for log in logs]
        bad = script(f"u_{place}")
        bad.head, bad.started = 1, True
        ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
        batch[place] = bad.append(bad.event(said("lone \ud800"), **ids))
        expected = [QUARANTINED if number == place else COMMITTED for number in range(5)]
        assert await record.commit(batch) == expected
        rows = [await record.session(log.user_id) for log in logs]
        assert [row.head for row in rows if row] == [
            1 if number == place else 5 for number in range(5)
        ]
        assert await record.run(bad.user_id, RunID("run_1")) is None
        assert await record.messages(bad.user_id, ThreadID("thr_1"), limit=9) == []

    @staticmethod
    async def test_is_an_event_without_the_ids_it_needs(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        assert await commit_one(record, log.append(log.event(said()))) is QUARANTINED
        assert await record.session(log.user_id) is None

    @staticmethod
    async def test_is_a_second_answer_under_one_id(
        record: Record, script: MakeScript, make_answer: MakeAnswer
    ) -> None:
        log = script("u_1")
        await commit_one(record, log.append(log.event(thought()), answers=(make_answer("m"),)))
        second = log.append(log.event(thought()), answers=(make_answer("m", "other"),))
        assert await commit_one(record, second) is QUARANTINED
        found = await record.answer(log.user_id, MessageID("m"))
        assert found is not None
        assert found.digest == "d"

    @staticmethod
    async def test_is_a_message_or_a_thread_that_is_there_already(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
        await commit_one(
            record,
            log.append(
                log.event(ThreadCreated(title="t"), thread_id="thr_1"), log.event(said(), **ids)
            ),
        )
        head = log.head
        for event in (
            log.event(said(), **(ids | {"run_id": "run_2"})),
            log.event(said(), **(ids | {"message_id": "msg_2"})),
            log.event(ThreadCreated(title="t"), thread_id="thr_1"),
        ):
            log.head = head
            again = log.append(with_seq(event, head + 1))
            log.head = head
            again = attrs.evolve(again, seq_from=head + 1, seq_to=head + 1)
            assert await commit_one(record, again) is QUARANTINED


def with_seq(event: Event, seq: int) -> Event:
    return Event(**{name: getattr(event, name) for name in event.__struct_fields__} | {"seq": seq})


class TestAnswers:
    @staticmethod
    async def test_are_stored_with_their_events(
        record: Record, script: MakeScript, make_answer: MakeAnswer
    ) -> None:
        log = script("u_1")
        stored = make_answer("msg_1", "digest", b'{"type":"ok"}')
        await commit_one(record, log.append(log.event(thought()), answers=(stored,)))
        assert await record.answer(log.user_id, MessageID("msg_1")) == stored
        assert await record.answer(UserID("u_2"), MessageID("msg_1")) is None

    @staticmethod
    async def test_without_events_check_head_and_term(
        record: Record, script: MakeScript, make_answer: MakeAnswer
    ) -> None:
        log = script("u_1")
        empty = log.append(answers=(make_answer("msg_1"),))
        assert (empty.seq_from, empty.seq_to) == (1, 0)
        assert await commit_one(record, empty) is COMMITTED
        row = await record.session(log.user_id)
        assert row is not None
        assert (row.head, row.term) == (0, 1)
        assert await record.chunks(log.user_id, after=0, upto=9, max_bytes=99) == []
        assert await commit_one(record, log.append(log.event(thought()))) is COMMITTED
        assert await commit_one(record, log.append(answers=(make_answer("msg_2"),))) is COMMITTED
        stale = attrs.evolve(log.append(answers=(make_answer("msg_3"),)), term=9)
        assert await commit_one(record, stale) is LOST
        log.head += 1
        assert await commit_one(record, log.append(answers=(make_answer("msg_4"),))) is QUARANTINED
        found = [await record.answer(log.user_id, MessageID(f"msg_{n}")) for n in (1, 2, 3, 4)]
        assert [row is not None for row in found] == [True, True, False, False]

    @staticmethod
    async def test_without_events_can_take_the_term(
        record: Record, script: MakeScript, make_answer: MakeAnswer
    ) -> None:
        log = script("u_1")
        await commit_one(record, log.append(log.event(thought())))
        log.term, log.started = 2, False
        taking = log.append(answers=(make_answer("msg_1"),))
        assert await commit_one(record, taking) is COMMITTED
        assert await commit_one(record, taking) is COMMITTED
        row = await record.session(log.user_id)
        assert row is not None
        assert row.term == 2


class TestThreads:
    @staticmethod
    async def test_are_listed_by_their_last_change(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        events = []
        for name, log.now in (("a", 10), ("b", 20), ("c", 30)):
            events.append(log.event(ThreadCreated(title=name), thread_id=f"thr_{name}"))
        log.now = 40
        ids = {"thread_id": "thr_a", "run_id": "run_1", "message_id": "msg_1"}
        events.append(log.event(said(), **ids))
        await commit_one(record, log.append(*events))
        found = await record.threads(log.user_id, limit=10)
        assert [row.thread_id for row in found] == ["thr_a", "thr_c", "thr_b"]
        assert (found[0].title, found[0].created_at, found[0].updated_at) == ("a", 10, 40)
        assert len(await record.threads(log.user_id, limit=2)) == 2
        assert await record.thread(log.user_id, ThreadID("thr_a")) == found[0]

    @staticmethod
    async def test_are_renamed(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        await commit_one(
            record, log.append(log.event(ThreadCreated(title="old"), thread_id="thr_1"))
        )
        await commit_one(
            record, log.append(log.event(ThreadRenamed(title="new"), thread_id="thr_1"))
        )
        row = await record.thread(log.user_id, ThreadID("thr_1"))
        assert row is not None
        assert row.title == "new"

    @staticmethod
    async def test_are_not_moved_back_by_a_clock_that_goes_back(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
        events = []
        for log.now, payload in (
            (50, ThreadCreated(title="t")),
            (40, said()),
            (45, ThreadRenamed(title="later")),
        ):
            events.append(log.event(payload, **ids))
        await commit_one(record, log.append(*events))
        row = await record.thread(log.user_id, ThreadID("thr_1"))
        assert row is not None
        assert (row.title, row.created_at, row.updated_at) == ("later", 50, 50)

    @staticmethod
    async def test_of_another_user_do_not_exist(record: Record, script: MakeScript) -> None:
        mine, other = script("u_1"), script("u_2")
        await record.commit([
            mine.append(mine.event(ThreadCreated(title="t"), thread_id="thr_1"), *a_run(mine, "r")),
            other.append(other.event(thought())),
        ])
        assert await record.thread(mine.user_id, ThreadID("thr_1")) is not None
        assert await record.thread(other.user_id, ThreadID("thr_1")) is None
        assert await record.threads(other.user_id, limit=9) == []
        assert await record.messages(other.user_id, ThreadID("thr_1"), limit=9) == []
        assert await record.run(other.user_id, RunID("r")) is None

    @staticmethod
    async def test_when_deleted_take_their_messages_and_hide_their_runs(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        for thread in ("thr_1", "thr_2"):
            await commit_one(
                record,
                log.append(
                    log.event(ThreadCreated(title="t"), thread_id=thread),
                    *a_run(log, f"run_{thread}", thread),
                ),
            )
        await commit_one(record, log.append(log.event(ThreadDeleted(title="t"), thread_id="thr_1")))
        assert await record.thread(log.user_id, ThreadID("thr_1")) is None
        assert await record.messages(log.user_id, ThreadID("thr_1"), limit=9) == []
        assert await record.run(log.user_id, RunID("run_thr_1")) is None
        assert len(await record.messages(log.user_id, ThreadID("thr_2"), limit=9)) == 2
        assert await record.run(log.user_id, RunID("run_thr_2")) is not None

    @staticmethod
    async def test_when_deleted_leave_open_runs_to_be_closed_without_a_message(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
        await commit_one(
            record,
            log.append(
                log.event(said(), **ids),
                log.event(AgentStarted(agent_name="a"), **ids),
                log.event(ThreadDeleted(title="t"), thread_id="thr_1"),
            ),
        )
        assert [run.run_id for run in await record.open_runs(log.user_id)] == ["run_1"]
        await commit_one(record, log.append(log.event(ended("cancelled", "so far"), **ids)))
        assert await record.open_runs(log.user_id) == []
        assert await record.messages(log.user_id, ThreadID("thr_1"), limit=9) == []


class TestMessages:
    @staticmethod
    async def test_are_questions_and_final_answers(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        await commit_one(record, log.append(*a_run(log, "run_1")))
        question, reply = await record.messages(log.user_id, ThreadID("thr_1"), limit=9)
        assert (question.message_id, question.role, question.status) == ("msg_run_1", "user", None)
        assert (question.content, question.run_id) == ("question of run_1", "run_1")
        assert (reply.message_id, reply.role, reply.status) == ("run_1", "agent", "completed")
        assert (reply.content, reply.run_id, reply.thread_id) == (
            "answer of run_1", "run_1", "thr_1",
        )  # fmt: skip
        assert question.created_at < reply.created_at

    @staticmethod
    async def test_are_paged_backwards(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        for number in range(5):
            await commit_one(record, log.append(*a_run(log, f"run_{number}")))
        thread = ThreadID("thr_1")
        everything = await record.messages(log.user_id, thread, limit=99)
        assert len(everything) == 10
        pages, before = [], None
        while page := await record.messages(log.user_id, thread, limit=4, before=before):
            pages.append(list(page))
            before = page[0].message_id
        assert [len(page) for page in pages] == [4, 4, 2]
        assert [row for page in reversed(pages) for row in page] == everything

    @staticmethod
    async def test_before_one_that_is_not_there_are_none(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        await commit_one(record, log.append(*a_run(log, "run_1"), *a_run(log, "run_2", "thr_2")))
        thread = ThreadID("thr_1")
        assert await record.messages(log.user_id, thread, limit=9, before="msg_x") == []
        assert await record.messages(log.user_id, thread, limit=9, before="run_2") == []

    @staticmethod
    async def test_sub_runs_and_runs_without_text_have_none(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
        sub = ids | {"run_id": "run_2", "parent_run_id": "run_1"}
        await commit_one(
            record,
            log.append(
                log.event(said(), **ids),
                log.event(AgentStarted(agent_name="a"), **ids),
                log.event(AgentStarted(agent_name="b"), **sub),
                log.event(ended(final_response="sub"), **sub),
                log.event(ended("failed", None), **ids),
            ),
        )
        found = await record.messages(log.user_id, ThreadID("thr_1"), limit=9)
        assert [row.role for row in found] == ["user"]


class TestRuns:
    @staticmethod
    async def test_go_from_queued_to_their_terminal(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
        seen = []
        for payload in (
            said(),
            RunQueued(place=1),
            AgentStarted(agent_name="analyst"),
            RunCancelling(by="phone"),
            ended("cancelled", "so far"),
        ):
            await commit_one(record, log.append(log.event(payload, **ids)))
            row = await record.run(log.user_id, RunID("run_1"))
            assert row is not None
            seen.append((row.status, row.agent_name, row.seq_first, row.seq_last))
        assert seen == [
            ("queued", None, 1, 1),
            ("queued", None, 1, 1),
            ("running", "analyst", 1, 3),
            ("cancelling", "analyst", 1, 4),
            ("cancelled", "analyst", 1, 5),
        ]
        row = await record.run(log.user_id, RunID("run_1"))
        assert row is not None
        assert (row.user_id, row.thread_id, row.message_id) == ("u_1", "thr_1", "msg_1")

    @staticmethod
    async def test_sub_runs_and_recoveries_get_their_row_when_they_start(
        record: Record, script: MakeScript
    ) -> None:
        log = script("u_1")
        ids = {"thread_id": "thr_1", "message_id": "msg_1"}
        await commit_one(
            record,
            log.append(
                log.event(AgentStarted(agent_name="a", attempt=2, continues="run_0"),
                          run_id="run_1", **ids),
                log.event(AgentStarted(agent_name="b"),
                          run_id="run_2", parent_run_id="run_1", **ids),
            ),
        )  # fmt: skip
        first, second = await record.open_runs(log.user_id)
        assert (first.run_id, first.parent_run_id, first.status) == ("run_1", None, "running")
        assert (second.run_id, second.parent_run_id, second.agent_name) == ("run_2", "run_1", "b")

    @staticmethod
    async def test_stopped_while_they_wait_stay_so(record: Record, script: MakeScript) -> None:
        log = script("u_1")
        ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
        payloads = (said(), RunCancelling(by="phone"), AgentStarted(agent_name="a"))
        await commit_one(record, log.append(*(log.event(each, **ids) for each in payloads)))
        (row,) = await record.open_runs(log.user_id)
        assert (row.status, row.agent_name) == ("cancelling", "a")

    @staticmethod
    async def test_without_a_terminal_are_found_after_a_crash(
        record: Record, script: MakeScript
    ) -> None:
        for name in ("u_b", "u_a", "u_c"):
            log = script(name)
            ids = {"thread_id": "thr_1", "run_id": "run_1", "message_id": "msg_1"}
            events = [log.event(said(), **ids)]
            if name == "u_c":
                events += [
                    log.event(AgentStarted(agent_name="a"), **ids),
                    log.event(ended(), **ids),
                ]
            await commit_one(record, log.append(*events))
        assert await record.users_with_open_runs() == ["u_a", "u_b"]
        assert len(await record.open_runs(UserID("u_a"))) == 1
        assert await record.open_runs(UserID("u_c")) == []


class TestSnapshots:
    @staticmethod
    async def test_the_newer_one_is_kept(record: Record) -> None:
        user = UserID("u_1")
        await record.put_snapshot(user, 10, b"ten")
        await record.put_snapshot(user, 5, b"five")
        assert await record.snapshot(user) == (10, b"ten")
        await record.put_snapshot(user, 10, b"ten again")
        assert await record.snapshot(user) == (10, b"ten again")
        await record.put_snapshot(user, 11, b"eleven")
        assert await record.snapshot(user) == (11, b"eleven")
        assert await record.snapshot(UserID("u_2")) is None
        assert await record.session(user) is None


class TestFiles:
    @staticmethod
    async def test_are_given_back_to_their_user_alone(record: Record) -> None:
        stored = FileRow(
            file_id=FileID("file_1"), name="report.csv", body=bytes(range(256)), created_at=7
        )
        await record.put_file(UserID("u_1"), stored)
        assert await record.file(UserID("u_1"), FileID("file_1")) == stored
        assert await record.file(UserID("u_2"), FileID("file_1")) is None
        assert await record.file(UserID("u_1"), FileID("file_2")) is None

    @staticmethod
    async def test_many_at_once_are_all_stored(record: Record) -> None:
        user = UserID("u_1")
        async with trio.open_nursery() as nursery:
            for number in range(12):
                file = FileRow(
                    file_id=FileID(f"file_{number}"), name="x", body=b"y" * 1000, created_at=0
                )
                nursery.start_soon(record.put_file, user, file)
        found = [await record.file(user, FileID(f"file_{number}")) for number in range(12)]
        assert None not in found


async def test_a_batch_over_the_size_of_a_transaction_is_stored_all_the_same(
    record: Record, script: MakeScript
) -> None:
    logs = [script(f"u_{number}") for number in range(6)]
    batch = [log.append(log.event(thought("x" * 1_000_000))) for log in logs]
    assert await record.commit(batch) == [COMMITTED] * 6
    assert await record.commit(batch) == [COMMITTED] * 6


async def test_reads_and_writes_at_once_do_not_disturb_each_other(
    record: Record, script: MakeScript
) -> None:
    log = script("u_1")

    async def read() -> None:
        for _ in range(20):
            row = await record.session(log.user_id)
            head = 0 if row is None else row.head
            found = await record.chunks(log.user_id, after=0, upto=head, max_bytes=1 << 20)
            assert sum(chunk.seq_to - chunk.seq_from + 1 for chunk in found) == head

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(read)
        for _ in range(20):
            assert await commit_one(record, log.append(log.event(thought()))) is COMMITTED
            await trio.lowlevel.checkpoint()


async def test_erasing_a_user_leaves_nothing_of_them_and_everything_of_others(
    record: Record, script: MakeScript, make_answer: MakeAnswer
) -> None:
    leaving, staying = script("u_leaving"), script("u_staying")
    for log in (leaving, staying):
        made = log.event(ThreadCreated(title="mine"), thread_id="thr_1")
        append = log.append(
            made, *a_run(log, f"run_{log.user_id}"), answers=(make_answer("msg_1"),)
        )
        assert await commit_one(record, append) is COMMITTED
        await record.put_snapshot(log.user_id, log.head, b"{}")
        row = FileRow(file_id=FileID("file_1"), name="a.csv", body=b"x", created_at=1)
        await record.put_file(log.user_id, row)
    late = leaving.append(leaving.event(ThreadRenamed(title="late"), thread_id="thr_1"))

    await record.erase(leaving.user_id)

    assert await _nothing_is_there(record, leaving.user_id)
    assert not await _nothing_is_there(record, staying.user_id)
    assert await commit_one(record, late) is not COMMITTED
    await record.erase(leaving.user_id)


async def _nothing_is_there(record: Record, user: UserID) -> bool:
    found = (
        await record.session(user),
        await record.chunks(user, after=0, upto=99, max_bytes=1 << 20),
        await record.threads(user, limit=10),
        await record.messages(user, ThreadID("thr_1"), limit=10),
        await record.run(user, RunID(f"run_{user}")),
        await record.answer(user, MessageID("msg_1")),
        await record.snapshot(user),
        await record.file(user, FileID("file_1")),
    )
    return not any(found)
