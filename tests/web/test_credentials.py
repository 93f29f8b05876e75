import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.identity import UserID
from netra_actors.web.credentials import (
    HeaderToken,
    Identity,
    NoCredential,
    Refusal,
    SubprotocolToken,
    Ticket,
    read_credential,
    select_subprotocol,
)
from netra_actors.web.headers import Headers

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
ENCODED = base64.urlsafe_b64encode(JWT.encode()).decode().rstrip("=")


def headers(*values: str) -> Headers:
    return Headers([(b"Authorization", value.encode()) for value in values])


def test_the_header_comes_before_subprotocol_and_ticket() -> None:
    credential = read_credential(headers(f"Bearer {JWT}"), ["jwt.a.b.c"], "ticket=tkt_1")
    assert credential == HeaderToken(JWT)


@pytest.mark.parametrize("prefix", ["jwt.", "jwt-auth.", "bearer."])
@pytest.mark.parametrize("token", [JWT, ENCODED])
def test_a_subprotocol_carries_the_token_plain_or_encoded(prefix: str, token: str) -> None:
    credential = read_credential(headers(), ["netra.v1", prefix + token], "ticket=tkt_1")
    assert credential == SubprotocolToken(JWT)


def test_a_ticket_is_read_from_the_query() -> None:
    assert read_credential(headers(), ["netra.v1"], "cursor=none&ticket=tkt_1") == Ticket("tkt_1")


def test_nothing_shown_is_no_credential_yet() -> None:
    assert read_credential(headers(), ["netra.v1"], "cursor=e_1:4") == NoCredential()


@pytest.mark.parametrize("name", ["token", "ticket", "access_token", "anything"])
@pytest.mark.parametrize("token", [JWT, ENCODED])
def test_a_token_in_the_address_is_refused_whatever_it_is_called(name: str, token: str) -> None:
    credential = read_credential(headers(f"Bearer {JWT}"), [], f"{name}={token}")
    assert isinstance(credential, Refusal)
    assert credential.status == 400
    assert token not in credential.message


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer ", JWT])
def test_another_authorization_is_refused_with_401(value: str) -> None:
    credential = read_credential(headers(value), [], "")
    assert isinstance(credential, Refusal)
    assert credential.status == 401


def test_two_authorizations_are_refused_rather_than_chosen_from() -> None:
    assert isinstance(read_credential(headers("Bearer a.b.c", "Bearer d.e.f"), [], ""), Refusal)


def test_a_carried_token_that_is_none_is_still_a_credential() -> None:
    assert read_credential(headers(), ["jwt.%%%"], "") == SubprotocolToken("")


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        ([], None),
        (["netra.v1"], "netra.v1"),
        (["jwt.a.b.c", "netra.v1"], "netra.v1"),
        (["jwt-auth", "jwt-auth.abc"], "jwt-auth"),
        (["jwt", "netra.v1"], "jwt"),
        (["bearer", "bearer.abc"], "bearer"),
    ],
)
def test_the_first_known_subprotocol_is_selected(offered: list[str], selected: str | None) -> None:
    assert select_subprotocol(offered) == selected


@pytest.mark.parametrize("offered", [["jwt.a.b.c"], ["bearer.x", "jwt.y"], ["graphql-ws"]])
def test_only_token_bearing_subprotocols_are_refused_with_400(offered: list[str]) -> None:
    refusal = select_subprotocol(offered)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_subprotocol_that_carries_something_is_ever_selected(offered: list[str]) -> None:
    assert select_subprotocol(offered) not in {
        name for name in offered if "." in name and name != "netra.v1"
    }


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=4))
def test_no_input_raises(query: str, offered: list[str]) -> None:
    read_credential(headers(), offered, query)


def test_a_credential_never_shows_its_token() -> None:
    for credential in (HeaderToken(JWT), SubprotocolToken(JWT), Ticket("tkt_secret")):
        assert JWT not in repr(credential)
        assert "secret" not in repr(credential)


def test_an_identity_becomes_the_context_of_a_request() -> None:
    identity = Identity(
        user_id=UserID("alice"), plan="free", permissions=frozenset({"observe"}), expires_at=9_500
    )
    context = identity.context()
    assert context.user_id == "alice"
    assert context.plan == "free"
    assert context.allows("observe")
    assert identity.expires_in_s(1_000) == 8
    assert identity.expires_in_s(10_000) == 0
