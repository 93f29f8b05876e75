"""The greeting: the first frames of a socket, until it is known who speaks and from where.

With `netra.v1` a `hello` has to come within its time. Without a subprotocol it is implied after
250 ms, or by any other first command, if the upgrade already said who it is.
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

import attrs
import msgspec
import trio

from netra_actors.connections.answers import MAX_ERRORS_IN_A_ROW
from netra_actors.errors import ClientError, ForbiddenUser, NetraError, Unauthorized
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Hello
from netra_actors.protocol.decoding import Decoded, decode_command
from netra_actors.web.credentials import Identity
from netra_actors.web.socket import Socket
from netra_actors.web.upgrade import Upgrade

IMPLIED_AFTER_S: Final = 0.25
NETRA_V1: Final = "netra.v1"
_NOBODY: Final = ""


class Refused(NetraError):
    """The socket is to be closed: an error to tell first, and a code."""

    def __init__(self, error: ClientError | None, code: CloseCode) -> None:
        super().__init__(str(error))
        self.error = error
        self.code = code


@final
@attrs.frozen
class Greeting:
    """Who speaks, from where, and a first command that came in place of a hello."""

    identity: Identity
    hello: Hello
    first_frame: str | bytes | None = None
    request: Decoded | None = None
    """The frame that `hello` came in; None if the address or nobody said it."""


async def read_greeting(
    socket: Socket,
    upgrade: Upgrade,
    identity: Identity | None,
    *,
    authenticate: Callable[[str], Awaitable[Identity]],
    timeout_s: float,
    answer: Callable[[ClientError, str | None], None],
) -> Greeting:
    """Return the greeting of an accepted socket.

    Raises:
        Refused: none came in time, or it was a wrong one.
        BadCredential: the token in it is not accepted.
        SocketClosed: the peer left.
    """
    if identity is not None and upgrade.hello is not None:
        return Greeting(identity, upgrade.hello)
    strict = upgrade.subprotocol == NETRA_V1
    implied = identity is not None and not strict
    request: Decoded | None = None
    frame: str | bytes | None = None
    with trio.move_on_after(IMPLIED_AFTER_S if implied else timeout_s):
        request, frame = await _first_command(socket, identity, answer, implied=implied)
    if request is None:
        if implied and identity is not None:
            return Greeting(identity, Hello(), frame)
        raise Refused(Unauthorized(f"no hello within {timeout_s:g} s"), CloseCode.UNAUTHORIZED)
    hello = request.command
    assert isinstance(hello, Hello)  # noqa: S101  # `_first_command` looked
    try:
        identity = await _identify(hello, identity, authenticate)
        decode_command(frame or b"", user_id=identity.user_id)  # Now it is known whose it must be.
    except ForbiddenUser as error:
        raise Refused(_about(request, error), CloseCode.FORBIDDEN) from None
    except Refused as refused:
        if refused.error is not None:
            _about(request, refused.error)
        raise
    except ClientError as error:
        _about(request, error)
        raise
    return Greeting(identity, _complete(hello, upgrade), request=request)


def _about(request: Decoded, error: ClientError) -> ClientError:
    error.re, error.message_id = request.re, request.message_id
    return error


async def _first_command(
    socket: Socket,
    identity: Identity | None,
    answer: Callable[[ClientError, str | None], None],
    *,
    implied: bool,
) -> tuple[Decoded | None, str | bytes]:
    """Return the hello and its frame, or, where it is *implied*, the frame in its place.

    Of somebody unknown unreadable ones are answered, since one with a token may follow.

    Raises:
        Refused: something else came, or too many unreadable ones.
    """
    for _ in range(MAX_ERRORS_IN_A_ROW):
        frame = await socket.receive()
        user_id = identity.user_id if identity is not None else _claimed(frame)
        try:
            decoded = decode_command(frame, user_id=user_id)
        except ClientError as error:
            if implied:
                return None, frame
            if identity is not None:
                raise Refused(error, _code_of(error)) from None
            answer(error, error.re)
            continue
        if isinstance(decoded.command, Hello):
            return decoded, frame
        if implied:
            return None, frame
        late = _about(decoded, Unauthorized("hello must come first"))
        raise Refused(late, CloseCode.UNAUTHORIZED)
    raise Refused(None, CloseCode.ABUSE)


def _code_of(error: ClientError) -> CloseCode:
    is_other = isinstance(error, ForbiddenUser)
    return CloseCode.FORBIDDEN if is_other else CloseCode.UNAUTHORIZED


def _claimed(frame: str | bytes) -> str:
    """Return the user_id that a frame names, to be held against its token afterwards."""
    try:
        found = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _NOBODY
    places = (
        (found, *(found.get(name) for name in ("payload", "params")))
        if isinstance(found, dict)
        else ()
    )
    for place in places:
        if isinstance(place, dict) and isinstance(place.get("user_id"), str):
            return str(place["user_id"])
    return _NOBODY


def _complete(hello: Hello, upgrade: Upgrade) -> Hello:
    """Return *hello* with the cursor of the address where it has none itself."""
    if upgrade.hello is None or hello.cursor is not None:
        return hello
    return Hello(
        cursor=upgrade.hello.cursor,
        device=hello.device or upgrade.hello.device,
        thread_id=hello.thread_id or upgrade.hello.thread_id,
    )


async def _identify(
    hello: Hello,
    identity: Identity | None,
    authenticate: Callable[[str], Awaitable[Identity]],
) -> Identity:
    if hello.token is None:
        if identity is None:
            raise Refused(Unauthorized("hello has no token"), CloseCode.UNAUTHORIZED)
        return identity
    fresh = await authenticate(hello.token)
    if identity is not None and fresh.user_id != identity.user_id:
        raise Refused(ForbiddenUser("hello.token is another user's"), CloseCode.FORBIDDEN)
    return fresh
