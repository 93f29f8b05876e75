"""The router: which handler takes a command. The first one that can, wins."""

from typing import Any, Protocol, final

import attrs

from netra_actors.errors import UnknownType
from netra_actors.protocol.commands import Command
from netra_actors.sessions.directory import Envelope


@final
@attrs.frozen
class Effect:
    """What a command did.

    Attributes:
        fields: what the `ok` carries beside `at`.
        at: the log position of the effect; the `ok` waits for its commit.
        keep: whether the answer is stored under the command's `message_id`.
    """

    fields: dict[str, Any]
    at: int
    keep: bool = True


class Handler(Protocol):
    """Takes some commands."""

    def can_handle(self, command: Command) -> bool:
        """Whether this handler takes *command*."""
        ...

    async def handle(self, envelope: Envelope) -> Effect | None:
        """Carry the command out; None: it will call `finish` with its `Effect` later.

        Raises:
            ClientError: what the sender is to be told.
        """
        ...


@final
@attrs.define(eq=False)
class MessageRouter:
    """An ordered list of handlers; those added later stand before the built-in ones.

    Attributes:
        routed: commands that found a handler, by type.
        unhandled: commands that found none.
        errors: commands whose handler crashed; counted by the actor, which survives it.
    """

    _built_in: tuple[Handler, ...]
    _custom: list[Handler] = attrs.field(factory=list, init=False)
    routed: dict[str, int] = attrs.field(factory=dict, init=False)
    unhandled: int = attrs.field(default=0, init=False)
    errors: int = attrs.field(default=0, init=False)

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """All handlers in the order in which they are asked."""
        return (*self._custom, *self._built_in)

    def add_handler(self, handler: Handler) -> None:
        """Ask *handler* before the built-in ones, after those added earlier.

        Raises:
            TypeError: it lacks `can_handle` or `handle`.
        """
        self.insert_handler(handler, len(self._custom))

    def insert_handler(self, handler: Handler, index: int) -> None:
        """Put *handler* at *index* among the added ones.

        Raises:
            TypeError: it lacks `can_handle` or `handle`.
        """
        for name in ("can_handle", "handle"):
            if not callable(getattr(handler, name, None)):
                raise TypeError(f"{type(handler).__name__} has no method {name}")
        self._custom.insert(index, handler)

    def remove_handler(self, handler: Handler) -> bool:
        """Take an added handler out; False if it was not added."""
        if handler not in self._custom:
            return False
        self._custom.remove(handler)
        return True

    async def route(self, envelope: Envelope) -> Effect | None:
        """Have the first handler that can take the command.

        Raises:
            UnknownType: none can.
            ClientError: what the handler says to the sender.
        """
        command = envelope.decoded.command
        for handler in self.handlers:
            if handler.can_handle(command):
                self.routed[command.type] = self.routed.get(command.type, 0) + 1
                return await handler.handle(envelope)
        self.unhandled += 1
        raise UnknownType(f"{command.type} cannot be handled here")
