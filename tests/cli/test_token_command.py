from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from netra_actors.cli.connecting import Target

Run = Callable[..., tuple[int, str, str]]
SECRET = "s" * 40


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token.strip(), OctKey.import_key(SECRET)).claims)


def test_with_the_secret_the_token_is_signed_here(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETRA_JWT_SECRET", SECRET)
    monkeypatch.setenv("NETRA_JWT_AUDIENCE", "netra")
    code, out, _ = run(
        "token", "--user", "alice", "--plan", "free", "--permissions", "observe, metrics",
        "--expires", "15m",
    )  # fmt: skip
    claims = claims_of(out)
    assert code == 0
    assert claims["exp"] - claims.pop("iat") == 900
    assert claims.pop("exp") > 0
    assert claims == {
        "sub": "alice", "plan": "free", "permissions": ["observe", "metrics"], "aud": "netra",
    }  # fmt: skip


def test_without_it_a_development_service_is_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dev_token(self: Target, **claims: Any) -> str:
        assert self.user == "alice"
        assert claims == {"plan": None, "permissions": None}
        return "from the service"

    monkeypatch.setattr(Target, "dev_token", dev_token)
    assert run("token", "--user", "alice")[:2] == (0, "from the service\n")


@pytest.mark.parametrize("expires", ["soon", "0s", "-5m", "1y"])
def test_a_life_that_is_none_is_refused(run: Run, expires: str) -> None:
    assert run("token", "--user", "alice", "--expires", expires)[0] == 2


def test_a_life_can_only_be_chosen_by_who_signs(run: Run) -> None:
    assert run("token", "--user", "alice", "--expires", "1h")[0] == 2


def test_a_user_that_cannot_be_one_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRA_JWT_SECRET", SECRET)
    code, _, err = run("token", "--user", "None")
    assert code == 1
    assert "placeholder" in err


def test_with_a_key_set_there_is_nothing_to_sign_with(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETRA_JWKS_URL", "https://issuer.invalid/keys")
    code, _, err = run("token", "--user", "alice")
    assert code == 1
    assert "issuer" in err
