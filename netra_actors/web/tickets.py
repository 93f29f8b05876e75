"""Tickets: how a browser proves who it is where it cannot set a header.

A ticket is good for one use, a short time and one user, so a copy of it in a proxy's log is
worth nothing. Tickets live in the memory of the worker that gave them out.
"""

import secrets
from collections.abc import Callable
from typing import Final, final

import attrs
import trio

from netra_actors.errors import Busy
from netra_actors.identity import UserID
from netra_actors.web.credentials import BadCredential, Identity

_MAX_TOTAL: Final = 65_536
_MAX_PER_USER: Final = 16


def _random() -> str:
    return f"tkt_{secrets.token_urlsafe(32)}"


@final
@attrs.frozen
class _Ticket:
    identity: Identity
    expires_at: float
    """On the tickets' clock, in seconds."""


@final
@attrs.define(eq=False)
class Tickets:
    """The tickets that were given out and not used yet.

    Policy at the bounds: a user's 17th ticket ends that user's oldest; when all users together
    hold `max_total`, the next one is refused as busy.
    """

    ttl_s: float
    clock: Callable[[], float] = trio.current_time
    """Gives seconds."""
    random: Callable[[], str] = _random
    max_total: int = _MAX_TOTAL
    max_per_user: int = _MAX_PER_USER
    _tickets: dict[str, _Ticket] = attrs.field(factory=dict, init=False)
    _by_user: dict[UserID, list[str]] = attrs.field(factory=dict, init=False)

    def issue(self, identity: Identity) -> str:
        """Return a new ticket of that identity.

        Raises:
            Busy: too many tickets are out.
        """
        self._expire()
        own = self._by_user.get(identity.user_id, [])
        if len(own) >= self.max_per_user:
            self._remove(own[0])
        elif len(self._tickets) >= self.max_total:
            raise Busy("too many tickets are out", retry_after_s=1.0)
        ticket = self.random()
        self._tickets[ticket] = _Ticket(identity, self.clock() + self.ttl_s)
        self._by_user.setdefault(identity.user_id, []).append(ticket)
        return ticket

    def redeem(self, ticket: str) -> Identity:
        """Use *ticket* up and return whose it is.

        Raises:
            BadCredential: it was never given out, was used, or is too old.
        """
        self._expire()
        found = self._tickets.get(ticket)
        if found is None:
            raise BadCredential("bad_ticket", "the ticket is unknown, used or expired")
        self._remove(ticket)
        return found.identity

    def forget_user(self, user_id: UserID) -> None:
        """End every ticket of *user_id*."""
        for ticket in list(self._by_user.get(user_id, ())):
            self._remove(ticket)

    def __len__(self) -> int:
        return len(self._tickets)

    def _expire(self) -> None:
        now = self.clock()
        # All live equally long, so the dict is in the order in which they end.
        while self._tickets:
            ticket, held = next(iter(self._tickets.items()))
            if held.expires_at > now:
                return
            self._remove(ticket)

    def _remove(self, ticket: str) -> None:
        user_id = self._tickets.pop(ticket).identity.user_id
        own = self._by_user[user_id]
        own.remove(ticket)
        if not own:
            del self._by_user[user_id]
