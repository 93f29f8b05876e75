"""Close codes: why a socket was closed, and what a client does about it.

Between 4000 and 4399 a client reconnects by itself and resumes; between 4400 and 4499 something
has to be done first. Every other code (1001, 1006, 1011, 1012, ...) comes from the network, a
proxy or a library and means "reconnect and resume" too.
"""

import enum
from collections.abc import Mapping
from typing import Final


class Advice(enum.Enum):
    """What a client does after a close."""

    NOTHING = "nothing"
    RESUME = "resume"
    """Reconnect with the usual back-off and resume from the cursor."""
    RESUME_WHEN_TOLD = "resume_when_told"
    """Reconnect after the delay that `draining` gave, then resume."""
    BACK_OFF = "back_off"
    """Wait 30 s, then reconnect and resume."""
    NEW_TOKEN = "new_token"  # noqa: S105  # an advice, not a secret
    """Get a token, then reconnect and resume."""
    DROP_CURSOR = "drop_cursor"
    """Forget cursor and state, reconnect."""
    STOP = "stop"
    """Tell the user; connecting again would be refused again."""


class CloseCode(enum.IntEnum):
    """The codes that the application closes with; 1002 and 1007 come from framing."""

    NORMAL = 1000
    DRAINING = 4001
    TOO_SLOW = 4008
    NO_HEARTBEAT = 4012
    ABUSE = 4029
    INTERNAL = 4050
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    IMPOSSIBLE_CURSOR = 4409
    TOO_LARGE = 4413
    TOO_MANY_CONNECTIONS = 4429

    @property
    def reason(self) -> str:
        """The text beside the code: at most 123 bytes, as a close frame takes."""
        return _REASONS[self]

    @property
    def advice(self) -> Advice:
        """What a client does after it."""
        return advice(self)


BACK_OFF_S: Final = 30.0
"""How long a client waits after `Advice.BACK_OFF`."""

_REASONS: Final[Mapping[CloseCode, str]] = {
    CloseCode.NORMAL: "the user left",
    CloseCode.DRAINING: "draining, or the session moved",
    CloseCode.TOO_SLOW: "too slow",
    CloseCode.NO_HEARTBEAT: "no heartbeat answer",
    CloseCode.ABUSE: "abuse of limits",
    CloseCode.INTERNAL: "internal fault",
    CloseCode.UNAUTHORIZED: "no token, a bad one or an expired one",
    CloseCode.FORBIDDEN: "forbidden, revoked or another user",
    CloseCode.IMPOSSIBLE_CURSOR: "impossible cursor",
    CloseCode.TOO_LARGE: "frame over 64 KiB",
    CloseCode.TOO_MANY_CONNECTIONS: "too many connections of this user",
}

_ADVICE: Final[Mapping[int, Advice]] = {
    CloseCode.NORMAL: Advice.NOTHING,
    CloseCode.DRAINING: Advice.RESUME_WHEN_TOLD,
    CloseCode.ABUSE: Advice.BACK_OFF,
    CloseCode.UNAUTHORIZED: Advice.NEW_TOKEN,
    CloseCode.IMPOSSIBLE_CURSOR: Advice.DROP_CURSOR,
}


def advice(code: int) -> Advice:
    """Return what a client does after *code*, also after codes that are not ours.

    An unknown code between 4400 and 4499 is a later release's: something has to be done first,
    so the client stops and says so.
    """
    known = _ADVICE.get(code)
    if known is not None:
        return known
    return Advice.STOP if 4400 <= code <= 4499 else Advice.RESUME
