"""What the HTTP side of a worker needs from the rest of it.

`netra_actors.service` implements `Worker`; tests implement it in memory. Nothing here crosses
users: whatever belongs to a user is reached through that user's context.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, final

import attrs

from netra_actors.identity import UnifiedIdGenerator, UserExecutionContext
from netra_actors.log.port import Record
from netra_actors.protocol.commands import Cursor, Decoded
from netra_actors.sessions.directory import Done
from netra_actors.settings import Settings
from netra_actors.web.auth import Authenticator
from netra_actors.web.metrics import Metrics
from netra_actors.web.tickets import Tickets


@final
@attrs.frozen(kw_only=True)
class StreamItem:
    """One thing that a stream says: an event of the log, or a control object."""

    data: bytes
    """One JSON object on one line, exactly as a socket would get it."""
    cursor: Cursor | None = None
    """Where the client stands once it applied it; set for log events alone."""
    name: str | None = None
    """A control object's type; None for log events."""


@final
@attrs.frozen(kw_only=True)
class AgentInfo:
    """One agent, as users may know it."""

    name: str
    description: str
    promises: tuple[str, ...]
    """Event types that every completed run of it has."""


@final
@attrs.frozen(kw_only=True)
class Counts:
    """What a worker holds now."""

    sessions: int
    connections: int
    runs: int


class Directory(Protocol):
    """Where a command is executed, on whichever worker its session lives.

    The part of `sessions.directory.Directory` that HTTP needs.
    """

    async def execute(self, context: UserExecutionContext, decoded: Decoded) -> Done:
        """Execute one command of the context's user; return the fields of `ok`, `at` included.

        Cancellation: the command may or may not take effect; sending it again with the same
        `message_id` tells.

        Raises:
            ClientError: it was refused, and had no effect.
        """
        ...


class Rates(Protocol):
    """How often a user may ask, over HTTP and sockets together."""

    def take(self, key: str, /) -> float:
        """Count one command of that user; return 0.0, or the seconds to wait."""
        ...


class Worker(Protocol):
    """One worker, as its HTTP side sees it."""

    @property
    def settings(self) -> Settings:
        """What the operator set."""
        ...

    @property
    def record(self) -> Record:
        """Where logs and files are durable."""
        ...

    @property
    def directory(self) -> Directory:
        """Where commands are executed."""
        ...

    @property
    def authenticator(self) -> Authenticator:
        """Whose tokens are believed."""
        ...

    @property
    def tickets(self) -> Tickets:
        """The tickets that were given out."""
        ...

    @property
    def rates(self) -> Rates:
        """The commands' token buckets, by user_id."""
        ...

    @property
    def ids(self) -> UnifiedIdGenerator:
        """Makes request and file ids; its clock is the wall clock."""
        ...

    @property
    def metrics(self) -> Metrics:
        """What the worker counted."""
        ...

    @property
    def started_at(self) -> int:
        """Unix milliseconds at which the worker began."""
        ...

    def stream(
        self, context: UserExecutionContext, cursor: Cursor | None
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[StreamItem]]]:
        """Open a connection of the user that only listens: welcome, replay, then live.

        The items of one batch leave together. At least every `heartbeat_s` there is one, a
        heartbeat if nothing else. It ends when the worker drains or the client is too slow.
        A refusal (`ClientError`) is raised when the block is entered. The events' bytes are
        those of the log; leaving the block ends the connection.
        """
        ...

    async def erase(self, context: UserExecutionContext) -> None:
        """Delete everything that is stored of the context's user, and end the session.

        Cancellation: it may or may not have happened; asking again is safe.
        """
        ...

    def agents(self) -> Sequence[AgentInfo]:
        """Return what can be asked, the default agent first."""
        ...

    def picture(self) -> Mapping[str, Any]:
        """Return what the observer page shows, as JSON values: no message texts."""
        ...

    def counts(self) -> Counts:
        """Return what the worker holds now."""
        ...

    def checks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return, by name, a call for each dependency that raises when it is down."""
        ...

    def ready(self) -> bool:
        """Return whether new users should be sent here."""
        ...

    def draining(self) -> bool:
        """Return whether the worker is leaving."""
        ...
