"""Development mode: without any key configured, the service signs guest tokens by itself.

It exists on loopback addresses alone. The secret lies beside the database, readable by its
owner only, so that a browser's token is still good after a restart.
"""

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, final

import attrs
from joserfc import jwt
from joserfc.jwk import OctKey

from netra_actors.errors import ConfigurationError
from netra_actors.settings import MIN_SECRET_BYTES, Settings
from netra_actors.web.keys import SHARED_SECRET_ALGORITHM
from netra_actors.web.origin import is_loopback

TOKEN_LIFE_S: Final = 24 * 3600
PERMISSIONS: Final = frozenset({"observe", "metrics"})
BANNER: Final = (
    "Development mode: anyone on this machine gets a token. "
    "Set NETRA_JWT_SECRET or NETRA_JWKS_URL to require real ones."
)


@final
@attrs.frozen
class GuestTokens:
    """Signs tokens for whoever asks."""

    secret: str = attrs.field(repr=False)
    audience: str | None = None
    issuer: str | None = None

    def sign(
        self,
        user_id: str,
        *,
        now_s: int,
        plan: str | None = None,
        permissions: Iterable[str] | None = None,
    ) -> str:
        """Return a token of *user_id* that is good for 24 hours."""
        granted = PERMISSIONS if permissions is None else permissions
        claims: Mapping[str, object] = {
            "sub": user_id,
            "iat": now_s,
            "exp": now_s + TOKEN_LIFE_S,
            "permissions": sorted(granted),
            **({"plan": plan} if plan else {}),
            **({"aud": self.audience} if self.audience else {}),
            **({"iss": self.issuer} if self.issuer else {}),
        }
        header = {"alg": SHARED_SECRET_ALGORITHM}
        return jwt.encode(header, dict(claims), OctKey.import_key(self.secret))


def guest_tokens(settings: Settings) -> GuestTokens:
    """Return the signer of development mode.

    Raises:
        ConfigurationError: the service would listen on an address that is not loopback, run
            several workers without a common place for the secret, or the secret's file is bad.
    """
    if not is_loopback(settings.server.host):
        raise ConfigurationError(
            f"NETRA_HOST={settings.server.host} can be reached from other machines, and no keys "
            "are configured: set NETRA_JWT_SECRET (at least 32 bytes) or NETRA_JWKS_URL, or "
            "listen on 127.0.0.1 for development"
        )
    path = secret_path(settings.record.database_url)
    if path is None and settings.server.workers > 1:
        raise ConfigurationError(
            "several workers need one secret: set NETRA_JWT_SECRET (at least 32 bytes)"
        )
    secret = secrets.token_urlsafe(MIN_SECRET_BYTES) if path is None else _kept_secret(path)
    return GuestTokens(secret, settings.auth.jwt_audience, settings.auth.jwt_issuer)


def secret_path(database_url: str) -> Path | None:
    """Return the secret's file beside an SQLite database; None for other records."""
    if not database_url.startswith("sqlite:///"):
        return None
    file = database_url.removeprefix("sqlite:///").partition("?")[0]
    return Path(f"{file}.dev-secret") if file and file != ":memory:" else None


def _kept_secret(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    secret = secrets.token_urlsafe(MIN_SECRET_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret)
    return secret


def _read_secret(path: Path) -> str:
    try:
        secret = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode & 0o777
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} cannot be read; delete it to get a new one") from None
    if len(secret) < MIN_SECRET_BYTES:
        raise ConfigurationError(f"{path} holds no secret; delete it to get a new one")
    if mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others; delete it to get a new one")
    return secret
