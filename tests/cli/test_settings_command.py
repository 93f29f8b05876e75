from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]


def test_settings_say_value_source_and_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9001")
    code, out, _ = run("settings", "netra_port")
    assert code == 0
    [_, line] = out.splitlines()
    assert line.split("\t")[:4] == ["NETRA_PORT", "9001", "PORT", "8000"]


def test_secrets_are_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRA_JWT_SECRET", "very-secret-" * 4)
    monkeypatch.setenv("NETRA_DATABASE_URL", "postgresql://u:hidden@h/d")
    _, out, _ = run("settings")
    assert "very-secret" not in out
    assert "hidden" not in out
    assert out.count("\n") > 30


def test_a_wrong_value_is_shown_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRA_PORT", "many")
    code, out, _ = run("settings", "netra_port")
    assert code == 0
    assert "many" in out
