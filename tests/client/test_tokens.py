import pytest

from netra_actors.client.tokens import TokenSource
from netra_actors.errors import Unauthorized


async def test_a_plain_token_is_given_and_cannot_be_renewed() -> None:
    source = TokenSource("t")
    assert await source.current() == "t"
    assert not source.renewable
    with pytest.raises(Unauthorized, match="refuses"):
        await source.renew()


async def test_no_token_is_no_token() -> None:
    source = TokenSource(None)
    assert await source.current() is None
    with pytest.raises(Unauthorized, match="wants"):
        await source.renew()


async def test_a_provider_is_asked_once_until_a_renewal() -> None:
    tokens = iter(["one", "two"])
    source = TokenSource(lambda: next(tokens))
    assert [await source.current(), await source.current()] == ["one", "one"]
    assert await source.renew() == "two"
    assert await source.current() == "two"


async def test_a_provider_may_be_async() -> None:
    async def provide() -> str:
        return "t"

    source = TokenSource(provide)
    assert source.renewable
    assert await source.current() == "t"
