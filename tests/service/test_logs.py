import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from netra_actors.service.logs import configure_logs
from netra_actors.settings import LogSettings, load_settings

SECRET_TEXT = "what the user wrote"


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def log_settings(**environ: str) -> LogSettings:
    return load_settings({f"NETRA_LOG_{name}": value for name, value in environ.items()}).log


def configured(**environ: str) -> Any:
    configure_logs(log_settings(**environ))
    return structlog.get_logger("test")


def test_json_is_one_object_a_line_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configured(FORMAT="json").info("run_ended", run_id="run_1", seconds=2)
    out, err = capsys.readouterr()
    assert out == ""
    said = json.loads(err)
    assert said.pop("timestamp").endswith("Z")
    assert said == {"event": "run_ended", "level": "info", "run_id": "run_1", "seconds": 2}


def test_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configured(FORMAT="console").warning("run_ended", run_id="run_1")
    said = capsys.readouterr().err
    assert "run_ended" in said
    assert "run_1" in said
    with pytest.raises(json.JSONDecodeError):
        json.loads(said)


@pytest.mark.parametrize("terminal", [True, False])
def test_auto_asks_whether_a_person_is_looking(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    configured(FORMAT="auto").info("ready")
    assert capsys.readouterr().err.startswith("{") is not terminal


@pytest.mark.parametrize(
    ("level", "said"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_what_is_below_the_level_is_not_said(
    level: str, said: int, capsys: pytest.CaptureFixture[str]
) -> None:
    log = configured(FORMAT="json", LEVEL=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("something")
    assert len(capsys.readouterr().err.splitlines()) == said


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_where_and_no_message_texts(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = configured(FORMAT=form)

    def handle(text: str) -> None:
        content = text.upper()
        raise ZeroDivisionError(len(content))

    try:
        handle(SECRET_TEXT)
    except ZeroDivisionError:
        log.exception("command_crashed")
    said = capsys.readouterr().err
    assert "command_crashed" in said
    assert "ZeroDivisionError" in said
    assert "in handle" in said
    assert SECRET_TEXT not in said
    assert SECRET_TEXT.upper() not in said


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_faults_of_a_group_are_all_shown(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    group = ExceptionGroup("both", [ValueError("left"), KeyError("right")])
    configured(FORMAT=form).critical("worker_failed", exc_info=group)
    said = capsys.readouterr().err
    assert "ValueError: left" in said
    assert "KeyError: 'right'" in said


def test_what_is_bound_to_the_task_is_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = configured(FORMAT="json")
    structlog.contextvars.bind_contextvars(user_id="alice")
    log.info("one")
    assert json.loads(capsys.readouterr().err)["user_id"] == "alice"


def test_a_logger_made_before_is_configured_too(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("early")
    configure_logs(log_settings(FORMAT="json"))
    log.info("first")
    configure_logs(log_settings(FORMAT="json", LEVEL="error"))
    log.info("second")
    assert "second" not in capsys.readouterr().err
