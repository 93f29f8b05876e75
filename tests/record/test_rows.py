"""What events imply, and in which groups it is written."""

from collections.abc import Callable, Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.identity import UserID
from netra_actors.log.port import Append, Outcome
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
from netra_actors.protocol.state import State
from netra_actors.record import MemoryRecord
from netra_actors.record.rows import (
    _ROWS,
    WRITES,
    AddMessage,
    AddThread,
    DropMessages,
    DropThread,
    HideRuns,
    MarkRun,
    QueueRun,
    RenameThread,
    StartRun,
    TouchThread,
    Write,
    rows,
    stages,
)


def event(payload: Payload, seq: int = 7, /, **ids: str | None) -> Event:
    known: dict[str, str | None] = {"thread_id": "t", "run_id": "r", "message_id": "m"}
    return Event(type=payload.type, seq=seq, timestamp=100, payload=payload, **(known | ids))


SAID = UserMessage(content="hi", priority="normal", policy="enqueue")
DONE = AgentCompleted(status="completed", final_response="yes", duration_ms=1, metrics={})


@pytest.mark.parametrize(
    ("given_event", "expected"),
    [
        (
            event(SAID),
            [
                TouchThread("t", 100),
                AddMessage("m", "t", "user", "hi", 100, "r", None, 7),
                QueueRun("r", "t", "m", 7),
            ],
        ),
        (event(RunQueued(place=1)), []),
        (event(AgentStarted(agent_name="a")), [StartRun("r", "t", None, "m", "a", 7)]),
        (
            event(AgentStarted(agent_name="a"), parent_run_id="p", message_id=None),
            [StartRun("r", "t", "p", None, "a", 7)],
        ),
        (event(RunCancelling(by="phone")), [MarkRun("r", "cancelling", 7)]),
        (
            event(DONE),
            [
                TouchThread("t", 100),
                AddMessage("r", "t", "agent", "yes", 100, "r", "completed", 7),
                MarkRun("r", "completed", 7),
            ],
        ),
        (event(DONE, parent_run_id="p"), [MarkRun("r", "completed", 7)]),
        (
            event(AgentCompleted(status="failed", duration_ms=1, metrics={})),
            [TouchThread("t", 100), MarkRun("r", "failed", 7)],
        ),
        (event(ThreadCreated(title="x")), [AddThread("t", "x", 100)]),
        (event(ThreadRenamed(title="x")), [RenameThread("t", "x")]),
        (event(ThreadDeleted(title="x")), [DropMessages("t"), HideRuns("t"), DropThread("t")]),
        (event(AgentThinking(thought="x", urgency="low")), []),
    ],
)
def test_an_event_implies(given_event: Event, expected: Sequence[Write]) -> None:
    assert list(rows(given_event)) == expected


@pytest.mark.parametrize("missing", ["thread_id", "run_id", "message_id"])
def test_an_event_without_an_id_that_it_needs_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match=f"user_message at seq 7 has no {missing}"):
        rows(event(SAID, **{missing: None}))


def test_every_kind_of_write_comes_from_some_event() -> None:
    made = {
        type(write)
        for payload in (
            SAID, DONE, AgentStarted(agent_name="a"), ThreadCreated(title="x"),
            ThreadRenamed(title="x"), ThreadDeleted(title="x"),
        )
        for write in rows(event(payload))
    }  # fmt: skip
    assert made == set(WRITES)


def test_only_these_events_imply_anything() -> None:
    assert {payload.type for payload in _ROWS} == {
        "user_message", "agent_started", "run_cancelling", "agent_completed",
        "thread_created", "thread_renamed", "thread_deleted",
    }  # fmt: skip


_PAYLOADS: list[Callable[[], Payload]] = [
    lambda: SAID,
    lambda: DONE,
    lambda: AgentStarted(agent_name="a"),
    lambda: RunCancelling(by="x"),
    lambda: ThreadCreated(title="x"),
    lambda: ThreadDeleted(title="x"),
    lambda: AgentThinking(thought="x", urgency="low"),
]
_LOGS = st.lists(st.lists(st.sampled_from(_PAYLOADS), max_size=12), min_size=1, max_size=4)


@given(_LOGS)
def test_grouping_keeps_the_order_within_each_session(
    logs: list[list[Callable[[], Payload]]],
) -> None:
    sessions = [
        (f"u_{place}", [event(make(), seq) for seq, make in enumerate(makers, 1)])
        for place, makers in enumerate(logs)
    ]
    grouped = stages(sessions)
    for user_id, events in sessions:
        expected = [write for each in events for write in rows(each)]
        executed = [write for _, writes in grouped for user, write in writes if user == user_id]
        assert executed == expected
    for kind, writes in grouped:
        assert writes
        assert {type(write) for _, write in writes} == {kind}


def test_equal_sessions_share_their_statements() -> None:
    one = [event(SAID), event(AgentStarted(agent_name="a"))]
    assert len(stages([(f"u_{n}", one) for n in range(50)])) == len(stages([("u", one)])) == 4


_TURNS = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2"]),
        st.sampled_from(["waits", "runs", "stops", "ends", "ends without text"]),
    ),
    max_size=12,
)


@given(_TURNS)
async def test_what_is_stored_says_what_the_fold_says(turns: list[tuple[str, str]]) -> None:
    """Clients see threads, messages and runs from both; they may not contradict each other."""
    happened: list[tuple[Payload, dict[str, str]]] = [
        (ThreadCreated(title=name), {"thread_id": name}) for name in ("t1", "t2")
    ]
    for place, (thread, how) in enumerate(turns):
        ids = {"thread_id": thread, "run_id": f"r{place}", "message_id": f"m{place}"}
        steps: list[Payload] = [SAID]
        if how == "stops":
            steps.append(RunCancelling(by="phone"))
        if how != "waits":
            steps.append(AgentStarted(agent_name="a"))
        if how.startswith("ends"):
            text = "" if "without" in how else "done"
            steps.append(
                AgentCompleted(status="failed", final_response=text, duration_ms=1, metrics={})
            )
        happened += [(step, ids) for step in steps]
        happened.append((ThreadRenamed(title=how), {"thread_id": thread}))
    events = tuple(
        Event(type=payload.type, seq=seq, timestamp=1000 + seq, payload=payload, **ids)
        for seq, (payload, ids) in enumerate(happened, 1)
    )
    user, record, state = UserID("u_1"), MemoryRecord(), State()
    append = Append(
        user_id=user, epoch="e_1_a", term=1, takes_term=True, seq_from=1, seq_to=len(events),
        body=b"", events=events,
    )  # fmt: skip
    assert record.commit_nowait([append]) == [Outcome.COMMITTED]
    for each in events:
        state.apply(each)
    view = state.view()
    threads = await record.threads(user, limit=99)
    assert [attrs.astuple(row) for row in threads] == [
        (row.thread_id, row.title, row.created_at, row.updated_at) for row in view.threads
    ]
    for row in threads:
        stored = await record.messages(user, row.thread_id, limit=99)
        assert [(each.message_id, each.role, each.content, each.status) for each in stored] == [
            (each.message_id, each.role, each.content, each.status)
            for each in view.messages
            if each.thread_id == row.thread_id
        ]
    assert [(run.run_id, run.status) for run in await record.open_runs(user)] == [
        (run.run_id, run.state) for run in view.runs
    ]
