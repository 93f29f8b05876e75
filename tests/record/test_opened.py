"""The life of an open record: what it leaves for the next one."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from netra_actors.identity import UserID
from netra_actors.protocol.events import AgentThinking
from netra_actors.record import open_record

MakeScript = Callable[[str], Any]


def meta(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    found = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    connection.close()
    return found


def write_meta(path: Path, **facts: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for name, value in facts.items():
        connection.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))
    connection.close()


async def test_it_is_marked_open_while_it_is_and_closed_after(
    sqlite_url: str, sqlite_path: Path
) -> None:
    async with open_record(sqlite_url, durability="commit"):
        found = meta(sqlite_path)
        assert (found["closed"], found["durability"], found["generation"]) == ("0", "commit", "1")
        assert found["boot_id"]
    assert meta(sqlite_path)["closed"] == "1"
    # The WAL was copied and removed: the one file is the whole record.
    assert not sqlite_path.with_name("record.db-wal").exists()


async def test_after_the_machine_died_every_epoch_is_another_one(
    sqlite_url: str, sqlite_path: Path, script: MakeScript
) -> None:
    log = script("u_1")
    async with open_record(sqlite_url, durability="commit") as record:
        await record.commit([log.append(log.event(AgentThinking(thought="x", urgency="low")))])
        before = await record.session(log.user_id)
    write_meta(sqlite_path, closed="0", boot_id="another machine run")
    with capture_logs() as logs:
        async with open_record(sqlite_url, durability="commit") as record:
            after = await record.session(log.user_id)
            assert record.generation == 2
    assert before is not None
    assert after is not None
    assert (before.epoch, after.epoch) == ("e_1_abc", "e_2_abc")
    assert after.head == before.head
    assert [entry["event"] for entry in logs] == ["record_generation_raised"]
    async with open_record(sqlite_url, durability="commit") as record:
        assert record.generation == 2


@pytest.mark.parametrize("facts", [{"durability": "fsync", "boot_id": "other"}, {}])
async def test_what_the_disk_has_or_the_kernel_kept_raises_nothing(
    sqlite_url: str, sqlite_path: Path, facts: dict[str, str]
) -> None:
    async with open_record(sqlite_url, durability="commit"):
        pass
    write_meta(sqlite_path, closed="0", **facts)
    async with open_record(sqlite_url, durability="commit") as record:
        assert record.generation == 1


async def test_a_closed_record_can_be_opened_again_at_once(sqlite_url: str) -> None:
    for _ in range(3):
        async with open_record(sqlite_url, durability="commit") as record:
            await record.put_snapshot(UserID("u_1"), 1, b"x")
