"""Compiled statements."""

import pytest
from sqlalchemy import Dialect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite

from netra_actors.record import tables
from netra_actors.record.rows import WRITES, AddMessage
from netra_actors.record.statements import Insert, Statement, Statements, bind, compiled

DIALECTS: list[tuple[Dialect, Insert]] = [
    (pysqlite.dialect(), sqlite.insert),
    (psycopg.dialect(paramstyle="format"), postgresql.insert),  # type: ignore[no-untyped-call]
]
both = pytest.mark.parametrize(("dialect", "insert"), DIALECTS, ids=["sqlite", "postgres"])


@both
def test_hot_statements_take_their_values_in_the_order_the_transaction_gives_them(
    dialect: Dialect, insert: Insert
) -> None:
    statements = Statements.compile(dialect, insert)
    assert statements.found.names == ("user_id", "epoch", "seq_to", "term")
    assert statements.advance.names == ("seq_to", "term", "user_id", "before", "stored_term")
    assert statements.add_chunk.names == ("user_id", "seq_from", "seq_to", "term", "body")
    assert statements.add_answer.names == (
        "user_id", "message_id", "digest", "answer", "created_at",
    )  # fmt: skip
    assert statements.put_snapshot.names == ("user_id", "at", "body")
    assert statements.put_file.names == ("user_id", "file_id", "name", "created_at", "body")
    assert statements.put_meta.names == ("name", "value")


@both
def test_every_write_has_a_statement_that_takes_its_fields(
    dialect: Dialect, insert: Insert
) -> None:
    writes = Statements.compile(dialect, insert).writes
    assert set(writes) == set(WRITES)
    write = AddMessage("m", "t", "user", "text", 5, "r", None, 9)
    (row,) = writes[AddMessage].values([("u", write)])
    named = dict(zip(writes[AddMessage].statement.names, row, strict=True))
    assert named == {"user_id": "u", **write._asdict()}


@both
def test_a_constant_cannot_slip_in(dialect: Dialect, insert: Insert) -> None:
    del insert
    statement = select(tables.chunks.c.body).where(tables.chunks.c.seq_from == 5)
    with pytest.raises(TypeError, match="a constant would have to be bound"):
        compiled(statement, dialect)


def test_values_come_in_the_order_of_their_places() -> None:
    statement = Statement("... ? ? ?", ("b", "a", "b"))
    assert statement.values({"a": 1, "b": 2, "c": 3}) == (2, 1, 2)


def test_a_parameter_is_typed_by_its_name() -> None:
    assert [str(bind(name).type) for name in ("seq_to", "body", "user_id")] == [
        "BIGINT", "BLOB", "VARCHAR",
    ]  # fmt: skip
