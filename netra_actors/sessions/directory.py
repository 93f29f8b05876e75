"""The ports around a session: who talks to it, and where it is found.

A `Subscriber` is one connection of the session's user, as the session sees it. An `Envelope`
is one command on its way to the actor, with the place for its answer. The `Directory` finds the
session of a user: in this process, or on the worker that owns it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, final

import attrs

from netra_actors.errors import ClientError
from netra_actors.identity import ConnectionID, ThreadID, UserExecutionContext
from netra_actors.protocol.decoding import Decoded

if TYPE_CHECKING:
    from netra_actors.sessions.entry import SessionEntry


class Subscriber(Protocol):
    """One connection of a user; none of its methods raises or waits."""

    @property
    def connection_id(self) -> ConnectionID:
        """Its identifier."""
        ...

    @property
    def device(self) -> str:
        """What the client calls itself; named in `run_cancelling.by`."""
        ...

    thread_id: ThreadID | None
    """Its current thread: where a message without `thread_id` goes."""

    def control(self, frame: bytes) -> None:
        """Send something that is not in the log; dropped when the connection is going."""
        ...

    def end(self, code: int) -> None:
        """Close with *code* as soon as what was written has left."""
        ...


@final
@attrs.frozen
class Done:
    """The fields of an `ok`."""

    fields: dict[str, Any]
    duplicate: bool = False


@final
@attrs.define(eq=False, kw_only=True)
class Envelope:
    """One command on its way, and the one answer it gets.

    Attributes:
        context: who sent it; made at the edge, never from the command.
        decoded: the command with its `message_id` and digest.
        on_answer: called exactly once, with `Done` or a `ClientError`; must not raise.
        origin: the connection it came from; None for HTTP.
        arrival: rises with every command of the session; a stop overtakes, and must know what
            came before it.
    """

    context: UserExecutionContext
    decoded: Decoded
    on_answer: Callable[[Done | ClientError], None]
    origin: Subscriber | None = None
    arrival: int = 0
    answered: bool = attrs.field(default=False, init=False)

    def answer(self, answer: Done | ClientError) -> None:
        """Give the answer; a second one is a defect of the caller and is refused."""
        if self.answered:
            raise RuntimeError(f"{self.decoded.re} was answered before")
        self.answered = True
        self.on_answer(answer)

    @property
    def by(self) -> str:
        """Who a stop names as its cause."""
        return self.origin.device if self.origin is not None else "http"


class Directory(Protocol):
    """Finds the session of a user and hands commands to it."""

    async def entry(self, context: UserExecutionContext) -> "SessionEntry":
        """Return the live session of the context's user, loading it if need be.

        Take hold of it (attach a cursor, tell it something) before the next await.

        Raises:
            Unavailable: the record is down, or the service is leaving.
        """
        ...

    async def execute(self, context: UserExecutionContext, decoded: Decoded) -> Done:
        """Have the session do a command; return its answer, after the commit.

        Cancellation: the command may be carried out all the same; ask again with the same
        `message_id` to learn.

        Raises:
            ClientError: what the session answered.
        """
        ...
