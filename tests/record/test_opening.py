"""Opening a record by its URL."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from netra_actors.errors import ConfigurationError, RecordUnavailable
from netra_actors.log.port import Record
from netra_actors.record import MemoryRecord, migrate, open_record
from netra_actors.record import opening as opening_module
from netra_actors.record.schema import REVISION

OPEN = """
import sys, trio
from netra_actors.record import open_record

async def main():
    async with open_record(sys.argv[1], durability="commit") as record:
        await record.check()

trio.run(main)
print(sorted({"alembic", "sqlalchemy", "psycopg"} & set(sys.modules)))
"""


def imported_by_opening(url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", OPEN, url], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


def test_a_current_schema_is_opened_without_alembic(sqlite_url: str) -> None:
    assert imported_by_opening(sqlite_url) == "['sqlalchemy']"


def test_a_new_file_is_migrated_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    assert imported_by_opening(url) == "['alembic', 'sqlalchemy']"
    assert imported_by_opening(url) == "['sqlalchemy']"


def test_memory_needs_no_database_at_all() -> None:
    assert imported_by_opening("memory:") == "[]"


async def test_durability_memory_is_memory_whatever_the_url() -> None:
    async with open_record("sqlite:////nowhere/x.db", durability="memory") as record:
        assert isinstance(record, MemoryRecord)


async def test_a_new_sqlite_file_is_ready_to_use(tmp_path: Path) -> None:
    async with open_record(f"sqlite:///{tmp_path}/new.db", durability="commit") as record:
        check: Record = record
        await check.check()
        assert record.generation == 1
        with pytest.raises(ConfigurationError, match="in use by the process"):
            async with open_record(f"sqlite:///{tmp_path}/new.db", durability="commit"):
                pass


async def test_a_file_that_is_no_database_is_refused_and_unlocked(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at" * 100)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="cannot be opened as a SQLite database"):
            async with open_record(f"sqlite:///{path}", durability="commit"):
                pass


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="directory has to exist"):
        async with open_record(f"sqlite:///{tmp_path}/no/x.db", durability="commit"):
            pass


async def test_a_postgres_without_schema_says_what_to_run(postgres_server: str) -> None:
    url = postgres_server.rpartition("/")[0] + "/template1"
    with pytest.raises(ConfigurationError, match="run netra-actors migrate"):
        async with open_record(url, durability="commit"):
            pass


async def test_a_postgres_that_is_not_there_is_unavailable() -> None:
    url = f"postgresql://me:secret@127.0.0.1:1/{uuid4().hex}"
    with pytest.raises(RecordUnavailable) as caught:
        async with open_record(url, durability="commit"):
            pass
    assert "secret" not in str(caught.value)
    with pytest.raises(RecordUnavailable):
        migrate(url)


async def test_without_the_driver_postgres_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening_module, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"netra-actors\[postgres\]"):
        async with open_record("postgresql://me@127.0.0.1/db", durability="commit"):
            pass


def test_migrate_returns_the_revision(tmp_path: Path) -> None:
    assert migrate(f"sqlite:///{tmp_path}/new.db") == REVISION
    with pytest.raises(ConfigurationError, match="no schema"):
        migrate("memory:")


async def test_a_record_that_does_not_close_in_time_is_reported(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading  # noqa: PLC0415

    from structlog.testing import capture_logs  # noqa: PLC0415

    from netra_actors.record.checkpoints import Checkpointer  # noqa: PLC0415

    gate, stop = threading.Event(), Checkpointer.stop

    def hang(checkpointer: Checkpointer) -> None:
        gate.wait(5)
        stop(checkpointer)

    monkeypatch.setattr(Checkpointer, "stop", hang)
    monkeypatch.setattr(opening_module, "CLOSE_GRACE_S", 0.01)
    with capture_logs() as logs:
        async with open_record(sqlite_url, durability="commit"):
            pass
    gate.set()
    assert [entry["event"] for entry in logs] == ["record_not_closed"]
