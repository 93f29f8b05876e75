"""The listening sockets: ours, so that what accepted sockets inherit from them is ours too."""

import errno
import socket
import sys

from netra_actors.errors import ConfigurationError

USER_TIMEOUT_MS = 10_000
"""After which the kernel ends a connection whose peer acknowledges or reads nothing (Linux)."""
UNSENT_BYTES = 64 * 1024
"""Unsent bytes the kernel takes per connection before it calls the socket full."""


def open_listeners(host: str, port: int, *, backlog: int = 1024) -> list[socket.socket]:
    """Bind and listen on every address that *host* stands for.

    Args:
        host: a name or address; ``""`` means every address, ``localhost`` both loopbacks.
        port: 0 takes a free one, the same for every address.
        backlog: connections that may wait to be accepted.

    Raises:
        ConfigurationError: the address is taken, not allowed, or not one of this machine's.
    """
    listeners: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listeners.append(listener)
            _set_options(listener)
            chosen = port or (listeners[0].getsockname()[1] if len(listeners) > 1 else 0)
            listener.bind((address, chosen))
            listener.listen(backlog)
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise ConfigurationError(_advice(host, port, error)) from error
    return listeners


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise ConfigurationError(
            f"{host!r} is no address of this machine: set NETRA_HOST to one, for example 127.0.0.1"
        ) from error
    unique = dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found)
    return [
        (family, address)
        for family, address in unique
        if family is socket.AF_INET or socket.has_ipv6
    ]


def _set_options(listener: socket.socket) -> None:
    listener.setblocking(False)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if listener.family is socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _advice(host: str, port: int, error: OSError) -> str:
    where = f"{host or '*'}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken by another process: stop it, or set PORT to a free port"
    if error.errno == errno.EACCES:
        return f"{where} needs privileges: set PORT to 1024 or more"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host!r} is no address of this machine: set NETRA_HOST to one, or to 127.0.0.1"
    return f"cannot listen on {where}: {error.strerror or error}"
