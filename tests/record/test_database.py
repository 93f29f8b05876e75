"""A link: one connection with the few ways in which it is used."""

import sqlite3
from collections.abc import Generator
from pathlib import Path

import pytest

from netra_actors.record.database import Link
from netra_actors.record.sqlite import SqliteDatabase
from netra_actors.record.statements import Statement

ADD = Statement("INSERT INTO meta VALUES (?, ?)", ("name", "value"))
READ = Statement("SELECT value FROM meta WHERE name = ?", ("name",))


@pytest.fixture
def link(sqlite_path: Path) -> Generator[Link]:
    opened = Link.open(SqliteDatabase(path=sqlite_path), writes=True)
    yield opened
    opened.close()


def test_it_counts_the_rows_that_changed(link: Link) -> None:
    assert link.write(ADD, []) == 0
    assert link.write(ADD, [("a", "1")]) == 1
    assert link.write(ADD, [("b", "x"), ("c", "x")]) == 2
    assert link.write(Statement("DELETE FROM meta WHERE value = ?", ("value",)), [("x",)]) == 2


def test_values_are_given_by_name(link: Link) -> None:
    link.write(ADD, [("a", "1")])
    assert link.fetch(READ, name="a", other="not asked for") == [("1",)]


def test_several_statements_are_all_done_or_none(link: Link) -> None:
    link.write_all([(ADD, [("a", "1")]), (ADD, [("b", "2")])])
    with pytest.raises(sqlite3.IntegrityError):
        link.write_all([(ADD, [("c", "3")]), (ADD, [("a", "again")])])
    assert link.is_usable
    assert link.fetch(READ, name="b") == [("2",)]
    assert link.fetch(READ, name="c") == []


def test_a_connection_that_cannot_roll_back_is_given_up(link: Link) -> None:
    link.roll_back()
    assert link.is_usable
    link.run("BEGIN")
    link.roll_back()
    assert link.is_usable
    link.close()
    link.roll_back()
    assert not link.is_usable
