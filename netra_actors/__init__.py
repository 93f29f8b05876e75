"""Live events of AI agents: each user session is one supervised actor that writes one log.

How the packages lie on each other, from the bottom: `identity`, `errors`, `settings`;
`protocol` (what travels, pure); `actors` (mailboxes and supervision, knowing no users); `log`
(append, commit, cursors, and the port to the record); `record` (SQL and memory behind it);
`agents` (what you write); `sessions` (one actor for each user); `connections` (cursors on logs);
`web` and `server` (HTTP and sockets); `service` (one worker, put together); `cli`.
`client` talks to all this from outside. A package imports only from those before it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netra_actors.agents import (
        Agent,
        Attachment,
        HistoryMessage,
        Run,
        Tool,
        UserMessage,
        agent,
        tool,
    )
    from netra_actors.client import connect
    from netra_actors.identity import UnifiedIdGenerator, UserExecutionContext
    from netra_actors.version import __version__

_HOMES = {
    "Agent": "netra_actors.agents",
    "Attachment": "netra_actors.agents",
    "HistoryMessage": "netra_actors.agents",
    "Run": "netra_actors.agents",
    "Tool": "netra_actors.agents",
    "UnifiedIdGenerator": "netra_actors.identity",
    "UserExecutionContext": "netra_actors.identity",
    "UserMessage": "netra_actors.agents",
    "__version__": "netra_actors.version",
    "agent": "netra_actors.agents",
    "connect": "netra_actors.client",
    "tool": "netra_actors.agents",
}

__all__ = [
    "Agent",
    "Attachment",
    "HistoryMessage",
    "Run",
    "Tool",
    "UnifiedIdGenerator",
    "UserExecutionContext",
    "UserMessage",
    "__version__",
    "agent",
    "connect",
    "tool",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
