"""A record's URL, taken apart: ``memory:``, ``sqlite:///path``, ``postgresql://...``."""

from pathlib import Path
from typing import Final, final
from urllib.parse import unquote, urlsplit

import attrs

from netra_actors.errors import ConfigurationError

_FORMS: Final = (
    "sqlite:///file.db, sqlite:////absolute/file.db, postgresql://user@host/name, memory:"
)


@final
@attrs.frozen
class InMemory:
    """The record of durability `memory`."""


@final
@attrs.frozen
class SqliteFile:
    """A file of this machine."""

    path: Path

    @property
    def sqlalchemy_url(self) -> str:
        """The same for SQLAlchemy, which migrations use."""
        return f"sqlite:///{self.path}"


@final
@attrs.frozen
class PostgresServer:
    """A database of a PostgreSQL server."""

    conninfo: str = attrs.field(repr=False)
    """A libpq URI; it may hold a password."""

    @property
    def sqlalchemy_url(self) -> str:
        """The same for SQLAlchemy, which migrations use."""
        return self.conninfo.replace("postgresql://", "postgresql+psycopg://", 1)


def parse(url: str) -> InMemory | SqliteFile | PostgresServer:
    """Return what *url* names.

    Raises:
        ConfigurationError: no record has such a URL. The message does not repeat it, for it
            may hold a password.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == "memory" and colon:
        return InMemory()
    if scheme == "sqlite":
        return _sqlite(rest)
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        if not rest.startswith("//"):
            raise ConfigurationError(f"a PostgreSQL URL begins with {scheme}://; one of: {_FORMS}")
        return PostgresServer(f"postgresql:{rest}")
    raise ConfigurationError(f"NETRA_DATABASE_URL does not name a record; one of: {_FORMS}")


def _sqlite(rest: str) -> SqliteFile:
    parts = urlsplit(f"sqlite:{rest}")
    path = unquote(parts.path[1:])
    if not rest.startswith("//") or parts.netloc:
        raise ConfigurationError(
            "a SQLite URL has three slashes before its path: sqlite:///file.db"
        )
    if path in {"", ":memory:"}:
        raise ConfigurationError(
            "a SQLite URL names a file: sqlite:///file.db. For a record in memory use memory:"
        )
    if parts.query or parts.fragment:
        raise ConfigurationError("a SQLite URL takes no ? and no #; write %3F and %23 in a path")
    return SqliteFile(Path(path).absolute())
