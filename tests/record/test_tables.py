"""The tables."""

from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.schema import CreateTable

from netra_actors.record import tables
from netra_actors.record.rows import OPEN_STATUSES


def test_everything_of_a_user_is_found_by_the_user() -> None:
    """What leads every key and index is the user: no path crosses from one to another."""
    for name, table in tables.metadata.tables.items():
        if name == "meta":
            continue
        assert next(iter(table.primary_key)).name == "user_id"
        for index in table.indexes:
            assert next(iter(index.columns)).name == "user_id"


def test_identifiers_are_ordered_by_bytes_in_postgres_too() -> None:
    dialect = psycopg.dialect()  # type: ignore[no-untyped-call]
    made = str(CreateTable(tables.sessions).compile(dialect=dialect))
    assert 'user_id VARCHAR COLLATE "C"' in made


def test_open_is_what_has_no_terminal() -> None:
    assert str(tables.run_is_open) == f"runs.status IN {OPEN_STATUSES}"
