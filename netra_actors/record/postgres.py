"""PostgreSQL through psycopg 3: for several workers, and for machines that may die."""

from typing import Any, Final, final

import attrs
import psycopg
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.record.database import DataRefused, Errors
from netra_actors.record.statements import Insert

CONNECT_TIMEOUT_S: Final = 3
STATEMENT_TIMEOUT_MS: Final = 10_000
_NETWORK: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""A peer that vanished without a word ends its connections within half a minute."""
_PASSING: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
"""The last one comes from a server that has just lost its place to another."""


@final
@attrs.define(eq=False)
class PostgresDatabase:
    """One PostgreSQL database, which several workers may share."""

    conninfo: str = attrs.field(repr=False)
    """A libpq URI; it may hold a password, so it is in no message."""
    dialect: Dialect = attrs.field(init=False)
    insert: Insert = attrs.field(default=insert, init=False)
    begin: str = attrs.field(default="BEGIN", init=False)
    errors: Errors = attrs.field(default=(psycopg.Error, OverflowError, ValueError), init=False)
    runs_inline: bool = attrs.field(default=False, init=False)
    reads_inline: bool = attrs.field(default=False, init=False)
    upkeep_due: bool = attrs.field(default=False, init=False)

    @dialect.default
    def _default_dialect(self) -> Dialect:
        return psycopg_dialect.dialect(paramstyle="format")  # type: ignore[no-untyped-call]

    def connect(self, *, writes: bool) -> "psycopg.Connection[Any]":
        """Return a new connection; nothing it is asked takes longer than ten seconds."""
        connection = psycopg.connect(self.conninfo, autocommit=True, **_NETWORK)
        try:
            connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
            connection.execute(f"SET lock_timeout = {STATEMENT_TIMEOUT_MS // 2}")
            if not writes:
                connection.execute("SET default_transaction_read_only = on")
            elif connection.execute("SHOW synchronous_commit").fetchone() == ("off",):
                connection.execute("SET synchronous_commit = on")
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def is_usable(self, connection: Any) -> bool:
        """Return whether *connection* is open and in no transaction."""
        idle: bool = (
            not connection.closed
            and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        )
        return idle

    def meaning(self, error: Exception) -> Exception:
        """Return what to raise for *error*, by its class and SQLSTATE."""
        if isinstance(error, _PASSING):
            return RecordUnavailable(f"PostgreSQL: {error}")
        if isinstance(error, psycopg.ProgrammingError | psycopg.InternalError) and error.sqlstate:
            return RecordCorrupt(f"PostgreSQL: {error}")
        return DataRefused(str(error))

    def upkeep(self, connection: Any) -> None:
        """Nothing to do: PostgreSQL looks after itself."""

    def wait_for_lock(self, connection: Any, *, wait: bool) -> None:
        """Nothing to set: locks are waited for on the server, for five seconds at most."""

    def wrote(self) -> None:
        """Nothing to do: PostgreSQL checkpoints by itself."""
