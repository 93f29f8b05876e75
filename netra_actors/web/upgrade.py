"""What an upgrade request says, and whether it may go on: subprotocol, origin, credential."""

from typing import final
from urllib.parse import parse_qs

import attrs
import msgspec

from netra_actors.errors import ClientError, Forbidden, InvalidField, Unauthorized
from netra_actors.protocol.commands import Hello
from netra_actors.protocol.decoding import decode_command, parse_cursor
from netra_actors.settings import ServerSettings
from netra_actors.web.credentials import (
    Credential,
    NoCredential,
    Refusal,
    read_credential,
    select_subprotocol,
)
from netra_actors.web.origin import check_origin, endpoint
from netra_actors.web.socket import Socket


@final
@attrs.frozen(kw_only=True)
class Upgrade:
    """One upgrade request, read.

    Attributes:
        address: the client's, trusted proxies seen through.
        subprotocol: the one to select.
        credential: what the client shows of itself.
        hello: what the address said in place of a `hello`; None if it said nothing.
        refusal: HTTP status and error, if it may not go on.
    """

    address: str
    subprotocol: str | None = None
    credential: Credential = NoCredential()  # noqa: RUF009  # a frozen value
    hello: Hello | None = None
    refusal: tuple[int, ClientError] | None = None


def read_upgrade(socket: Socket, settings: ServerSettings) -> Upgrade:
    """Read the upgrade; a refusal is in the result, none is raised."""
    peer = socket.client[0] if socket.client else None
    reached = endpoint(peer, socket.scheme, socket.headers, settings.trusted_proxies)
    origin = socket.headers.get("origin")
    if not check_origin(origin, reached, settings.allowed_origins):
        error = Forbidden(
            f"pages of {origin} may not connect here",
            recovery="The operator can allow this origin with NETRA_ALLOWED_ORIGINS.",
        )
        return Upgrade(address=reached.address, refusal=(403, error))
    selected = select_subprotocol(socket.subprotocols)
    credential = read_credential(socket.headers, socket.subprotocols, socket.query)
    for found in (selected, credential):
        if isinstance(found, Refusal):
            kind = Unauthorized if found.status == Unauthorized.http_status else InvalidField
            return Upgrade(address=reached.address, refusal=(found.status, kind(found.message)))
    try:
        hello = _hello_of(socket.query)
    except ClientError as error:
        return Upgrade(address=reached.address, refusal=(400, error))
    assert not isinstance(selected, Refusal)  # noqa: S101  # returned above
    return Upgrade(
        address=reached.address, subprotocol=selected, credential=credential, hello=hello
    )


def _hello_of(query: str) -> Hello | None:
    parameters = parse_qs(query, keep_blank_values=True)
    if "cursor" not in parameters:
        return None
    cursor = parse_cursor(parameters["cursor"][-1])
    said = {name: parameters[name][-1] for name in ("device", "thread_id") if name in parameters}
    # Checked as in the frame whose place this takes.
    decode_command(msgspec.json.encode({"type": "hello", **said}), user_id="")
    return Hello(cursor=cursor, device=said.get("device"), thread_id=said.get("thread_id"))
