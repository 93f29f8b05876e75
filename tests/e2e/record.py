"""What is durable, read from the service's own database file."""

import sqlite3
from contextlib import closing
from pathlib import Path

from netra_actors.protocol.events import Event, decode_event
from netra_actors.protocol.lifecycle import Lifecycle


def stored_lines(database: Path, user: str) -> list[bytes]:
    """Return every stored event of *user*, byte for byte, in order."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT seq_from, body FROM chunks WHERE user_id = ? ORDER BY seq_from", (user,)
        ).fetchall()
    lines: list[bytes] = []
    for seq_from, body in rows:
        assert seq_from == len(lines) + 1, "a hole in the record"
        lines += body.split(b"\n")[:-1]
    return lines


def users_of(database: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT user_id FROM sessions")}


def check_grammar(lines: list[bytes]) -> list[Event]:
    """Replay *lines* through a fresh grammar: seqs without holes, everything closed once."""
    lifecycle = Lifecycle()
    events = [decode_event(line) for line in lines]
    for seq, event in enumerate(events, 1):
        assert event.seq == seq
        lifecycle.advance(
            event.payload,
            run_id=event.run_id,
            parent_run_id=event.parent_run_id,
            thread_id=event.thread_id,
            message_id=event.message_id,
        )
    assert not lifecycle.runs
    return events
