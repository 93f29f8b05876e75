"""What an upgrade says, and what refuses it."""

import pytest

from netra_actors.settings import ServerSettings, load_settings
from netra_actors.web.credentials import HeaderToken, NoCredential, SubprotocolToken, Ticket
from netra_actors.web.upgrade import read_upgrade
from tests.web.sockets import FakeSocket, headers_of

JWT = "eyJh.eyJz.c2ln"


def settings(**environ: str) -> ServerSettings:
    return load_settings({f"NETRA_{name}": value for name, value in environ.items()}).server


def test_nothing_said_is_nothing_known() -> None:
    upgrade = read_upgrade(FakeSocket().as_socket(), settings())
    assert upgrade.refusal is None
    assert upgrade.credential == NoCredential()
    assert (upgrade.subprotocol, upgrade.hello) == (None, None)
    assert upgrade.address == "203.0.113.9"


def test_a_socket_without_an_address_has_none() -> None:
    assert read_upgrade(FakeSocket(client=None).as_socket(), settings()).address == ""


def test_trusted_proxies_are_seen_through() -> None:
    socket = FakeSocket(headers=headers_of(("x-forwarded-for", "198.51.100.7")))
    believed = read_upgrade(socket.as_socket(), settings(TRUSTED_PROXIES="203.0.113.0/24"))
    assert believed.address == "198.51.100.7"
    assert read_upgrade(socket.as_socket(), settings()).address == "203.0.113.9"


@pytest.mark.parametrize(
    ("socket", "credential"),
    [
        (FakeSocket(headers=headers_of(("authorization", f"Bearer {JWT}"))), HeaderToken(JWT)),
        (FakeSocket(subprotocols=["netra.v1", f"jwt.{JWT}"]), SubprotocolToken(JWT)),
        (FakeSocket(query="ticket=t1"), Ticket("t1")),
    ],
)
def test_a_credential_is_found(socket: FakeSocket, credential: object) -> None:
    assert read_upgrade(socket.as_socket(), settings()).credential == credential


@pytest.mark.parametrize(
    ("socket", "status", "code"),
    [
        (FakeSocket(headers=headers_of(("origin", "https://evil.example"))), 403, "forbidden"),
        (FakeSocket(headers=headers_of(("origin", "null"))), 403, "forbidden"),
        (FakeSocket(headers=headers_of(("authorization", "Basic x"))), 401, "unauthorized"),
        (FakeSocket(query=f"token={JWT}"), 400, "invalid_field"),
        (FakeSocket(subprotocols=[f"jwt.{JWT}"]), 400, "invalid_field"),
        (FakeSocket(query="cursor=5"), 400, "invalid_field"),
        (FakeSocket(query="cursor="), 400, "invalid_field"),
    ],
)
def test_what_may_not_go_on(socket: FakeSocket, status: int, code: str) -> None:
    refusal = read_upgrade(socket.as_socket(), settings()).refusal
    assert refusal is not None
    assert (refusal[0], refusal[1].code) == (status, code)


def test_a_refusal_never_repeats_the_token() -> None:
    refusal = read_upgrade(FakeSocket(query=f"token={JWT}").as_socket(), settings()).refusal
    assert refusal is not None
    assert JWT not in str(refusal[1])


def test_an_address_can_say_hello() -> None:
    socket = FakeSocket(query="cursor=e_1:7&device=phone&thread_id=t")
    hello = read_upgrade(socket.as_socket(), settings()).hello
    assert hello is not None
    assert hello.cursor is not None
    assert (hello.cursor.epoch, hello.cursor.seq) == ("e_1", 7)
    assert (hello.device, hello.thread_id) == ("phone", "t")
    none = read_upgrade(FakeSocket(query="cursor=none").as_socket(), settings()).hello
    assert none is not None
    assert none.cursor is None


def test_an_allowed_origin_passes() -> None:
    socket = FakeSocket(headers=headers_of(("origin", "https://app.example.org")))
    allowed = settings(ALLOWED_ORIGINS="https://app.example.org")
    assert read_upgrade(socket.as_socket(), allowed).refusal is None
