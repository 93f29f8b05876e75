import socket
from collections.abc import Callable

import pytest

from netra_actors.cli import main
from netra_actors.protocol.events import Event, Payload


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NETRA_JWT_SECRET", "NETRA_JWKS_URL", "NETRA_PORT", "PORT", "NETRA_URL",
                 "NETRA_TOKEN", "NETRA_USER", "NETRA_AGENTS", "NETRA_DATABASE_URL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; gives its exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def make_event() -> Callable[..., Event]:
    seqs = iter(range(1, 1000))

    def make(payload: Payload, run_id: str | None = "run_1", parent: str | None = None) -> Event:
        return Event(
            type=payload.type, seq=next(seqs), timestamp=0, run_id=run_id, parent_run_id=parent,
            message_id="msg_1", payload=payload,
        )  # fmt: skip

    return make


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
