"""Which schema a record has, and how it gets the one of this release.

Alembic takes two seconds to import, so only `upgrade` imports it; which revision is stored is
read with plain SQL.
"""

from pathlib import Path
from typing import Any, Final

from netra_actors.errors import ConfigurationError
from netra_actors.record.address import PostgresServer, SqliteFile
from netra_actors.record.database import Link
from netra_actors.record.statements import Statement

REVISION: Final = "0001"
"""The newest step in `migrations`; revisions are numbers of four digits, so they compare."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME: Final = 0x6E65747261  # "netra": names the advisory lock in PostgreSQL.
_STORED: Final = Statement("SELECT version_num FROM alembic_version", ())
_READABLE_FROM: Final = Statement("SELECT value FROM meta WHERE name = 'readable_from'", ())


def stored_revision(link: Link, *, exists: Statement) -> str | None:
    """Return the revision of the schema; None if there are no tables yet.

    Args:
        link: to the database.
        exists: counts the tables of the name `alembic_version`.
    """
    if link.fetch(exists) == [(0,)]:
        return None
    found = link.fetch(_STORED)
    return str(found[0][0]) if found else None


def needs_upgrade(link: Link, *, exists: Statement) -> bool:
    """Return whether the schema is older than this release.

    Raises:
        ConfigurationError: it is so much newer that this release cannot use it.
    """
    stored = stored_revision(link, exists=exists)
    if stored is None or stored < REVISION:
        return True
    if stored > REVISION and link.fetch(_READABLE_FROM)[0][0] > REVISION:
        raise ConfigurationError(
            f"the record has schema {stored}, which this release (schema {REVISION}) cannot use; "
            "install the release that migrated it, or restore a backup"
        )
    return False


def upgrade(address: SqliteFile | PostgresServer) -> str:
    """Take all missing steps in one transaction; return the revision then.

    The caller holds the lock of a SQLite file. In PostgreSQL a second migration waits for the
    first one.
    """
    # Imported here: together they cost seconds, and a current schema does not need them.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine, event, pool, text  # noqa: PLC0415

    engine = create_engine(address.sqlalchemy_url, poolclass=pool.NullPool)
    if isinstance(address, SqliteFile):
        # Else the driver would commit before each CREATE TABLE.
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        if isinstance(address, PostgresServer):
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    return REVISION


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
