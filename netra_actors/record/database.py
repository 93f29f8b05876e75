"""What the SQL record needs to know about a database: how to reach it, and what its errors mean.

There are two, SQLite and PostgreSQL. Everything above this port is the same code for both.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, final

import attrs
from sqlalchemy import Dialect

from netra_actors.record.statements import Insert, Statement


class DataRefused(Exception):
    """The database refuses the data itself; sending it again cannot help."""


Errors: TypeAlias = tuple[type[Exception], ...]


class Database(Protocol):
    """One database; its methods are called from the loop and from the record's threads."""

    dialect: Dialect
    insert: Insert
    begin: str
    """The statement that opens a writing transaction."""
    errors: Errors
    """What the driver raises, wrong data included."""

    @property
    def runs_inline(self) -> bool:
        """Whether small transactions may run on the loop: they wait for nobody."""
        ...

    @property
    def reads_inline(self) -> bool:
        """Whether looking up one row may run on the loop: it waits for nobody."""
        ...

    @property
    def upkeep_due(self) -> bool:
        """Whether the next transaction should do `upkeep` first, and not on the loop."""
        ...

    def upkeep(self, connection: Any) -> None:
        """Do what can only be done between two transactions."""
        ...

    def connect(self, *, writes: bool) -> Any:
        """Return a new DB-API connection in autocommit mode.

        Raises:
            Exception: one of `errors`.
        """
        ...

    def is_usable(self, connection: Any) -> bool:
        """Return whether *connection* is open and in no transaction."""
        ...

    def meaning(self, error: Exception) -> Exception:
        """Return what to raise for one of `errors`: `RecordError` or `DataRefused`."""
        ...

    def wait_for_lock(self, connection: Any, *, wait: bool) -> None:
        """Set whether *connection* may wait a second for another process's lock."""
        ...

    def wrote(self) -> None:
        """Hear that a transaction was committed."""
        ...


@final
@attrs.frozen(eq=False)
class Link:
    """One open connection, used by one thread at a time."""

    database: Database
    connection: Any

    @classmethod
    def open(cls, database: Database, *, writes: bool) -> "Link":
        """Connect."""
        return cls(database, database.connect(writes=writes))

    def run(self, sql: str) -> None:
        """Execute one statement without parameters."""
        self.connection.cursor().execute(sql)

    def fetch(self, statement: Statement, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        cursor = self.connection.cursor()
        cursor.execute(statement.sql, statement.values(parameters))
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def write(self, statement: Statement, rows: Sequence[tuple[Any, ...]]) -> int:
        """Execute a changing statement once for each of *rows*; return how many rows changed."""
        if not rows:
            return 0
        cursor = self.connection.cursor()
        if len(rows) == 1:
            cursor.execute(statement.sql, rows[0])
        else:
            cursor.executemany(statement.sql, rows)
        changed: int = cursor.rowcount
        return changed

    def write_all(self, writes: Iterable[tuple[Statement, Sequence[tuple[Any, ...]]]]) -> None:
        """Execute several changing statements in one transaction."""
        self.run(self.database.begin)
        try:
            for statement, rows in writes:
                self.write(statement, rows)
            self.run("COMMIT")
        except self.database.errors:
            self.roll_back()
            raise
        self.database.wrote()

    def roll_back(self) -> None:
        """Leave the transaction; a connection that cannot is no longer usable, and is replaced."""
        try:
            if not self.is_usable:
                self.run("ROLLBACK")
        except self.database.errors:
            self.close()

    @property
    def is_usable(self) -> bool:
        """Whether the connection is open and in no transaction."""
        return self.database.is_usable(self.connection)

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        self.connection.close()


Job: TypeAlias = Callable[[Link], Any]
