import pytest

from netra_actors.errors import Busy
from netra_actors.identity import UserID
from netra_actors.web.credentials import BadCredential, Identity
from netra_actors.web.tickets import Tickets


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def identity(user_id: str = "alice") -> Identity:
    return Identity(
        user_id=UserID(user_id), plan="mid", permissions=frozenset(), expires_at=2_000_000
    )


def test_a_ticket_is_good_once() -> None:
    tickets = Tickets(300.0, clock=Clock())
    ticket = tickets.issue(identity())
    assert tickets.redeem(ticket) == identity()
    with pytest.raises(BadCredential) as refused:
        tickets.redeem(ticket)
    assert refused.value.reason == "bad_ticket"


def test_a_ticket_is_good_until_its_time_is_over() -> None:
    clock = Clock()
    tickets = Tickets(300.0, clock=clock)
    first, second = tickets.issue(identity()), tickets.issue(identity())
    clock.now = 299.9
    assert tickets.redeem(first).user_id == "alice"
    clock.now = 300.0
    with pytest.raises(BadCredential):
        tickets.redeem(second)
    assert len(tickets) == 0


def test_tickets_cannot_be_guessed_from_one_another() -> None:
    tickets = Tickets(300.0, clock=Clock())
    issued = {tickets.issue(identity()) for _ in range(10)}
    assert len(issued) == 10
    assert all(len(ticket) > 40 for ticket in issued)


def test_the_seventeenth_ticket_of_a_user_ends_the_first() -> None:
    tickets = Tickets(300.0, clock=Clock())
    issued = [tickets.issue(identity()) for _ in range(17)]
    with pytest.raises(BadCredential):
        tickets.redeem(issued[0])
    assert tickets.redeem(issued[1]).user_id == "alice"
    assert len(tickets) == 15


def test_when_all_users_hold_too_many_the_next_is_refused_as_busy() -> None:
    tickets = Tickets(300.0, clock=Clock(), max_total=2)
    tickets.issue(identity("alice"))
    tickets.issue(identity("bob"))
    with pytest.raises(Busy):
        tickets.issue(identity("carol"))


def test_a_forgotten_users_tickets_are_void_and_no_others() -> None:
    tickets = Tickets(300.0, clock=Clock())
    gone, kept = tickets.issue(identity("alice")), tickets.issue(identity("bob"))
    tickets.forget_user(UserID("alice"))
    with pytest.raises(BadCredential):
        tickets.redeem(gone)
    assert tickets.redeem(kept).user_id == "bob"
