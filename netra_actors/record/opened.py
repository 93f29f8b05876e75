"""An open SQL record, and what has to be undone when it is closed."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final, final

import attrs
import structlog

from netra_actors.errors import ConfigurationError, RecordCorrupt
from netra_actors.record.address import PostgresServer, SqliteFile
from netra_actors.record.checkpoints import Checkpointer
from netra_actors.record.database import Database, Link
from netra_actors.record.generation import CLOSED, boot_id, generation_at_open, opened
from netra_actors.record.lock import DatabaseLock
from netra_actors.record.schema import needs_upgrade, upgrade
from netra_actors.record.sql import SqlRecord
from netra_actors.record.sqlite import SqliteDatabase
from netra_actors.record.statements import Statement

log = structlog.get_logger(__name__)

_HAS_VERSION_SQLITE: Final = Statement(
    "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'", ()
)
_HAS_VERSION_POSTGRES: Final = Statement(
    "SELECT (to_regclass('alembic_version') IS NOT NULL)::int", ()
)


@final
@attrs.frozen(eq=False)
class OpenedRecord:
    """A record and its undoing."""

    record: SqlRecord
    close: Callable[[], None]
    """Blocks for as long as closing takes; not for the loop."""


def _noted(link: Link, record: SqlRecord, facts: Mapping[str, str]) -> None:
    """Store *facts* in `meta`, and be sure that the disk has them."""
    link.run("PRAGMA synchronous=FULL")
    link.write_all([(record.statements.put_meta, list(facts.items()))])
    link.close()


def open_sqlite(file: SqliteFile, *, fsync: bool, clock: Callable[[], int]) -> OpenedRecord:
    """Lock, migrate and open a SQLite file.

    Raises:
        ConfigurationError: another process uses it, or it is no database.
        RecordUnavailable: the disk fails.
    """
    lock = DatabaseLock.acquire(file.path)
    try:
        return _open_locked(file, lock, fsync=fsync, clock=clock)
    except BaseException:
        lock.release()
        raise


def _open_locked(
    file: SqliteFile, lock: DatabaseLock, *, fsync: bool, clock: Callable[[], int]
) -> OpenedRecord:
    database = SqliteDatabase(path=file.path, fsync=fsync)
    link = _first_link(database)
    if needs_upgrade(link, exists=_HAS_VERSION_SQLITE):
        upgrade(file)
    boot, durability = boot_id(), "fsync" if fsync else "commit"
    meta = dict(link.fetch(Statement("SELECT name, value FROM meta", ())))
    generation = generation_at_open(meta, boot)
    if generation != int(meta["generation"]):
        log.warning("record_generation_raised", generation=generation, path=file.path.name)
    record = SqlRecord.over(database, generation=generation, clock=clock)
    _noted(link, record, opened(generation, boot, durability))
    checkpointer = Checkpointer(lambda: database.connect(writes=True))
    database.checkpointer = checkpointer
    checkpointer.start()

    def close() -> None:
        record.writer.close()
        record.readers.close()
        checkpointer.stop()
        _noted(Link.open(database, writes=True), record, CLOSED)
        lock.release()

    return OpenedRecord(record, close)


def _first_link(database: SqliteDatabase) -> Link:
    try:
        return Link.open(database, writes=True)
    except sqlite3.DatabaseError as error:
        meaning = database.meaning(error)
        if isinstance(meaning, RecordCorrupt):
            raise ConfigurationError(
                f"{database.path} cannot be opened as a SQLite database ({error}); name another "
                "file in NETRA_DATABASE_URL, or restore a backup"
            ) from error
        raise meaning from error


def open_postgres(server: PostgresServer, *, clock: Callable[[], int]) -> OpenedRecord:
    """Open a PostgreSQL database whose schema is current.

    Raises:
        ConfigurationError: its schema is not current.
        RecordUnavailable: it cannot be reached.
    """
    from netra_actors.record.postgres import PostgresDatabase  # noqa: PLC0415  an extra

    database = PostgresDatabase(server.conninfo)
    link = _connected(database)
    try:
        if needs_upgrade(link, exists=_HAS_VERSION_POSTGRES):
            raise ConfigurationError(
                "the database has no current schema: run netra-actors migrate, then start again"
            )
        meta = dict(link.fetch(Statement("SELECT name, value FROM meta", ())))
    finally:
        link.close()
    record = SqlRecord.over(database, generation=int(meta["generation"]), clock=clock)

    def close() -> None:
        record.writer.close()
        record.readers.close()

    return OpenedRecord(record, close)


def _connected(database: Database) -> Link:
    try:
        return Link.open(database, writes=True)
    except database.errors as error:
        raise database.meaning(error) from error


def migrate(address: SqliteFile | PostgresServer) -> str:
    """Take all missing steps; see `netra_actors.record.migrate`."""
    if isinstance(address, SqliteFile):
        lock = DatabaseLock.acquire(address.path)
        try:
            _first_link(SqliteDatabase(path=address.path)).close()
            return upgrade(address)
        finally:
            lock.release()
    from netra_actors.record.postgres import PostgresDatabase  # noqa: PLC0415  an extra

    _connected(PostgresDatabase(address.conninfo)).close()
    return upgrade(address)
