"""The Python client: one session over as many connections as it takes.

    async with connect("http://127.0.0.1:8000", token=token) as session:
        async for event in session.ask("Where does the money go?"):
            print(event.type)

`client` has `connect`, `session` what it gives. Below them `core` decides (no I/O), `hub` carries
out, `reconnect` keeps the connection, and `link` is the one WebSocket.
"""

from netra_actors.client.actions import (
    Applied,
    Complaint,
    Connected,
    Disconnected,
    Live,
    SnapshotTaken,
    Typing,
    Update,
)
from netra_actors.client.asking import Answer
from netra_actors.client.client import connect
from netra_actors.client.errors import (
    EventsLost,
    FoldFailed,
    ReaderTooSlow,
    Refused,
    SessionEnded,
    Unreachable,
)
from netra_actors.client.http import Address, HttpApi
from netra_actors.client.session import Events, Session
from netra_actors.client.subscription import Subscription
from netra_actors.client.tokens import TokenProvider, TokenSource

__all__ = [
    "Address",
    "Answer",
    "Applied",
    "Complaint",
    "Connected",
    "Disconnected",
    "Events",
    "EventsLost",
    "FoldFailed",
    "HttpApi",
    "Live",
    "ReaderTooSlow",
    "Refused",
    "Session",
    "SessionEnded",
    "SnapshotTaken",
    "Subscription",
    "TokenProvider",
    "TokenSource",
    "Typing",
    "Unreachable",
    "Update",
    "connect",
]
