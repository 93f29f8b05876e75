"""`main` in this process: exit codes and what the operator is told; signals are met in e2e."""

import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio

from netra_actors.errors import RecordUnavailable
from netra_actors.service.main import CONFIGURATION_EXIT, FAILURE_EXIT, main
from netra_actors.settings import Settings, load_settings
from netra_actors.web.devmode import BANNER

module = sys.modules[main.__module__]
"""Not `netra_actors.service.main`, which is the function."""
SECRET = "a secret of at least thirty-two bytes"


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@attrs.define
class Command:
    """One `main`: what it was given, what it said and what it returned."""

    code: int
    said: list[str]


def command(**environ: str) -> Command:
    said: list[str] = []
    settings = load_settings({
        "NETRA_DURABILITY": "memory",
        "NETRA_DATABASE_URL": "memory:",
        "NETRA_PORT": "0",
        "NETRA_LOG_FORMAT": "json",
        **environ,
    })
    return Command(main(settings, say=said.append), said)


@pytest.fixture
def leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the worker leave as soon as it is ready, by the signal that an operator sends."""
    welcome = module._welcome

    def welcome_and_leave(*facts: Any) -> None:
        welcome(*facts)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(module, "_welcome", welcome_and_leave)


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    async def serve(
        settings: Settings, listeners: Sequence[socket.socket], *_: Any, **__: Any
    ) -> None:
        await trio.lowlevel.checkpoint()
        raise error

    monkeypatch.setattr(module, "serve_worker", serve)


def test_after_a_drain_the_code_is_0(leaving: None) -> None:
    ended = command()
    assert ended.code == 0
    assert ended.said[0].startswith("netra_actors serves http://127.0.0.1:")
    assert not ended.said[0].endswith(":0")
    assert "agents: analyst" in ended.said[1]
    assert "record: memory    durability: memory" in ended.said[1]


def test_development_mode_is_said(leaving: None) -> None:
    assert any(BANNER in line for line in command().said)
    assert not any(BANNER in line for line in command(NETRA_JWT_SECRET=SECRET).said)


def test_more_workers_than_one_are_answered_with_a_warning(leaving: None) -> None:
    ended = command(WEB_CONCURRENCY="2", NETRA_JWT_SECRET=SECRET)
    assert ended.code == 0
    assert "WEB_CONCURRENCY is above 1" in ended.said[0]
    assert not any("WEB_CONCURRENCY" in line for line in command().said)


def test_the_record_is_shown_without_its_password() -> None:
    said: list[str] = []
    settings = load_settings({
        "NETRA_DATABASE_URL": "postgresql://netra:hush@db.internal/netra",
        "NETRA_JWT_SECRET": SECRET,
    })
    worker: Any = type("W", (), {"settings": settings, "agents": lambda _: ()})()
    worker.authenticator = type("A", (), {"guests": None})
    module._welcome(said.append, "::1", 8000, worker)
    assert said[0] == "netra_actors serves http://[::1]:8000"
    assert "hush" not in "".join(said)
    assert "db.internal/netra" in said[1]


def test_a_module_that_cannot_be_imported_is_the_operators_to_correct() -> None:
    ended = command(NETRA_AGENTS="no.such.module")
    assert ended.code == CONFIGURATION_EXIT == 2
    [sentence] = ended.said
    assert sentence.startswith("netra-actors: ")
    assert "no.such.module" in sentence
    assert "Traceback" not in sentence


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = command(NETRA_PORT=str(port))
    assert ended.code == CONFIGURATION_EXIT
    [sentence] = ended.said
    assert str(port) in sentence


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "netra.db"
    ended = command(
        NETRA_DATABASE_URL=f"sqlite:///{file}",
        NETRA_DURABILITY="commit",
        NETRA_JWT_SECRET=SECRET,
    )
    assert ended.code == CONFIGURATION_EXIT
    [sentence] = ended.said
    assert str(file.parent) in sentence


def test_a_record_that_is_away_at_the_start_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(monkeypatch, RecordUnavailable("the database cannot be reached"))
    ended = command()
    assert ended.code == CONFIGURATION_EXIT
    assert ended.said == ["netra-actors: the database cannot be reached"]


def test_without_keys_the_service_stays_on_this_machine() -> None:
    ended = command(NETRA_HOST="0.0.0.0")  # noqa: S104  # it must be refused
    assert ended.code == CONFIGURATION_EXIT
    [sentence] = ended.said
    assert "NETRA_JWT_SECRET" in sentence


def test_a_fault_of_ours_is_logged_and_the_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, ExceptionGroup("broke", [RuntimeError("a bug")]))
    ended = command()
    assert ended.code == FAILURE_EXIT == 1
    assert ended.said == []
    logged = capsys.readouterr().err
    assert "worker_failed" in logged
    assert "a bug" in logged


def test_a_fault_beside_a_wrong_setting_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [RecordUnavailable("away"), RuntimeError("a bug")]
    failing(monkeypatch, ExceptionGroup("broke", both))
    assert command().code == FAILURE_EXIT
    assert "a bug" in capsys.readouterr().err


def test_the_port_is_free_again_whatever_was_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    open_listeners = module.open_listeners

    def remember(host: str, port: int) -> Sequence[socket.socket]:
        opened.extend(open_listeners(host, port))
        return opened

    monkeypatch.setattr(module, "open_listeners", remember)
    assert command(NETRA_AGENTS="no.such.module").code == CONFIGURATION_EXIT
    assert [listener.fileno() for listener in opened] == [-1]


def test_the_last_resort_ends_with_the_worker(leaving: None) -> None:
    assert command().code == 0
    for timer in [
        thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)
    ]:
        timer.join(1.0)
        assert not timer.is_alive()


def test_the_last_resort_leaves_at_once_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    said: list[str] = []
    monkeypatch.setattr(module.os, "_exit", left.append)
    module._leave_anyway(said.append)
    assert left == [FAILURE_EXIT]
    assert "leaving all the same" in said[0]
