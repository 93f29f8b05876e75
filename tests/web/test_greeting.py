"""The first frames of a socket, on virtual time."""

import json
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from netra_actors.errors import ClientError, ForbiddenUser, InvalidField
from netra_actors.identity import UserID
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Cursor, Hello
from netra_actors.web.credentials import BadCredential, Identity
from netra_actors.web.greeting import IMPLIED_AFTER_S, Greeting, Refused, read_greeting
from netra_actors.web.socket import SocketClosed
from netra_actors.web.upgrade import Upgrade
from tests.web.sockets import FakeSocket

ALICE = Identity(
    user_id=UserID("alice"), plan="mid", permissions=frozenset(), expires_at=1_800_000_000_000
)
V1 = Upgrade(address="a", subprotocol="netra.v1")
PLAIN = Upgrade(address="a")


async def authenticate(token: str) -> Identity:
    await trio.lowlevel.checkpoint()
    if token == "bad":
        raise BadCredential("malformed", "no")
    return attrs.evolve(ALICE, user_id=UserID(token), plan="early")


@attrs.define
class Reading:
    socket: FakeSocket = attrs.field(factory=FakeSocket)
    answered: list[tuple[str, str | None]] = attrs.field(factory=list)

    async def __call__(self, upgrade: Upgrade, identity: Identity | None = None) -> Greeting:
        def answer(error: ClientError, re: str | None) -> None:
            self.answered.append((error.code, re))

        return await read_greeting(
            self.socket.as_socket(),
            upgrade,
            identity,
            authenticate=authenticate,
            timeout_s=5.0,
            answer=answer,
        )


@pytest.fixture
def read() -> Reading:
    return Reading()


async def test_an_upgrade_that_said_everything_needs_no_frame(
    read: Reading, autojump_clock: MockClock
) -> None:
    upgrade = attrs.evolve(V1, hello=Hello(device="phone"))
    began = trio.current_time()
    greeting = await read(upgrade, ALICE)
    assert greeting == Greeting(ALICE, Hello(device="phone"))
    assert trio.current_time() == began


async def test_hello_says_from_where(read: Reading, autojump_clock: MockClock) -> None:
    read.socket.come({"type": "hello", "cursor": {"epoch": "e", "seq": 3}, "device": "phone"})
    greeting = await read(V1, ALICE)
    assert greeting.identity is ALICE
    assert greeting.hello.cursor == Cursor("e", 3)
    assert greeting.hello.device == "phone"
    assert greeting.first_frame is None
    assert greeting.request is not None
    assert not greeting.request.is_rpc


async def test_the_token_in_hello_says_who(read: Reading, autojump_clock: MockClock) -> None:
    read.socket.come({"type": "hello", "token": "bob"})
    assert (await read(V1)).identity.user_id == "bob"


async def test_a_fresh_token_of_the_same_user_counts(
    read: Reading, autojump_clock: MockClock
) -> None:
    read.socket.come({"type": "hello", "token": "alice"})
    assert (await read(V1, ALICE)).identity.plan == "early"


async def test_what_hello_leaves_open_the_address_may_say(
    read: Reading, autojump_clock: MockClock
) -> None:
    upgrade = attrs.evolve(V1, hello=Hello(cursor=Cursor("e", 9), device="tab", thread_id="t"))
    read.socket.come({"type": "hello", "token": "bob", "device": "phone"})
    hello = (await read(upgrade)).hello
    assert (hello.cursor, hello.device, hello.thread_id) == (Cursor("e", 9), "phone", "t")
    read.socket.come({"type": "hello", "token": "bob", "cursor": {"epoch": "e", "seq": 1}})
    assert (await read(upgrade)).hello.cursor == Cursor("e", 1)


@pytest.mark.parametrize("identity", [ALICE, None], ids=["known", "unknown"])
async def test_no_hello_within_five_seconds_is_4401(
    read: Reading, identity: Identity | None, autojump_clock: MockClock
) -> None:
    began = trio.current_time()
    with pytest.raises(Refused) as refused:
        await read(V1, identity)
    assert trio.current_time() - began == pytest.approx(5)
    assert refused.value.code is CloseCode.UNAUTHORIZED


async def test_who_is_unknown_has_five_seconds_without_a_subprotocol_too(
    read: Reading, autojump_clock: MockClock
) -> None:
    began = trio.current_time()
    with pytest.raises(Refused):
        await read(PLAIN)
    assert trio.current_time() - began == pytest.approx(5)


@pytest.mark.parametrize("frame", [{"type": "ping"}, "{", {"type": "hello", "cursor": 5}])
async def test_with_netra_v1_anything_else_first_is_4401(
    read: Reading, frame: Any, autojump_clock: MockClock
) -> None:
    read.socket.come(frame)
    with pytest.raises(Refused) as refused:
        await read(V1, ALICE)
    assert refused.value.code is CloseCode.UNAUTHORIZED


async def test_without_subprotocol_hello_is_implied_after_a_quarter_second(
    read: Reading, autojump_clock: MockClock
) -> None:
    began = trio.current_time()
    assert await read(PLAIN, ALICE) == Greeting(ALICE, Hello())
    assert trio.current_time() - began == pytest.approx(IMPLIED_AFTER_S)


@pytest.mark.parametrize("frame", ['{"type":"ping"}', "{", b"\xff"])
async def test_without_subprotocol_any_frame_implies_it_and_is_kept(
    read: Reading, frame: str | bytes, autojump_clock: MockClock
) -> None:
    read.socket.come(frame)
    greeting = await read(PLAIN, ALICE)
    assert greeting.first_frame == frame
    assert read.answered == []


async def test_an_unknown_client_may_stumble_a_hundred_times(
    read: Reading, autojump_clock: MockClock
) -> None:
    for _ in range(99):
        read.socket.come('{"type":"explode"}')
    read.socket.come({"type": "hello", "token": "bob"})
    assert (await read(V1)).identity.user_id == "bob"
    assert read.answered == [("unknown_type", "explode")] * 99
    for _ in range(100):
        read.socket.come("{")
    with pytest.raises(Refused) as refused:
        await read(V1)
    assert refused.value.code is CloseCode.ABUSE


async def test_another_users_token_is_4403(read: Reading, autojump_clock: MockClock) -> None:
    read.socket.come({"type": "hello", "token": "bob"})
    with pytest.raises(Refused) as refused:
        await read(V1, ALICE)
    assert refused.value.code is CloseCode.FORBIDDEN


async def test_a_hello_that_names_another_user_than_its_token_is_4403(
    read: Reading, autojump_clock: MockClock
) -> None:
    read.socket.come({"type": "hello", "token": "bob", "user_id": "alice"})
    with pytest.raises(Refused) as refused:
        await read(V1)
    assert refused.value.code is CloseCode.FORBIDDEN
    read.socket.come({"type": "hello", "token": "bob", "payload": {"user_id": "bob"}})
    assert (await read(V1)).identity.user_id == "bob"


@pytest.mark.parametrize("where", [{"user_id": "bob"}, {"payload": {"user_id": "bob"}}])
async def test_a_hello_that_names_another_user_than_the_upgrade_is_4403(
    read: Reading, where: dict[str, Any], autojump_clock: MockClock
) -> None:
    read.socket.come({"type": "hello", "message_id": "m", **where})
    with pytest.raises(Refused) as refused:
        await read(V1, ALICE)
    assert refused.value.code is CloseCode.FORBIDDEN
    error = refused.value.error
    assert isinstance(error, ForbiddenUser)
    assert (error.re, error.message_id) == ("hello", "m")


@pytest.mark.parametrize(
    ("frame", "identity", "code"),
    [
        ({"type": "hello"}, None, "unauthorized"),
        ({"type": "hello", "token": "bad"}, None, "unauthorized"),
        ({"type": "hello", "token": "bob"}, ALICE, "forbidden_user"),
        ({"type": "hello", "token": "bob", "user_id": "alice"}, None, "forbidden_user"),
        ({"type": "hello", "cursor": 5}, ALICE, "invalid_field"),
        ({"type": "ping"}, ALICE, "unauthorized"),
        ({"type": "ping"}, None, "unauthorized"),
    ],
)
async def test_the_error_says_which_command_is_meant(
    read: Reading,
    frame: dict[str, Any],
    identity: Identity | None,
    code: str,
    autojump_clock: MockClock,
) -> None:
    read.socket.come({**frame, "message_id": "m"})
    with pytest.raises((Refused, ClientError)) as caught:
        await read(V1, identity)
    error = caught.value.error if isinstance(caught.value, Refused) else caught.value
    assert isinstance(error, ClientError)
    assert (error.code, error.re, error.message_id) == (code, frame["type"], "m")


async def test_a_hello_without_token_of_somebody_unknown_is_4401(
    read: Reading, autojump_clock: MockClock
) -> None:
    read.socket.come({"type": "hello"})
    with pytest.raises(Refused) as refused:
        await read(V1)
    assert refused.value.code is CloseCode.UNAUTHORIZED


async def test_a_bad_token_keeps_its_reason(read: Reading, autojump_clock: MockClock) -> None:
    read.socket.come({"type": "hello", "token": "bad", "message_id": "m"})
    with pytest.raises(BadCredential) as bad:
        await read(V1)
    assert (bad.value.reason, bad.value.re, bad.value.message_id) == ("malformed", "hello", "m")


async def test_a_hello_may_be_json_rpc(read: Reading, autojump_clock: MockClock) -> None:
    params = {"device": "phone"}
    frame = {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": params}
    read.socket.come(json.dumps(frame))
    greeting = await read(V1, ALICE)
    assert greeting.hello.device == "phone"
    assert greeting.request is not None
    assert greeting.request.is_rpc


async def test_a_peer_that_leaves_is_gone(read: Reading, autojump_clock: MockClock) -> None:
    read.socket.leave()
    with pytest.raises(SocketClosed):
        await read(V1, ALICE)


def test_a_refusal_says_its_error() -> None:
    assert "seq" in str(Refused(InvalidField("seq is wrong"), CloseCode.UNAUTHORIZED))
