"""Authentication: from a token to the `Identity` it proves.

The reason of a refusal goes to the client and into the metrics as a stable word; a token, or a
part of one, goes nowhere.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import attrs
import msgspec
from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
    SecurityWarning,
)
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from netra_actors.errors import InvalidContextError
from netra_actors.identity import UserID, check_id, wall_clock_ms
from netra_actors.settings import AuthSettings, Settings
from netra_actors.settings.plans import PLAN_NAMES
from netra_actors.web.credentials import BadCredential, Identity, decode_base64url
from netra_actors.web.devmode import GuestTokens, guest_tokens
from netra_actors.web.keys import ALGORITHMS, SHARED_SECRET_ALGORITHM, KeySetCache, SharedSecret

_MAX_TOKEN_CHARS: Final = 8192
_MAX_HEADER_CHARS: Final = 4096
_LEEWAY_S: Final = 60
"""For `nbf` and `iat`, which an issuer whose clock is ahead puts into our future; not for `exp`."""
_MAX_PERMISSIONS: Final = 64
_MAX_PERMISSION_CHARS: Final = 128


class _Registry(JWSRegistry):
    max_header_length = _MAX_HEADER_CHARS


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None


@final
@attrs.frozen(kw_only=True)
class Authenticator:
    """Knows whose tokens are believed.

    With neither a shared secret nor a key set it is in development mode: `guests` signs tokens
    for whoever asks, and those are the ones that are believed.
    """

    settings: AuthSettings
    secret: SharedSecret | None = None
    key_set: KeySetCache | None = None
    guests: GuestTokens | None = None
    wall_clock_ms: Callable[[], int] = wall_clock_ms

    async def authenticate(self, token: str) -> Identity:
        """Return whom *token* proves its bearer to be.

        Waits only when a key set has to be fetched. Cancellation: leaves nothing behind.

        Raises:
            BadCredential: the token is not accepted; its `reason` says why.
            Unavailable: the keys cannot be fetched; the token may well be good.
        """
        header = _read_header(token)
        key = await self._key(header)
        claims = _verified(token, header.alg, key)
        self._check_claims(claims)
        return self._identity(claims)

    async def _key(self, header: _Header) -> Key:
        if header.alg == SHARED_SECRET_ALGORITHM and self.secret is not None:
            return self.secret.key()
        if header.alg in ALGORITHMS and header.alg != SHARED_SECRET_ALGORITHM and self.key_set:
            return await self.key_set.find(header.kid, header.alg)
        raise BadCredential("bad_algorithm", "the token is signed in a way that is not accepted")

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        now_s = self.wall_clock_ms() // 1000
        registry = JWTClaimsRegistry(now_s, _LEEWAY_S, exp={"essential": True})
        if self.settings.jwt_audience is not None:
            registry.options["aud"] = {"essential": True, "value": self.settings.jwt_audience}
        if self.settings.jwt_issuer is not None:
            registry.options["iss"] = {"essential": True, "value": self.settings.jwt_issuer}
        try:
            registry.validate(dict(claims))
        except ExpiredTokenError:
            raise _expired() from None
        except MissingClaimError as error:
            raise BadCredential(f"no_{error.claim}", f"the token has no {error.claim}") from None
        except InvalidClaimError as error:
            claim = error.claim
            raise BadCredential(f"bad_{claim}", f"the token's {claim} is not accepted") from None
        if claims["exp"] <= now_s:
            raise _expired()

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        try:
            user_id = UserID(check_id("sub", claims.get("sub")))
        except InvalidContextError as error:
            raise BadCredential("bad_sub", f"the token's {error}") from None
        return Identity(
            user_id=user_id,
            plan=self._plan(claims.get("plan")),
            permissions=_permissions(claims.get("permissions")),
            expires_at=int(claims["exp"] * 1000),
        )

    def _plan(self, claim: object) -> str:
        if claim is None:
            return self.settings.default_plan
        if not isinstance(claim, str):
            raise BadCredential("bad_plan", "the token's plan is not text")
        # A plan that this release does not know gets the limits that are safe for any plan.
        return claim if claim in PLAN_NAMES else "free"


def open_authenticator(
    settings: Settings, *, wall_clock_ms: Callable[[], int] = wall_clock_ms
) -> Authenticator:
    """Return the authenticator that the settings ask for; fetches nothing yet.

    Raises:
        ConfigurationError: no keys are configured and development mode is not possible.
    """
    auth = settings.auth
    if auth.jwt_secret is None and auth.jwks_url is None:
        guests = guest_tokens(settings)
        return Authenticator(
            settings=auth,
            secret=SharedSecret(guests.secret),
            guests=guests,
            wall_clock_ms=wall_clock_ms,
        )
    return Authenticator(
        settings=auth,
        secret=None if auth.jwt_secret is None else SharedSecret(auth.jwt_secret),
        key_set=None if auth.jwks_url is None else KeySetCache(auth.jwks_url),
        wall_clock_ms=wall_clock_ms,
    )


def _expired() -> BadCredential:
    return BadCredential("expired", "the token has expired")


def _malformed() -> BadCredential:
    return BadCredential("malformed", "the token is not a signed JWT")


def _read_header(token: str) -> _Header:
    """Read the header, which nothing has verified yet: it only chooses the key."""
    if len(token) > _MAX_TOKEN_CHARS or not token.isascii():
        raise _malformed()
    try:
        return msgspec.json.decode(decode_base64url(token.partition(".")[0]), type=_Header)
    except msgspec.DecodeError:
        raise _malformed() from None


def _verified(token: str, algorithm: str, key: Key) -> Mapping[str, Any]:
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        if algorithm != "EdDSA":
            return jwt.decode(token, key, algorithms=[algorithm], registry=registry).claims
        with warnings.catch_warnings():
            # The older name of Ed25519 is deprecated, not weak; the key's curve was checked.
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.decode(token, key, algorithms=[algorithm], registry=registry).claims
    except BadSignatureError:
        raise BadCredential("bad_signature", "the token's signature is wrong") from None
    except (JoseError, ValueError):
        raise _malformed() from None


def _permissions(claim: object) -> frozenset[str]:
    if claim is None:
        return frozenset()
    if (
        not isinstance(claim, list)
        or len(claim) > _MAX_PERMISSIONS
        or not all(isinstance(name, str) and len(name) <= _MAX_PERMISSION_CHARS for name in claim)
    ):
        raise BadCredential("bad_permissions", "the token's permissions are not a list of words")
    return frozenset(claim)
