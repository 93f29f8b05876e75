"""The schema and its migrations."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, pool

import netra_actors.record
from netra_actors.errors import ConfigurationError
from netra_actors.record import migrate, open_record, tables
from netra_actors.record.address import parse
from netra_actors.record.schema import REVISION, upgrade

MIGRATIONS = Path(netra_actors.record.__file__).parent / "migrations"


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    address = parse(request.getfixturevalue(f"{request.param}_url"))
    return address.sqlalchemy_url  # type: ignore[union-attr]


def shape(url: str) -> dict[str, Any]:
    """What a database says about its tables, in words that can be compared."""
    engine = create_engine(url, poolclass=pool.NullPool)
    seen = inspect(engine)
    return {
        name: (
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in seen.get_columns(name)
            ],
            seen.get_pk_constraint(name)["constrained_columns"],
            sorted(
                (index["name"], tuple(index["column_names"])) for index in seen.get_indexes(name)
            ),
        )
        for name in sorted(seen.get_table_names())
        if name != "alembic_version"
    }


def test_the_migrations_build_the_tables_that_the_code_uses(migrated_url: str) -> None:
    engine = create_engine(migrated_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    assert set(shape(migrated_url)) == set(tables.metadata.tables)


def test_sqlite_tables_are_the_same_to_the_letter(sqlite_url: str, tmp_path: Path) -> None:
    made = create_engine(f"sqlite:///{tmp_path}/made.db", poolclass=pool.NullPool)
    tables.metadata.create_all(made)

    def statements(path: Path) -> dict[str, str]:
        connection = sqlite3.connect(path)
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
            " AND name != 'alembic_version'"
        ).fetchall()
        connection.close()
        return {name: " ".join(sql.replace("runs.status", "status").split()) for name, sql in found}

    migrated = statements(Path(sqlite_url.removeprefix("sqlite:///")))
    assert migrated == statements(tmp_path / "made.db")


def test_the_revision_that_the_code_knows_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_migrating_twice_does_nothing_the_second_time(sqlite_url: str) -> None:
    before = shape(sqlite_url)
    assert migrate(sqlite_url) == REVISION
    assert shape(sqlite_url) == before


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.db"

    def half(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("alembic.op.create_index", half)
    with pytest.raises(RuntimeError, match="power cut"):
        upgrade(parse(f"sqlite:///{path}"))  # type: ignore[arg-type]
    assert sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall() == []
    monkeypatch.undo()
    assert migrate(f"sqlite:///{path}") == REVISION


def set_revision(path: Path, revision: str, readable_from: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.execute("UPDATE meta SET value = ? WHERE name = 'readable_from'", (readable_from,))
    connection.close()


async def test_a_newer_schema_is_used_if_it_says_so(sqlite_url: str, sqlite_path: Path) -> None:
    set_revision(sqlite_path, "9999", REVISION)
    async with open_record(sqlite_url, durability="commit") as record:
        await record.check()


async def test_a_newer_schema_that_cannot_be_used_is_refused(
    sqlite_url: str, sqlite_path: Path
) -> None:
    set_revision(sqlite_path, "9999", "9999")
    with pytest.raises(ConfigurationError, match="schema 9999, which this release"):
        async with open_record(sqlite_url, durability="commit"):
            pass


def test_alembic_can_write_the_next_step(tmp_path: Path) -> None:
    """The template compiles: `alembic revision` is how the next migration begins."""
    (tmp_path / "versions").mkdir()
    for name in ("env.py", "script.py.mako"):
        (tmp_path / name).write_text((MIGRATIONS / name).read_text())
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    script = command.revision(config, message="add colours", rev_id="0001")
    text = Path(script.path).read_text()  # type: ignore[union-attr]
    compile(text, "step", "exec")
    assert text.startswith('"""add colours."""')
