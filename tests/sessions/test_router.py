"""The router: who takes a command."""

from typing import Any, cast

import pytest

from netra_actors.errors import UnknownType
from netra_actors.identity import UserExecutionContext, UserID
from netra_actors.protocol.commands import Command
from netra_actors.protocol.decoding import decode_command
from netra_actors.sessions.directory import Envelope
from netra_actors.sessions.router import Effect, Handler, MessageRouter


class Taker:
    """Takes the types it is told to, and answers its own name."""

    def __init__(self, name: str, *kinds: str) -> None:
        self.name, self.kinds = name, kinds

    def can_handle(self, command: Command) -> bool:
        return command.type in self.kinds

    async def handle(self, envelope: Envelope) -> Effect:  # noqa: ARG002  # the port
        return Effect({"by": self.name}, 0)


def envelope(kind: str = "list_threads") -> Envelope:
    return Envelope(
        context=UserExecutionContext(user_id=UserID("alice")),
        decoded=decode_command(f'{{"type":"{kind}"}}', user_id="alice"),
        on_answer=lambda _: None,
    )


async def by(router: MessageRouter, kind: str = "list_threads") -> Any:
    effect = await router.route(envelope(kind))
    assert effect is not None
    return effect.fields["by"]


async def test_the_first_handler_that_can_wins() -> None:
    router = MessageRouter((Taker("a", "ping"), Taker("b", "list_threads"), Taker("c", "ping")))
    assert await by(router) == "b"
    assert await by(router, "ping") == "a"
    assert router.routed == {"list_threads": 1, "ping": 1}


async def test_added_handlers_stand_before_the_built_in_ones_in_the_order_they_came() -> None:
    router = MessageRouter((Taker("built in", "list_threads"),))
    first, second = Taker("first", "list_threads"), Taker("second", "list_threads", "ping")
    router.add_handler(first)
    router.add_handler(second)
    assert await by(router) == "first"
    assert await by(router, "ping") == "second"
    assert [cast("Taker", h).name for h in router.handlers] == ["first", "second", "built in"]


async def test_a_handler_can_be_put_before_the_others_and_taken_out_again() -> None:
    router = MessageRouter((Taker("built in", "list_threads"),))
    old, new = Taker("old", "list_threads"), Taker("new", "list_threads")
    router.add_handler(old)
    router.insert_handler(new, 0)
    assert await by(router) == "new"
    assert router.remove_handler(new)
    assert await by(router) == "old"
    assert not router.remove_handler(new)
    assert router.remove_handler(old)
    assert await by(router) == "built in"


def test_a_built_in_handler_cannot_be_removed() -> None:
    built_in = Taker("built in", "list_threads")
    router = MessageRouter((built_in,))
    assert not router.remove_handler(built_in)
    assert router.handlers == (built_in,)


@pytest.mark.parametrize("missing", ["can_handle", "handle"])
def test_what_is_no_handler_is_refused_by_name(missing: str) -> None:
    half = Taker("half")
    setattr(half, missing, None)
    router = MessageRouter(())
    with pytest.raises(TypeError, match=f"Taker has no method {missing}"):
        router.add_handler(cast("Handler", half))
    assert router.handlers == ()


async def test_a_command_that_nobody_takes_is_counted_and_refused() -> None:
    router = MessageRouter((Taker("a", "ping"),))
    with pytest.raises(UnknownType, match="list_threads"):
        await router.route(envelope())
    assert (router.unhandled, router.routed) == (1, {})
