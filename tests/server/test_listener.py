import contextlib
import socket
import sys

import pytest

from netra_actors.errors import ConfigurationError
from netra_actors.server.listener import open_listeners


@contextlib.contextmanager
def closing(listeners: list[socket.socket]):  # type: ignore[no-untyped-def] # noqa: ANN201
    yield listeners
    for listener in listeners:
        listener.close()


def test_a_free_port_is_chosen_and_listened_on() -> None:
    with closing(open_listeners("127.0.0.1", 0)) as (listener,):
        client = socket.create_connection(listener.getsockname(), timeout=1)
        client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the options of Linux")
def test_accepted_sockets_inherit_what_the_listener_has() -> None:
    with closing(open_listeners("127.0.0.1", 0)) as (listener,):
        client = socket.create_connection(listener.getsockname(), timeout=1)
        listener.setblocking(True)
        accepted, _ = listener.accept()
        tcp = socket.IPPROTO_TCP
        assert accepted.getsockopt(tcp, socket.TCP_NODELAY)
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert accepted.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 10_000
        assert accepted.getsockopt(tcp, socket.TCP_NOTSENT_LOWAT) == 65_536
        accepted.close()
        client.close()


def test_a_taken_port_says_what_to_do() -> None:
    with closing(open_listeners("127.0.0.1", 0)) as (listener,):
        port = listener.getsockname()[1]
        with pytest.raises(ConfigurationError, match=r"taken .* set PORT"):
            open_listeners("127.0.0.1", port)


def test_an_address_of_another_machine_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="NETRA_HOST"):
        open_listeners("192.0.2.1", 0)


def test_a_name_that_means_nothing_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="NETRA_HOST"):
        open_listeners("no such host", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_host_listens_on_ipv6() -> None:
    try:
        listeners = open_listeners("::1", 0)
    except ConfigurationError:
        pytest.skip("IPv6 is switched off here")
    with closing(listeners) as (listener,):
        assert listener.family is socket.AF_INET6


def test_every_address_gets_the_same_port() -> None:
    with closing(open_listeners("", 0)) as listeners:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
