"""Actors on trio: a mailbox, supervision, and a registry of live entries.

Three small things that know nothing of users and sockets and can be used without the rest:
`Mailbox` (bounded inbox, urgent messages overtake), `supervise` and `open_supervisor` (crash
boundary, restarts within an intensity, quarantine), `open_registry` (one live entry per key).
"""

from netra_actors.actors.mailbox import ActorRef, Mailbox
from netra_actors.actors.registry import Registry, open_registry
from netra_actors.actors.reply import Reply
from netra_actors.actors.supervisor import (
    ChildSpec,
    Node,
    Restart,
    RestartBudget,
    Supervisor,
    open_supervisor,
    supervise,
)

__all__ = [
    "ActorRef",
    "ChildSpec",
    "Mailbox",
    "Node",
    "Registry",
    "Reply",
    "Restart",
    "RestartBudget",
    "Supervisor",
    "open_registry",
    "open_supervisor",
    "supervise",
]
