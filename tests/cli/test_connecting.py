from typing import Any

import pytest

from netra_actors.cli.connecting import Target, default_url
from netra_actors.client.http import HttpApi
from netra_actors.errors import NotFound, Unauthorized


def test_the_address_defaults_to_this_machine_and_the_port_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert default_url() == "http://127.0.0.1:8000"
    monkeypatch.setenv("PORT", "9000")
    assert Target.of(None, None, None).address.http == "http://127.0.0.1:9000"


def test_a_given_token_is_used_as_it_is() -> None:
    assert Target.of(None, "tok", None).credential == "tok"


async def test_without_one_a_development_service_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dev_token(_: HttpApi, user: str, **__: Any) -> str:
        return f"token of {user}"

    monkeypatch.setattr(HttpApi, "dev_token", dev_token)
    credential = Target.of(None, None, "alice").credential
    assert callable(credential)
    answer = credential()
    assert not isinstance(answer, str)
    assert await answer == "token of alice"


async def test_a_service_that_gives_none_wants_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dev_token(*_: Any, **__: Any) -> str:
        raise NotFound("there is nothing at this address")

    monkeypatch.setattr(HttpApi, "dev_token", dev_token)
    with pytest.raises(Unauthorized, match="wants a token") as refused:
        await Target.of(None, None, "alice").dev_token()
    assert "--token" in refused.value.advice
