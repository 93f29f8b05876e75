"""The keys that tokens are verified with: one shared secret, or a key set behind a URL.

A key belongs to the algorithms of its own kind, and the table below is the only place where
the two meet; a public key can never be used as the secret of an HS256 token.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, final

import attrs
import httpx
import msgspec
import structlog
import trio
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from netra_actors.errors import Unavailable
from netra_actors.web.credentials import BadCredential

log = structlog.get_logger(__name__)

SHARED_SECRET_ALGORITHM: Final = "HS256"  # noqa: S105  # a name, not a secret
_FETCH_WITHIN_S: Final = 5.0
_MIN_REFRESH_S: Final = 10.0
_MAX_AGE_S: Final = 3600.0
_MAX_BYTES: Final = 256 * 1024
_MAX_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2048

ALGORITHMS: Final[Mapping[str, Callable[[Key], bool]]] = {
    SHARED_SECRET_ALGORITHM: lambda key: isinstance(key, OctKey),
    "RS256": lambda key: isinstance(key, RSAKey) and key.raw_value.key_size >= _MIN_RSA_BITS,
    "ES256": lambda key: isinstance(key, ECKey) and key.curve_name == "P-256",
    "Ed25519": lambda key: isinstance(key, OKPKey) and key.curve_name == "Ed25519",
    # The name before RFC 9864, which most issuers still write for the same thing.
    "EdDSA": lambda key: isinstance(key, OKPKey) and key.curve_name == "Ed25519",
}
"""The accepted algorithms, and which key each one takes."""


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


@final
@attrs.frozen
class SharedSecret:
    """The key of HS256 tokens."""

    _secret: str = attrs.field(repr=False)

    def key(self) -> Key:
        """Return the secret as a key."""
        return OctKey.import_key(self._secret)


@final
@attrs.define(eq=False)
class KeySetCache:
    """The key set behind a URL, fetched when needed.

    An unknown key id fetches it anew, at most every 10 s whatever clients send; a set older
    than an hour is fetched anew too, and used on while that fails. One fetch serves all who
    wait for it.
    """

    url: str
    clock: Callable[[], float] = trio.current_time
    _keys: tuple[Key, ...] = attrs.field(default=(), init=False)
    _fetched_at: float | None = attrs.field(default=None, init=False)
    _tried_at: float | None = attrs.field(default=None, init=False)
    # A lock, not an actor: the state is two numbers and a tuple, and whoever is cancelled while
    # fetching lets the next waiter fetch.
    _fetching: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def find(self, kid: str | None, algorithm: str) -> Key:
        """Return the key for a token's header.

        Cancellation: leaves the cache as it was, or refreshed.

        Raises:
            BadCredential: no such key, also after a refresh.
            Unavailable: no key set could be fetched yet.
        """
        if self._is_stale() or (self._choose(kid, algorithm) is None and self._may_try()):
            await self.refresh()
        if self._fetched_at is None:
            raise Unavailable("the keys that tokens are verified with cannot be fetched")
        key = self._choose(kid, algorithm)
        if key is None:
            raise BadCredential("unknown_key", "the token is signed with a key nobody published")
        return key

    async def refresh(self) -> None:
        """Fetch the key set, unless another fetch ended less than 10 s ago.

        A failure is logged and leaves the keys as they are. Cancellation: the same.
        """
        async with self._fetching:
            if not self._may_try():
                return
            try:
                with trio.fail_after(_FETCH_WITHIN_S):
                    keys = parse_key_set(await _fetch(self.url))
            except (httpx.HTTPError, trio.TooSlowError, ValueError) as error:
                log.warning("key_set_not_fetched", url=self.url, error=str(error))
            else:
                self._keys, self._fetched_at = keys, self.clock()
            self._tried_at = self.clock()

    def _choose(self, kid: str | None, algorithm: str) -> Key | None:
        fits = ALGORITHMS[algorithm]
        fitting = [key for key in self._keys if fits(key)]
        if kid is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.kid == kid), None)

    def _is_stale(self) -> bool:
        if self._fetched_at is None:
            return self._may_try()
        return self.clock() - self._fetched_at > _MAX_AGE_S and self._may_try()

    def _may_try(self) -> bool:
        return self._tried_at is None or self.clock() - self._tried_at >= _MIN_REFRESH_S


def parse_key_set(body: bytes) -> tuple[Key, ...]:
    """Return the verification keys of a JWK set; keys of other kinds and uses are left out.

    Raises:
        ValueError: it is no JWK set, or none of its keys can be used.
    """
    try:
        entries = msgspec.json.decode(body, type=_KeySet).keys[:_MAX_KEYS]
    except msgspec.DecodeError:
        raise ValueError("the answer is no JSON object with a list of keys") from None
    keys = (_import(entry) for entry in entries)
    usable = tuple(key for key in keys if key is not None)
    if not usable:
        raise ValueError("the answer has no key for RS256, ES256 or Ed25519")
    return usable


def _import(entry: dict[str, Any]) -> Key | None:
    kinds: Mapping[object, type[RSAKey | ECKey | OKPKey]]
    kinds = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    kind = kinds.get(entry.get("kty"))
    if kind is None or entry.get("use", "sig") != "sig":
        return None
    try:
        key = kind.import_key(entry)
        usable = any(fits(key) for fits in ALGORITHMS.values())
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if usable else None


async def _fetch(url: str) -> bytes:
    async with (
        httpx.AsyncClient(timeout=_FETCH_WITHIN_S, trust_env=False) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as response,
    ):
        response.raise_for_status()
        body, size = bytearray(), 0
        # What is too long is read on without being kept, until it ends or the time is up:
        # leaving the loop would leave httpx's generators unfinished.
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size <= _MAX_BYTES:
                body += piece
    if size > _MAX_BYTES:
        raise ValueError(f"the key set is larger than {_MAX_BYTES} bytes")
    return bytes(body)
