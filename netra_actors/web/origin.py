"""Where a request really comes from: its page's origin, its client's address, its public host.

Pure functions. ``X-Forwarded-*`` is believed only when the peer
is a trusted proxy: anybody else could write anything there.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final, Protocol, final
from urllib.parse import urlsplit

import attrs

from netra_actors.settings import Network

_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
_FORWARDING: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


class RequestHeaders(Protocol):
    """Headers, looked up without regard to case; a name may come more than once."""

    def get(self, name: str, /) -> str | None:
        """Return the first value."""
        ...

    def getlist(self, name: str, /) -> list[str]:
        """Return every value, in order."""
        ...


@final
@attrs.frozen
class Endpoint:
    """How the client reached the service, proxies seen through."""

    address: str
    """The client's address; empty when there is none, as on a Unix socket."""
    scheme: str
    host: str
    """As the client wrote it, with the port where it wrote one."""
    direct: bool
    """False when any proxy, trusted or not, says that it stands in between."""

    @property
    def is_local(self) -> bool:
        """Whether the client is on this machine and came without a proxy."""
        return self.direct and is_loopback(self.address)


def endpoint(
    peer: str | None, scheme: str, headers: RequestHeaders, trusted: Sequence[Network]
) -> Endpoint:
    """Return how the client reached the service.

    Args:
        peer: address of the socket's other end; None on a Unix socket.
        scheme: that of the ASGI scope.
        headers: those of the request.
        trusted: networks whose ``X-Forwarded-*`` is believed.
    """
    host = headers.get("host") or ""
    direct = not any(headers.getlist(name) for name in _FORWARDING)
    if peer is None or not is_trusted(peer, trusted):
        return Endpoint(peer or "", scheme, host, direct)
    forwarded_scheme = _last(headers.get("x-forwarded-proto") or "").lower()
    if forwarded_scheme in {"http", "https"}:
        secure = forwarded_scheme == "https"
        scheme = {"ws": "wss", "wss": "wss"}.get(scheme, "https") if secure else scheme
    return Endpoint(
        client_address(peer, headers, trusted),
        scheme,
        _last(headers.get("x-forwarded-host") or "") or host,
        direct,
    )


def client_address(peer: str, headers: RequestHeaders, trusted: Sequence[Network]) -> str:
    """Return the client's address: the last one in the chain that is no trusted proxy."""
    lines = ",".join(headers.getlist("x-forwarded-for"))
    chain = [item.strip() for item in lines.split(",") if item.strip()]
    address = peer
    while chain and is_trusted(address, trusted):
        candidate = _bare(chain.pop())
        if not _is_address(candidate):
            break
        address = candidate
    return address


def check_origin(origin: str | None, endpoint: Endpoint, allowed: Sequence[str]) -> bool:
    """Return whether a page of *origin* may connect.

    No Origin passes (it is no browser), the service's own host passes, so does what is allowed.
    Everything else is refused, ``null`` included.
    """
    if origin is None:
        return True
    normal = origin.strip().lower().rstrip("/")
    if normal in allowed:
        return True
    return _site(normal) is not None and _site(normal) == _site(
        f"{endpoint.scheme}://{endpoint.host}"
    )


def is_loopback(host: str) -> bool:
    """Return whether *host*, with or without port, names this machine."""
    name = (urlsplit(f"//{host}").hostname or "") if not _is_address(host) else host
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and _address(name).is_loopback


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Return whether *address* lies in one of the networks."""
    if not _is_address(address):
        return False
    parsed = _address(address)
    return any(parsed.version == network.version and parsed in network for network in trusted)


def _site(url: str) -> tuple[str, int] | None:
    """Return host and port; None when *url* has none.

    The scheme counts through its default port only: a proxy that ends TLS without saying so
    must not lock every browser out, so ``https`` without a port also matches ``http``'s.
    """
    try:
        parts = urlsplit(url.lower())
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in _SCHEMES:
        return None
    return parts.hostname, port if port not in {None, 80, 443} else 0


def _last(value: str) -> str:
    return value.rpartition(",")[2].strip()


def _bare(item: str) -> str:
    """Return the address without port, brackets and quotes."""
    item = item.strip('"')
    if item.startswith("["):
        return item[1:].partition("]")[0]
    return item.partition(":")[0] if item.count(":") == 1 else item


def _is_address(text: str) -> bool:
    try:
        _address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
