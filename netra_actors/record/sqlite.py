"""SQLite in WAL mode: the embedded default.

Durability `commit` is `synchronous=NORMAL`: what was committed survives the death of the process.
`fsync` is `synchronous=FULL`: it survives the death of the machine.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final, final

import attrs
from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite import insert, pysqlite

from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.record.checkpoints import PASSIVE, Checkpointer
from netra_actors.record.database import DataRefused, Errors
from netra_actors.record.statements import Insert

LOCK_WAIT_MS: Final = 1000
WAL_KEPT_BYTES: Final = 64 * 1024 * 1024
"""What the WAL file keeps of its size when it starts anew."""

_PASSING: Final = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_PERM,
})  # fmt: skip
_DATA: Final = frozenset({
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
    0,
})
"""0: the driver itself refused a value."""


@final
@attrs.define(eq=False, kw_only=True)
class SqliteDatabase:
    """One SQLite file; the process holds its lock."""

    path: Path
    fsync: bool = False
    dialect: Dialect = attrs.field(factory=pysqlite.dialect, init=False)
    insert: Insert = attrs.field(default=insert, init=False)
    begin: str = attrs.field(default="BEGIN IMMEDIATE", init=False)
    errors: Errors = attrs.field(default=(sqlite3.Error, OverflowError, ValueError), init=False)
    checkpointer: Checkpointer | None = attrs.field(default=None, init=False)

    @property
    def runs_inline(self) -> bool:
        """Whether small statements may run on the loop: not if each waits for the disk."""
        return not self.fsync

    @property
    def reads_inline(self) -> bool:
        """Always: a reader in WAL mode waits for no writer."""
        return True

    @property
    def upkeep_due(self) -> bool:
        """Whether the WAL is too long for the checkpointer's thread alone."""
        return self.checkpointer is not None and self.checkpointer.overdue

    def upkeep(self, connection: Any) -> None:
        """Copy the rest of the WAL, so that the next transaction starts it anew."""
        connection.execute(PASSIVE)
        if self.checkpointer is not None:
            self.checkpointer.overdue = False

    def connect(self, *, writes: bool) -> sqlite3.Connection:
        """Return a new connection; it may be used by any thread, by one at a time."""
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=LOCK_WAIT_MS / 1000
        )
        try:
            for pragma in self._pragmas(writes=writes):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _pragmas(self, *, writes: bool) -> list[str]:
        if not writes:
            return ["query_only=ON"]
        return [
            "journal_mode=WAL",
            f"synchronous={'FULL' if self.fsync else 'NORMAL'}",
            "wal_autocheckpoint=0",
            f"journal_size_limit={WAL_KEPT_BYTES}",
            "busy_timeout=0",
        ]

    def is_usable(self, connection: Any) -> bool:
        """Return whether *connection* is open and in no transaction."""
        try:
            return not connection.in_transaction
        except sqlite3.ProgrammingError:
            return False

    def meaning(self, error: Exception) -> Exception:
        """Return what to raise for *error*, by its primary result code."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _PASSING:
            return RecordUnavailable(f"{self.path.name}: {error}")
        if code in _DATA:
            return DataRefused(str(error))
        return RecordCorrupt(f"{self.path.name}: {error}")

    def wait_for_lock(self, connection: Any, *, wait: bool) -> None:
        """Set whether *connection* waits for a lock of another process; never on the loop."""
        connection.execute(f"PRAGMA busy_timeout={LOCK_WAIT_MS if wait else 0}")

    def wrote(self) -> None:
        """Let the checkpointer know that the WAL grew."""
        if self.checkpointer is not None:
            self.checkpointer.wrote()
