"""One user's dictionaries; that they come to what SQL comes to is tested with the transaction."""

import pytest

from netra_actors.identity import UserID
from netra_actors.log.port import Answer
from netra_actors.record.rows import (
    AddMessage,
    AddThread,
    DropThread,
    HideRuns,
    MarkRun,
    QueueRun,
    RenameThread,
    StartRun,
    TouchThread,
    Write,
)
from netra_actors.record.shelf import Shelf

SHELF = Shelf(UserID("u")).changed_by(
    [AddThread("t", "title", 1), QueueRun("r", "t", "m", 1),
     AddMessage("m", "t", "user", "hi", 1, "r", None, 1)],
    [Answer(message_id="m", digest="d", body=b"")],  # type: ignore[arg-type]
)  # fmt: skip


@pytest.mark.parametrize(
    "write",
    [
        AddThread("t", "again", 2),
        QueueRun("r", "t", "m2", 2),
        AddMessage("m", "t", "user", "again", 2, "r2", None, 2),
        AddThread("t2", "\ud800", 2),
    ],
)
def test_what_a_database_refuses_is_refused_and_nothing_changes(write: Write) -> None:
    with pytest.raises(ValueError, match=r"stored already|surrogates"):
        SHELF.changed_by([TouchThread("t", 99), write], [])
    assert SHELF.threads["t"].updated_at == 1


def test_a_second_answer_under_one_id_is_refused() -> None:
    with pytest.raises(ValueError, match="answer to m is stored already"):
        SHELF.changed_by([], [Answer(message_id="m", digest="e", body=b"")])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "write", [TouchThread("x", 5), RenameThread("x", "y"), DropThread("x"),
              MarkRun("x", "completed", 5), HideRuns("x")]
)  # fmt: skip
def test_changes_of_what_is_not_there_change_nothing(write: Write) -> None:
    changed = SHELF.changed_by([write], [])
    assert (changed.threads, changed.runs) == (SHELF.threads, SHELF.runs)


def test_a_waiting_run_that_starts_keeps_where_it_began() -> None:
    changed = SHELF.changed_by([StartRun("r", "t", None, "m", "agent", 9)], [])
    run = changed.runs["r"]
    assert (run.seq_first, run.seq_last, run.status, run.agent_name) == (1, 9, "running", "agent")
    assert [row.run_id for row in changed.open_runs()] == ["r"]


def test_without_changes_it_stays_the_same() -> None:
    assert SHELF.changed_by([], []) is SHELF
