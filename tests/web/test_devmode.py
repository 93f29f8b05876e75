import stat
from pathlib import Path

import pytest

from netra_actors.errors import ConfigurationError
from netra_actors.settings import load_settings
from netra_actors.web.auth import open_authenticator
from netra_actors.web.devmode import PERMISSIONS, guest_tokens, secret_path

NOW_S = 1_800_000_000


def sqlite(folder: Path) -> dict[str, str]:
    return {"NETRA_DATABASE_URL": f"sqlite:///{folder / 'netra.db'}"}


async def test_a_guests_token_is_good_after_a_restart(tmp_path: Path) -> None:
    settings = load_settings(sqlite(tmp_path))
    token = guest_tokens(settings).sign("alice", now_s=NOW_S)
    restarted = open_authenticator(settings, wall_clock_ms=lambda: NOW_S * 1000)
    identity = await restarted.authenticate(token)
    assert identity.user_id == "alice"
    assert identity.plan == "mid"
    assert identity.permissions == PERMISSIONS
    assert identity.expires_in_s(NOW_S * 1000) == 24 * 3600


def test_the_secret_lies_beside_the_database_for_its_owner_only(tmp_path: Path) -> None:
    guest_tokens(load_settings(sqlite(tmp_path)))
    file = tmp_path / "netra.db.dev-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text()) >= 32


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    guest_tokens(load_settings(sqlite(tmp_path)))
    (tmp_path / "netra.db.dev-secret").chmod(0o644)
    with pytest.raises(ConfigurationError, match="read by others"):
        guest_tokens(load_settings(sqlite(tmp_path)))


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "netra.db.dev-secret"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="delete it"):
        guest_tokens(load_settings(sqlite(tmp_path)))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        guest_tokens(load_settings(sqlite(tmp_path / "nowhere")))


def test_without_a_file_each_process_has_its_own_secret() -> None:
    settings = load_settings({"NETRA_DATABASE_URL": "memory:"})
    assert guest_tokens(settings).secret != guest_tokens(settings).secret


def test_several_workers_without_a_common_secret_are_refused() -> None:
    environ = {"NETRA_DATABASE_URL": "postgres://localhost/netra", "NETRA_WORKERS": "2"}
    with pytest.raises(ConfigurationError, match="NETRA_JWT_SECRET"):
        guest_tokens(load_settings(environ))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_every_loopback_address_may_be_served(host: str) -> None:
    guest_tokens(load_settings({"NETRA_DATABASE_URL": "memory:", "NETRA_HOST": host}))


@pytest.mark.parametrize("host", ["10.0.0.1", "::", "192.168.1.4", "example.org"])
def test_no_other_address_may_be(host: str) -> None:
    with pytest.raises(ConfigurationError, match="other machines"):
        guest_tokens(load_settings({"NETRA_DATABASE_URL": "memory:", "NETRA_HOST": host}))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///netra.db", "netra.db.dev-secret"),
        ("sqlite:////var/netra.db?x=1", "/var/netra.db.dev-secret"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://h/db", None),
    ],
)
def test_only_a_database_file_has_a_secret_beside_it(url: str, path: str | None) -> None:
    assert secret_path(url) == (None if path is None else Path(path))


async def test_guests_carry_the_audience_and_issuer_that_are_asked_for() -> None:
    environ = {
        "NETRA_DATABASE_URL": "memory:",
        "NETRA_JWT_AUDIENCE": "netra",
        "NETRA_JWT_ISSUER": "me",
    }
    authenticator = open_authenticator(load_settings(environ), wall_clock_ms=lambda: NOW_S * 1000)
    assert authenticator.guests is not None
    token = authenticator.guests.sign("alice", now_s=NOW_S, permissions=())
    assert (await authenticator.authenticate(token)).permissions == frozenset()
