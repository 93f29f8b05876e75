"""Where a client says who it is, read from the upgrade or the request without any I/O.

The order is that of the protocol: the Authorization header, a subprotocol that carries a token,
a ticket in the query. Whatever is found first counts; whether it is good is another's question.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final, TypeAlias, final
from urllib.parse import parse_qsl

import attrs

from netra_actors.errors import Unauthorized
from netra_actors.identity import ConnectionID, RequestID, UserExecutionContext, UserID
from netra_actors.web.origin import RequestHeaders

SUBPROTOCOLS: Final = ("netra.v1", "jwt-auth", "jwt", "bearer")
"""What can be selected; the first that the client offers is."""
_TOKEN_PREFIXES: Final = ("jwt.", "jwt-auth.", "bearer.")
_JWT_DOTS: Final = 2


class BadCredential(Unauthorized):
    """A token or a ticket that is not accepted.

    Attributes:
        reason: a stable word for logs and metrics, such as ``expired``; never the token.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@final
@attrs.frozen(kw_only=True)
class Identity:
    """Who a credential says its bearer is."""

    user_id: UserID
    plan: str
    permissions: frozenset[str]
    expires_at: int
    """Unix milliseconds."""

    def context(
        self, *, request_id: RequestID | None = None, connection_id: ConnectionID | None = None
    ) -> UserExecutionContext:
        """Return the context in whose name everything of this request or socket is done."""
        return UserExecutionContext(
            user_id=self.user_id,
            plan=self.plan,
            permissions=self.permissions,
            request_id=request_id,
            connection_id=connection_id,
        )

    def expires_in_s(self, now_ms: int) -> int:
        """Return the whole seconds that are left; 0 when it is over."""
        return max(0, (self.expires_at - now_ms) // 1000)


@final
@attrs.frozen
class HeaderToken:
    """A token in the Authorization header: a bad one is answered with HTTP 401."""

    token: str = attrs.field(repr=False)


@final
@attrs.frozen
class SubprotocolToken:
    """A token in a subprotocol: a bad one is told over the socket, then close 4401."""

    token: str = attrs.field(repr=False)


@final
@attrs.frozen
class Ticket:
    """A single-use ticket in the query."""

    ticket: str = attrs.field(repr=False)


@final
@attrs.frozen
class NoCredential:
    """None yet; a socket may still say it with `hello.token`."""


@final
@attrs.frozen
class Refusal:
    """The upgrade itself is wrong; it is answered with this HTTP status."""

    status: int
    message: str


Credential: TypeAlias = HeaderToken | SubprotocolToken | Ticket | NoCredential | Refusal


def read_credential(headers: RequestHeaders, subprotocols: Sequence[str], query: str) -> Credential:
    """Return what the client shows, the first of the protocol's order.

    Args:
        headers: those of the request.
        subprotocols: as offered.
        query: the query string, without ``?``.
    """
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    if any(looks_like_jwt(value) for value in parameters.values()):
        return Refusal(400, "a token does not belong in the address: it would land in logs")
    if authorizations := headers.getlist("authorization"):
        token = bearer_token(authorizations[0])
        if token and len(authorizations) == 1:
            return HeaderToken(token)
        return Refusal(401, "Authorization must be Bearer <JWT>, once")
    for offered in subprotocols:
        if (carried := _carried(offered)) is not None:
            return SubprotocolToken(carried)
    if ticket := parameters.get("ticket"):
        return Ticket(ticket)
    return NoCredential()


def select_subprotocol(offered: Sequence[str]) -> str | Refusal | None:
    """Return the subprotocol to select; None when none was offered.

    Never one that carries a token: the answer would print it. Only token-bearing (or unknown)
    ones offered: HTTP 400, as a browser would refuse any other answer anyway.
    """
    if not offered:
        return None
    for name in offered:
        if name in SUBPROTOCOLS:
            return name
    return Refusal(400, "offer netra.v1 beside the subprotocol that carries the token")


def bearer_token(authorization: str) -> str:
    """Return the token of a Bearer header; empty when it is not one."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def looks_like_jwt(text: str) -> bool:
    """Return whether *text* has the shape of a compact JWT, plain or in base64url."""
    return _is_compact(text) or (text.startswith("ZXlK") and _is_compact(decode_base64url(text)))


def _is_compact(text: str) -> bool:
    return text.startswith("eyJ") and text.count(".") == _JWT_DOTS


def _carried(offered: str) -> str | None:
    for prefix in _TOKEN_PREFIXES:
        if offered.startswith(prefix):
            token = offered.removeprefix(prefix)
            return token if token.count(".") == _JWT_DOTS else decode_base64url(token)
    return None


def decode_base64url(text: str) -> str:
    """Return the ASCII text behind base64url, padded or not; empty when it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
