"""Which URLs name a record."""

from pathlib import Path

import pytest

from netra_actors.errors import ConfigurationError
from netra_actors.record.address import InMemory, PostgresServer, SqliteFile, parse


def test_memory() -> None:
    assert parse("memory:") == InMemory()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///netra.db", Path.cwd() / "netra.db"),
        ("sqlite:///data/netra.db", Path.cwd() / "data/netra.db"),
        ("sqlite:////var/lib/netra.db", Path("/var/lib/netra.db")),
        ("sqlite:////var/a%20b%3F.db", Path("/var/a b?.db")),
    ],
)
def test_sqlite_files(url: str, path: Path) -> None:
    assert parse(url) == SqliteFile(path)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_postgresql_means_psycopg(scheme: str) -> None:
    address = parse(f"{scheme}://me:secret@db.internal/netra?sslmode=require")
    assert isinstance(address, PostgresServer)
    assert address.conninfo == "postgresql://me:secret@db.internal/netra?sslmode=require"
    assert address.sqlalchemy_url.startswith("postgresql+psycopg://me:secret@")
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "does not name a record"),
        ("memory", "does not name a record"),
        ("netra.db", "does not name a record"),
        ("mysql://me:secret@host/db", "does not name a record"),
        ("sqlite://netra.db", "three slashes"),
        ("sqlite:netra.db", "three slashes"),
        ("sqlite:///", "names a file"),
        ("sqlite:///:memory:", "use memory:"),
        ("sqlite:///a.db?mode=ro", "takes no \\?"),
        ("postgresql:secret", "begins with postgresql://"),
    ],
)
def test_a_url_that_names_none_is_refused_with_what_to_write(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        parse(url)
    assert "secret" not in str(caught.value)
    assert "sqlite:///" in str(caught.value) or "%3F" in str(caught.value)
