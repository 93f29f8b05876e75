from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.harness import Server, start_server

QUICK = {
    "NETRA_HELLO_TIMEOUT_S": "0.4",
    "NETRA_HEARTBEAT_S": "1",
    "NETRA_HEARTBEAT_GRACE_S": "1",
    "NETRA_WINDOW_BYTES": "65536",
    "NETRA_PENDING_SOCKETS_PER_ADDRESS": "3",
    "NETRA_QUEUE_CAPACITY": "2",
    "NETRA_PLAN_EARLY_CONNECTIONS": "2",
    "NETRA_PLAN_FREE_MESSAGES_BURST": "2",
    "NETRA_ALLOWED_ORIGINS": "https://app.example.org",
}
"""Short periods and small bounds, so that a test need not wait or send much."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service as it comes; tests are apart by user."""
    child = start_server(tmp_path_factory.mktemp("usual"))
    yield child
    child.kill()


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service with short periods and small bounds."""
    child = start_server(tmp_path_factory.mktemp("quick"), **QUICK)
    yield child
    child.kill()


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts services of one test: `starter(**settings)`, on one database."""
    with ExitStack() as stack:

        def start_one(**settings: str) -> Server:
            child = start_server(tmp_path, **settings)
            stack.callback(child.kill)
            return child

        yield start_one


_NUMBERS = count()


@pytest.fixture
def user() -> str:
    """A user that no other test has."""
    return f"user-{next(_NUMBERS)}"
