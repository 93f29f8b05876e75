import attrs
import pytest

from netra_actors.errors import ConfigurationError
from netra_actors.settings import describe_settings, load_settings
from netra_actors.settings.load import ALIASES


def test_without_any_variable_the_defaults_hold() -> None:
    settings = load_settings({})
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.record.database_url == "sqlite:///netra.db"
    assert settings.record.durability == "commit"
    assert settings.auth.jwt_secret is None
    assert settings.sockets.max_message_bytes == 8192
    assert settings.sockets.window_bytes == 1 << 20
    assert settings.sessions.queue_capacity == 16
    assert settings.drain.total_s == 25.0
    assert settings.agents.file_max_bytes == 5 << 20


def test_our_own_name_wins_over_the_platforms() -> None:
    assert load_settings({"PORT": "80"}).server.port == 80
    assert load_settings({"PORT": "80", "NETRA_PORT": "81"}).server.port == 81
    assert load_settings({"WEB_CONCURRENCY": "3"}).server.workers == 3
    assert load_settings({"DATABASE_URL": "postgres://h/d"}).record.database_url == "postgres://h/d"
    assert load_settings({"REDIS_URL": "redis://h"}).record.redis_url == "redis://h"


def test_the_error_names_the_variable_that_was_really_set() -> None:
    with pytest.raises(ConfigurationError, match=r"^PORT='http' is not accepted"):
        load_settings({"PORT": "http"})


def test_a_variable_that_is_set_to_nothing_is_not_set() -> None:
    settings = load_settings({"NETRA_PORT": "", "PORT": " ", "NETRA_JWT_SECRET": ""})
    assert settings.server.port == 8000
    assert settings.auth.jwt_secret is None


def test_settings_are_frozen() -> None:
    settings = load_settings({})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.server.port = 1  # type: ignore[misc]


def test_what_is_printed_of_settings_holds_no_secret() -> None:
    settings = load_settings({
        "NETRA_JWT_SECRET": "hunter2" * 8,
        "DATABASE_URL": "postgres://me:hunter2@h/d",
        "REDIS_URL": "redis://:hunter2@h",
    })
    assert "hunter2" not in repr(settings)


def test_every_setting_is_described_once_and_its_default_is_accepted() -> None:
    described = describe_settings()
    names = [setting.variable for setting in described]
    assert len(set(names)) == len(names)
    assert set(ALIASES) <= set(names)
    defaults = {setting.variable: setting.default for setting in described if setting.default}
    assert load_settings(defaults) == load_settings({})
    for setting in described:
        assert setting.help
        assert setting.accepts
        assert setting.current is None
        assert setting.variable.startswith("NETRA_")


def test_every_described_variable_is_really_read() -> None:
    # "{" is accepted by no kind but text and secrets, which are long enough here.
    free_text = {"NETRA_HOST", "NETRA_JWT_AUDIENCE", "NETRA_JWT_ISSUER", "NETRA_JWT_SECRET"}
    for setting in describe_settings():
        if setting.variable not in free_text:
            with pytest.raises(ConfigurationError, match=f"^{setting.variable}="):
                load_settings({setting.variable: "{"})


def test_a_description_tells_what_is_set_and_masks_secrets() -> None:
    environ = {"PORT": "81", "NETRA_JWT_SECRET": "hunter2" * 8}
    current = {s.variable: s.current for s in describe_settings(environ)}
    assert current["NETRA_PORT"] == "81"
    assert current["NETRA_JWT_SECRET"] == "***"
    assert current["NETRA_HOST"] is None
