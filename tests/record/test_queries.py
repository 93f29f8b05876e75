"""Compiled queries: each finds its rows by an index."""

import sqlite3
from collections.abc import Generator
from pathlib import Path

import attrs
import pytest
from sqlalchemy.dialects.sqlite import pysqlite

from netra_actors.record.queries import Queries

QUERIES = Queries.compile(pysqlite.dialect())


@pytest.fixture
def connection(sqlite_path: Path) -> Generator[sqlite3.Connection]:
    opened = sqlite3.connect(sqlite_path)
    yield opened
    opened.close()


def plan(connection: sqlite3.Connection, name: str) -> str:
    statement = getattr(QUERIES, name)
    found = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", [None] * len(statement.names))
    return "\n".join(row[3] for row in found)


@pytest.mark.parametrize(
    "name", sorted(set(attrs.fields_dict(Queries)) - {"meta", "check", "chunks"})
)
def test_no_query_walks_a_whole_table(connection: sqlite3.Connection, name: str) -> None:
    found = plan(connection, name)
    assert "SEARCH" in found or "runs_open" in found
    assert "SCAN" not in found.replace("SCAN runs USING INDEX runs_open", "")


def test_chunks_are_looked_for_from_where_the_cursor_stands(
    connection: sqlite3.Connection,
) -> None:
    assert "(user_id=? AND seq_from>? AND seq_from<?)" in plan(connection, "chunks")


def test_messages_of_a_thread_come_sorted_from_the_index(connection: sqlite3.Connection) -> None:
    found = plan(connection, "messages_before")
    assert "messages_by_thread" in found
    assert "TEMP B-TREE" not in found


def test_open_runs_of_all_users_come_from_the_partial_index(
    connection: sqlite3.Connection,
) -> None:
    assert "runs_open" in plan(connection, "users_with_open_runs")
