"""Key sets, over real HTTP on loopback; the cache's clock is the test's."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from structlog.testing import capture_logs

from netra_actors.errors import Unavailable
from netra_actors.settings import load_settings
from netra_actors.web.auth import Authenticator, open_authenticator
from netra_actors.web.credentials import BadCredential
from netra_actors.web.keys import KeySetCache, parse_key_set

NOW_S = 1_800_000_000
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})


def key_set(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


@attrs.define
class Issuer:
    """Serves a key set and counts who asks."""

    body: bytes = attrs.field(factory=lambda: key_set(RSA, EC, OKP))
    status: int = 200
    asked: int = 0
    gate: trio.Event | None = None
    port: int = 0

    async def answer(self, stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(65_536)
            self.asked += 1
            if self.gate is not None:
                await self.gate.wait()
            head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.body)}\r\n"
            try:
                await stream.send_all(head.encode() + b"Connection: close\r\n\r\n" + self.body)
            except trio.BrokenResourceError:
                return  # the client gave up; that is what some tests want

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"


@asynccontextmanager
async def serving() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        issuer.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, issuer.answer, listeners)
        yield issuer
        nursery.cancel_scope.cancel(reason="test over")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def cache_of(issuer: Issuer) -> tuple[KeySetCache, Clock]:
    clock = Clock()
    return KeySetCache(issuer.url, clock), clock


def authenticator(issuer: Issuer) -> Authenticator:
    settings = load_settings({"NETRA_JWKS_URL": issuer.url})
    return open_authenticator(settings, wall_clock_ms=lambda: NOW_S * 1000)


def token(key: Key, algorithm: str, **header: Any) -> str:
    claims = {"sub": "alice", "exp": NOW_S + 60}
    return jwt.encode(
        {"alg": algorithm, "kid": key.kid, **header}, claims, key, algorithms=[algorithm]
    )


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (OKP, "Ed25519")])
async def test_each_kind_of_key_verifies_its_own_tokens(key: Key, algorithm: str) -> None:
    async with serving() as issuer:
        identity = await authenticator(issuer).authenticate(token(key, algorithm))
    assert identity.user_id == "alice"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_the_older_name_of_ed25519_is_understood() -> None:
    text = token(OKP, "EdDSA")
    async with serving() as issuer:
        assert (await authenticator(issuer).authenticate(text)).user_id == "alice"


async def test_a_shared_secret_token_is_refused_where_only_a_key_set_is_known() -> None:
    forged = jwt.encode(
        {"alg": "HS256", "kid": "rsa"},
        {"sub": "alice", "exp": NOW_S + 60},
        OctKey.import_key("whatever the forger likes, long enough"),
    )
    async with serving() as issuer:
        with pytest.raises(BadCredential) as caught:
            await authenticator(issuer).authenticate(forged)
        assert caught.value.reason == "bad_algorithm"
        assert issuer.asked == 0


async def test_a_header_cannot_bend_a_key_to_another_algorithm() -> None:
    async with serving() as issuer:
        auth = authenticator(issuer)
        bent = jwt.encode({"alg": "ES256", "kid": "rsa"}, {"sub": "alice", "exp": NOW_S + 60}, EC)
        with pytest.raises(BadCredential) as caught:
            await auth.authenticate(bent)
    assert caught.value.reason == "unknown_key"


async def test_a_key_in_the_tokens_own_header_is_not_used() -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "ec"})
    text = token(stranger, "ES256", jwk=stranger.as_dict(private=False))
    async with serving() as issuer:
        with pytest.raises(BadCredential) as caught:
            await authenticator(issuer).authenticate(text)
    assert caught.value.reason == "bad_signature"


async def test_the_key_set_is_fetched_once_for_many() -> None:
    async with serving() as issuer:
        cache, _ = cache_of(issuer)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(cache.find, "ec", "ES256")
        assert issuer.asked == 1


async def test_an_unknown_key_fetches_anew_but_not_more_often_than_every_ten_seconds() -> None:
    async with serving() as issuer:
        cache, clock = cache_of(issuer)
        await cache.find("ec", "ES256")
        for _ in range(5):
            with pytest.raises(BadCredential):
                await cache.find("new", "ES256")
        assert issuer.asked == 1
        new = ECKey.generate_key("P-256", {"kid": "new"})
        issuer.body = key_set(new)
        clock.now += 10
        assert (await cache.find("new", "ES256")).kid == "new"
        assert issuer.asked == 2


async def test_a_key_that_was_withdrawn_is_refused_after_an_hour() -> None:
    async with serving() as issuer:
        cache, clock = cache_of(issuer)
        await cache.find("ec", "ES256")
        issuer.body = key_set(RSA)
        clock.now += 3601
        with pytest.raises(BadCredential):
            await cache.find("ec", "ES256")


async def test_known_keys_are_used_on_while_the_issuer_is_down() -> None:
    async with serving() as issuer:
        cache, clock = cache_of(issuer)
        await cache.find("ec", "ES256")
        issuer.status = 500
        clock.now += 3601
        with capture_logs() as logs:
            assert (await cache.find("ec", "ES256")).kid == "ec"
        assert [entry["event"] for entry in logs] == ["key_set_not_fetched"]


async def test_before_the_first_key_set_it_is_our_fault_not_the_clients() -> None:
    async with serving() as issuer:
        issuer.status = 503
        cache, clock = cache_of(issuer)
        for _ in range(3):
            with capture_logs(), pytest.raises(Unavailable):
                await cache.find("ec", "ES256")
        assert issuer.asked == 1
        issuer.status = 200
        clock.now += 10
        assert (await cache.find("ec", "ES256")).kid == "ec"


async def test_nobody_listening_is_unavailable_too() -> None:
    cache = KeySetCache("http://127.0.0.1:9/keys", Clock())
    with capture_logs(), pytest.raises(Unavailable):
        await cache.find("ec", "ES256")


async def test_a_cancelled_fetch_lets_the_next_one_fetch() -> None:
    async with serving() as issuer:
        cache, _ = cache_of(issuer)
        issuer.gate = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cache.find, "ec", "ES256")
            while not issuer.asked:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel(reason="the client left")
        issuer.gate = None
        assert (await cache.find("ec", "ES256")).kid == "ec"


async def test_without_a_key_id_the_only_key_of_its_kind_is_taken() -> None:
    async with serving() as issuer:
        cache, _ = cache_of(issuer)
        assert (await cache.find(None, "ES256")).kid == "ec"
        two, _ = cache_of(issuer)
        issuer.body = key_set(EC, ECKey.generate_key("P-256", {"kid": "ec2"}))
        with pytest.raises(BadCredential):
            await two.find(None, "ES256")


async def test_a_key_set_without_end_is_not_read_to_the_end() -> None:
    async with serving() as issuer:
        issuer.body = b" " * (300 * 1024)
        cache, _ = cache_of(issuer)
        with capture_logs() as logs, pytest.raises(Unavailable):
            await cache.find("ec", "ES256")
        assert "larger" in logs[0]["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"{}", b'{"keys":1}', b'{"keys":[1]}', b'{"keys":[]}', b'{"keys":[{}]}'],
)
def test_what_is_no_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="the answer"):
        parse_key_set(body)


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_keys_of_other_kinds_and_uses_are_left_out() -> None:
    weak = RSAKey.generate_key(1024, {"kid": "weak"})
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}
    sealing = {**EC.as_dict(private=False), "use": "enc", "kid": "enc"}
    broken = {"kty": "EC", "crv": "P-256", "x": "!", "y": "!", "kid": "broken"}
    other = ECKey.generate_key("P-384", {"kid": "p384"}).as_dict(private=False)
    document = json.loads(key_set(weak, RSA))
    document["keys"] += [secret, sealing, broken, other, {"kty": "future"}]
    assert [key.kid for key in parse_key_set(json.dumps(document).encode())] == ["rsa"]
