import base64
import hashlib
import hmac
import json
import traceback
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from netra_actors.errors import ConfigurationError
from netra_actors.settings import load_settings
from netra_actors.web.auth import Authenticator, open_authenticator
from netra_actors.web.credentials import BadCredential, Identity

NOW_MS = 1_800_000_000_500
NOW_S = NOW_MS // 1000
SECRET = "a secret of at least thirty-two bytes"
OTHER = "another secret of at least thirty-two"


def authenticator(**environ: str) -> Authenticator:
    settings = load_settings({"NETRA_JWT_SECRET": SECRET, **environ})
    return open_authenticator(settings, wall_clock_ms=lambda: NOW_MS)


def token(
    claims: Mapping[str, Any] | None = None,
    *,
    secret: str = SECRET,
    header: Mapping[str, Any] | None = None,
    **changes: Any,
) -> str:
    content = {"sub": "alice", "exp": NOW_S + 60} if claims is None else dict(claims)
    content |= changes
    return jwt.encode(
        dict(header or {"alg": "HS256"}), content, OctKey.import_key(secret), algorithms=["HS256"]
    )


async def refused(text: str, **environ: str) -> str:
    """Return the reason for which *text* is refused; nothing of it may be told."""
    with pytest.raises(BadCredential) as caught:
        await authenticator(**environ).authenticate(text)
    told = "".join(traceback.format_exception(caught.value, limit=0)) + caught.value.message
    assert len(text) < 20 or text not in told
    assert caught.value.http_status == 401
    return caught.value.reason


async def test_a_good_token_says_who_with_what_and_until_when() -> None:
    text = token(plan="free", permissions=["observe"])
    assert await authenticator().authenticate(text) == Identity(
        user_id="alice",  # type: ignore[arg-type]
        plan="free",
        permissions=frozenset({"observe"}),
        expires_at=(NOW_S + 60) * 1000,
    )


async def test_without_plan_the_default_plan_holds() -> None:
    identity = await authenticator(NETRA_DEFAULT_PLAN="enterprise").authenticate(token())
    assert identity.plan == "enterprise"


async def test_a_plan_of_another_release_gets_the_smallest_one() -> None:
    assert (await authenticator().authenticate(token(plan="gold"))).plan == "free"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW_S}, "expired"),
        ({"exp": NOW_S - 1}, "expired"),
        ({"exp": NOW_S - 10_000}, "expired"),
        ({"exp": None}, "no_exp"),
        ({"exp": "soon"}, "bad_exp"),
        ({"exp": True}, "bad_exp"),
        ({"exp": [NOW_S + 60]}, "bad_exp"),
        ({"nbf": NOW_S + 120}, "bad_nbf"),
        ({"iat": NOW_S + 120}, "bad_iat"),
        ({"sub": None}, "bad_sub"),
        ({"sub": ""}, "bad_sub"),
        ({"sub": "   "}, "bad_sub"),
        ({"sub": 7}, "bad_sub"),
        ({"sub": "registry"}, "bad_sub"),
        ({"sub": "x" * 129}, "bad_sub"),
        ({"sub": "a\nb"}, "bad_sub"),
        ({"plan": 3}, "bad_plan"),
        ({"permissions": "observe"}, "bad_permissions"),
        ({"permissions": [1]}, "bad_permissions"),
        ({"permissions": ["x"] * 65}, "bad_permissions"),
    ],
)
async def test_a_claim_that_is_wrong_is_named(changes: dict[str, Any], reason: str) -> None:
    assert await refused(token(**changes)) == reason


async def test_a_token_that_cannot_end_is_refused() -> None:
    claims = b'{"sub":"alice","exp":1e999}'
    assert await refused(_signed(b'{"alg":"HS256"}', claims)) in {"bad_exp", "malformed"}


async def test_an_issuers_clock_may_be_a_minute_ahead() -> None:
    await authenticator().authenticate(token(iat=NOW_S + 30, nbf=NOW_S + 30))


async def test_audience_and_issuer_must_be_ours_where_we_have_them() -> None:
    environ = {"NETRA_JWT_AUDIENCE": "netra", "NETRA_JWT_ISSUER": "https://id.example.org"}
    good: dict[str, Any] = {"aud": ["other", "netra"], "iss": "https://id.example.org"}
    await authenticator(**environ).authenticate(token(**good))
    assert await refused(token(**{**good, "aud": "other"}), **environ) == "bad_aud"
    assert await refused(token(iss="https://id.example.org"), **environ) == "no_aud"
    assert await refused(token(**{**good, "iss": "https://evil.example"}), **environ) == "bad_iss"
    assert await refused(token(aud="netra"), **environ) == "no_iss"


async def test_a_token_of_another_secret_is_refused() -> None:
    assert await refused(token(secret=OTHER)) == "bad_signature"


async def test_a_changed_claim_breaks_the_signature() -> None:
    header, payload, signature = token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "bob"}).encode()).decode()
    text = f"{header}.{changed.rstrip('=')}.{signature}"
    assert await refused(text) == "bad_signature"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _signed(header: bytes, claims: bytes, secret: bytes = SECRET.encode()) -> str:
    body = f"{_part(header)}.{_part(claims)}"
    signature = hmac.new(secret, body.encode(), hashlib.sha256).digest()
    return f"{body}.{_part(signature)}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS384", "HS512", "RS256"])
async def test_no_other_algorithm_is_accepted(algorithm: str) -> None:
    header = _part(json.dumps({"alg": algorithm}).encode())
    claims = _part(json.dumps({"sub": "alice", "exp": NOW_S + 60}).encode())
    assert await refused(f"{header}.{claims}.") == "bad_algorithm"


async def test_an_asymmetric_token_is_not_tried_with_the_secret() -> None:
    text = jwt.encode(
        {"alg": "ES256"}, {"sub": "alice", "exp": NOW_S + 60}, ECKey.generate_key("P-256")
    )
    assert await refused(text) == "bad_algorithm"


async def test_a_header_that_must_be_understood_and_is_not_is_refused() -> None:
    text = _signed(
        b'{"alg":"HS256","crit":["x"],"x":1}', b'{"sub":"alice","exp":%d}' % (NOW_S + 60)
    )
    assert await refused(text) == "malformed"


async def test_a_header_with_more_in_it_is_read_all_the_same() -> None:
    text = token(header={"alg": "HS256", "kid": "1", "cty": "JWT"})
    assert (await authenticator().authenticate(text)).user_id == "alice"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d",
        "eyJ.eyJ.x",
        "é.é.é",
        "x" * 100_000,
        "e30.e30.",
        "W10.W10.",
    ],
)
async def test_what_is_no_token_is_refused_as_malformed(text: str) -> None:
    assert await refused(text) == "malformed"


async def test_claims_that_are_no_object_are_refused() -> None:
    assert await refused(_signed(b'{"alg":"HS256"}', b"[1]")) == "malformed"
    assert await refused(_signed(b'{"alg":"HS256"}', b"\xff")) == "malformed"


@given(st.text(max_size=80))
async def test_no_text_is_a_token_and_none_crashes(text: str) -> None:
    with pytest.raises(BadCredential):
        await authenticator().authenticate(text)


async def test_secret_and_key_set_can_stand_side_by_side_without_mixing() -> None:
    both = authenticator(NETRA_JWKS_URL="http://127.0.0.1:9/keys")
    assert (await both.authenticate(token())).user_id == "alice"
    # The public key as the secret of an HS256 token is the classic forgery.
    pem = RSAKey.generate_key(2048).as_pem(private=False)
    claims = b'{"sub":"alice","exp":%d}' % (NOW_S + 60)
    with pytest.raises(BadCredential) as caught:
        await both.authenticate(_signed(b'{"alg":"HS256"}', claims, pem))
    assert caught.value.reason == "bad_signature"


def test_without_keys_only_this_machine_is_served() -> None:
    settings = load_settings({"NETRA_HOST": "192.168.1.4", "NETRA_DATABASE_URL": "memory:"})
    with pytest.raises(ConfigurationError, match=r"NETRA_JWT_SECRET.*NETRA_JWKS_URL"):
        open_authenticator(settings)
