"""The records that the tests run over, and a maker of appends."""

import os
import shutil
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from uuid import uuid4

import attrs
import psycopg
import pytest

from netra_actors.identity import MessageID, UserID
from netra_actors.log.port import Answer, Append, Record
from netra_actors.protocol.events import Event, Payload, encode_event
from netra_actors.record import migrate, open_record

SERVER = os.environ.get("NETRA_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
EPOCH = "e_1_abc"


@attrs.define
class Script:
    """A session's log as its owner would append it."""

    user_id: UserID
    term: int = 1
    head: int = 0
    started: bool = False
    now: int = 0
    """Of the next events; 0: each has its own."""

    def successor(self) -> "Script":
        """Return the log as the next owner goes on with it."""
        return attrs.evolve(self, term=self.term + 1, started=False)

    def event(self, payload: Payload, **ids: str | None) -> Event:
        """Return the next event; it is part of the next append."""
        self.head += 1
        return Event(
            type=payload.type,
            seq=self.head,
            timestamp=self.now or 1000 + self.head,
            payload=payload,
            **ids,
        )

    def append(self, *events: Event, answers: tuple[Answer, ...] = ()) -> Append:
        """Return the append of events that were just made."""
        takes_term, self.started = not self.started, True
        return Append(
            user_id=self.user_id,
            epoch=EPOCH,
            term=self.term,
            takes_term=takes_term,
            seq_from=self.head - len(events) + 1,
            seq_to=self.head,
            body=b"".join(
                # A lone surrogate cannot be encoded; what it stands in for is tested as data.
                b"{}\n" if not _encodable(event) else encode_event(event) + b"\n"
                for event in events
            ),
            events=events,
            answers=answers,
        )


def _encodable(event: Event) -> bool:
    return "\ud800" not in getattr(event.payload, "content", "")


def answer(message_id: str, digest: str = "d", body: bytes = b"{}") -> Answer:
    return Answer(message_id=MessageID(message_id), digest=digest, body=body)


@pytest.fixture
def script() -> Callable[[str], Script]:
    return lambda name: Script(UserID(name))


@pytest.fixture
def make_answer() -> Callable[..., Answer]:
    return answer


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the current schema, to be copied: making it imports alembic."""
    path = tmp_path_factory.mktemp("record") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_path(migrated_sqlite: Path, tmp_path: Path) -> Path:
    path = tmp_path / "record.db"
    shutil.copy(migrated_sqlite, path)
    return path


@pytest.fixture
def sqlite_url(sqlite_path: Path) -> str:
    return f"sqlite:///{sqlite_path}"


@pytest.fixture(scope="session")
def postgres_server() -> Generator[str]:
    """The URL of a database of our own, with the current schema."""
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL answers at NETRA_TEST_POSTGRES_URL or the default: {error}")
    name = f"netra_test_{uuid4().hex}"
    with connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        url = SERVER.rpartition("/")[0] + f"/{name}"
        migrate(url)
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The same database, emptied."""
    with psycopg.connect(postgres_server) as connection:
        connection.execute(
            "TRUNCATE sessions, chunks, threads, messages, runs, commands, snapshots, files"
        )
    return postgres_server


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def record_url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return "memory:"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def record(record_url: str) -> AsyncGenerator[Record]:
    async with open_record(record_url, durability="commit", clock=lambda: 5000) as opened:
        yield opened
