import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.web.headers import Headers
from netra_actors.web.origin import (
    Endpoint,
    check_origin,
    client_address,
    endpoint,
    is_loopback,
)

PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)


def headers(**values: str) -> Headers:
    return Headers([
        (name.replace("_", "-").encode(), value.encode()) for name, value in values.items()
    ])


def at(host: str, scheme: str = "https") -> Endpoint:
    return Endpoint("203.0.113.9", scheme, host, direct=True)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "https://app.example.org",
        "https://app.example.org:443",
        "HTTPS://APP.EXAMPLE.ORG",
        "http://app.example.org",
        "https://partner.example.com",
    ],
)
def test_own_host_allow_list_and_no_origin_pass(origin: str | None) -> None:
    assert check_origin(origin, at("app.example.org"), ("https://partner.example.com",))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example.com",
        "https://app.example.org.evil.com",
        "https://app.example.org:8443",
        "https://partner.example.com.evil.com",
        "https://evilpartner.example.com",
        "file://",
        "https://app.example.org@evil.com",
        "https://[::1",
        "chrome-extension://app.example.org",
    ],
)
def test_every_other_origin_is_refused(origin: str) -> None:
    assert not check_origin(origin, at("app.example.org"), ("https://partner.example.com",))


def test_no_host_matches_no_origin() -> None:
    assert not check_origin("https://", at(""), ())
    assert not check_origin("null", at("null"), ())


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_origin_raises(origin: str, host: str) -> None:
    check_origin(origin, at(host), ())


def test_a_stranger_cannot_say_where_it_comes_from() -> None:
    found = endpoint(
        "203.0.113.9",
        "http",
        headers(
            host="real.example.org",
            x_forwarded_for="127.0.0.1",
            x_forwarded_proto="https",
            x_forwarded_host="localhost",
        ),
        PROXIES,
    )
    assert found == Endpoint("203.0.113.9", "http", "real.example.org", direct=False)


def test_a_trusted_proxy_is_believed() -> None:
    found = endpoint(
        "10.1.2.3",
        "ws",
        headers(
            host="internal:8000",
            x_forwarded_for="203.0.113.9",
            x_forwarded_proto="https",
            x_forwarded_host="app.example.org",
        ),
        PROXIES,
    )
    assert found == Endpoint("203.0.113.9", "wss", "app.example.org", direct=False)


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("203.0.113.9:5555", "203.0.113.9"),
        ('"[2001:db8::1]:80"', "2001:db8::1"),
        ("garbage", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(chain: str, address: str) -> None:
    assert client_address("10.0.0.1", headers(x_forwarded_for=chain), PROXIES) == address


def test_several_lines_of_a_chain_are_one_chain() -> None:
    lines = Headers([(b"X-Forwarded-For", b"127.0.0.1"), (b"X-Forwarded-For", b"203.0.113.9")])
    assert client_address("10.0.0.1", lines, PROXIES) == "203.0.113.9"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.9.1:80", "localhost", "localhost:8000", "LOCALHOST", "::1", "[::1]:80",
        "app.localhost", "::ffff:127.0.0.1",
    ],
)  # fmt: skip
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "", "localhost.evil.com", "128.0.0.1", "evil.com", "::", "192.168.0.1"]
)
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_who_comes_through_an_unknown_proxy_on_this_machine_is_not_local() -> None:
    assert endpoint("127.0.0.1", "http", headers(host="x"), ()).is_local
    assert not endpoint("127.0.0.1", "http", headers(x_forwarded_for="1.2.3.4"), ()).is_local
    assert not endpoint(None, "http", headers(host="x"), ()).is_local
