from collections.abc import Callable

import pytest

import netra_actors.service
from netra_actors.settings import Settings

Run = Callable[..., tuple[int, str, str]]


def test_options_win_over_the_environment_and_the_exit_code_is_the_services(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Settings] = []

    def serve(settings: Settings) -> int:
        served.append(settings)
        return 7

    monkeypatch.setattr(netra_actors.service, "main", serve)
    monkeypatch.setenv("NETRA_PORT", "1")
    monkeypatch.setenv("NETRA_HOST", "127.0.0.2")
    code, _, _ = run(
        "serve", "--port", "0", "--agents", "one", "--agents", "two",
        "--database-url", "sqlite:///x.db",
    )  # fmt: skip
    assert code == 7
    [settings] = served
    assert (settings.server.host, settings.server.port) == ("127.0.0.2", 0)
    assert settings.agents.modules == ("one", "two")
    assert settings.record.database_url == "sqlite:///x.db"


def test_a_wrong_setting_is_said_before_anything_starts(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETRA_PORT", "many")
    code, _, err = run("serve")
    assert code == 1
    assert "NETRA_PORT" in err
