"""How a record is opened and closed: the composition of everything in this package."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, assert_never

import structlog
import trio

from netra_actors.errors import ConfigurationError
from netra_actors.identity import wall_clock_ms
from netra_actors.log.port import Record
from netra_actors.record.address import InMemory, PostgresServer, SqliteFile, parse
from netra_actors.record.memory import MemoryRecord

if TYPE_CHECKING:
    from netra_actors.record.opened import OpenedRecord

log = structlog.get_logger(__name__)

Durability: TypeAlias = Literal["memory", "commit", "fsync"]
CLOSE_GRACE_S: Final = 5.0
"""Time for closing; a record left open costs a look at its last commits at the next start."""


@asynccontextmanager
async def open_record(
    url: str, *, durability: Durability, clock: Callable[[], int] = wall_clock_ms
) -> AsyncGenerator[Record]:
    """Open the record that *url* names, for as long as the block lasts.

    A SQLite file is made, locked for this process, and brought to the current schema.

    Args:
        url: ``sqlite:///path``, ``postgresql://...`` or ``memory:``.
        durability: what has happened when a commit returns; with ``memory`` the URL is ignored.
        clock: gives Unix milliseconds.

    Raises:
        ConfigurationError: the URL names no record, another process uses the file, the schema
            is not current, or a driver is missing. The message says what to do.
        RecordUnavailable: the database cannot be reached.
    """
    address = InMemory() if durability == "memory" else parse(url)
    if isinstance(address, InMemory):
        yield MemoryRecord()
        return
    limiter = trio.CapacityLimiter(1)
    opened = await trio.to_thread.run_sync(_open, address, durability, clock, limiter=limiter)
    try:
        yield opened.record
    finally:
        with trio.move_on_after(CLOSE_GRACE_S, shield=True) as scope:
            await trio.to_thread.run_sync(opened.close, limiter=limiter, abandon_on_cancel=True)
        if scope.cancelled_caught:
            log.error("record_not_closed", waited_s=CLOSE_GRACE_S)


def migrate(url: str) -> str:
    """Bring the record that *url* names to the current schema; return its revision.

    Raises:
        ConfigurationError: as `open_record`.
        RecordUnavailable: the database cannot be reached.
    """
    from netra_actors.record import opened  # noqa: PLC0415  SQLAlchemy is not for memory.

    address = parse(url)
    if isinstance(address, InMemory):
        raise ConfigurationError("a record in memory has no schema to migrate")
    return opened.migrate(_available(address))


def _open(
    address: SqliteFile | PostgresServer, durability: str, clock: Callable[[], int]
) -> "OpenedRecord":
    from netra_actors.record import opened  # noqa: PLC0415  SQLAlchemy is not for memory.

    match _available(address):
        case SqliteFile() as file:
            return opened.open_sqlite(file, fsync=durability == "fsync", clock=clock)
        case PostgresServer() as server:
            return opened.open_postgres(server, clock=clock)
        case never:
            assert_never(never)


def _available(address: SqliteFile | PostgresServer) -> SqliteFile | PostgresServer:
    if isinstance(address, PostgresServer) and find_spec("psycopg") is None:
        raise ConfigurationError(
            "PostgreSQL needs its driver: install netra-actors[postgres], or use sqlite:///file.db"
        )
    return address
