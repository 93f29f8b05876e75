"""One user's connections on this worker."""

from collections.abc import Iterable
from typing import final

import attrs
import trio

from netra_actors.connections.connection import Connection
from netra_actors.errors import ForbiddenUser
from netra_actors.identity import ConnectionID, UserExecutionContext


@final
@attrs.define(eq=False)
class WebSocketManager:
    """The connections of one user; refuses everybody else's.

    Attributes:
        user_context: the context of the connection that came first.
    """

    user_context: UserExecutionContext
    _connections: dict[ConnectionID, Connection] = attrs.field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The user's connections, oldest first."""
        return tuple(self._connections.values())

    def add_connection(self, connection: Connection) -> None:
        """Add a connection of this user.

        Raises:
            ForbiddenUser: it is another user's.
        """
        if connection.context.user_id != self.user_context.user_id:
            raise ForbiddenUser("this connection belongs to another user")
        self._connections[connection.connection_id] = connection

    def remove_connection(self, connection_id: ConnectionID) -> bool:
        """Forget a connection; False if it is not here (any more)."""
        return self._connections.pop(connection_id, None) is not None

    def get_connection(self, connection_id: ConnectionID) -> Connection | None:
        """Return a connection of this user."""
        return self._connections.get(connection_id)

    def is_connection_active(self) -> bool:
        """Whether the user is connected here."""
        return bool(self._connections)

    def quietest(self, *, before: float) -> Connection | None:
        """Return the connection unheard for longest, if it was last heard before *before*."""
        silent: Iterable[Connection] = (
            connection
            for connection in self._connections.values()
            if connection.sink.last_heard < before
        )
        return min(silent, key=lambda connection: connection.sink.last_heard, default=None)

    def connected_for_s(self) -> float:
        """Return for how many seconds the user has been connected without a gap."""
        first = min((c.opened_at for c in self._connections.values()), default=None)
        return 0.0 if first is None else trio.current_time() - first
