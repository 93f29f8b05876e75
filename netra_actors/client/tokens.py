"""Where the client's token comes from, and who is asked for the next one."""

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias, final

import attrs

from netra_actors.errors import Unauthorized

TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]


@final
@attrs.define(eq=False)
class TokenSource:
    """Holds the token in use; a provider, unlike a plain string, can be asked for a new one."""

    _given: str | TokenProvider | None
    _current: str | None = attrs.field(default=None, init=False)

    @property
    def renewable(self) -> bool:
        """Whether asking again can give another token."""
        return callable(self._given)

    async def current(self) -> str | None:
        """Return the token in use; the first call asks the provider."""
        if self._current is None:
            if callable(self._given):
                return await self.renew()
            self._current = self._given
        return self._current

    async def renew(self) -> str:
        """Ask the provider for a new token.

        What the provider raises is passed on. Cancellation: the token in use stays.

        Raises:
            Unauthorized: there is no provider, only the token that was refused.
        """
        if not callable(self._given):
            raise Unauthorized(
                "the service refuses the token" if self._given else "the service wants a token"
            )
        answer = self._given()
        self._current = await answer if inspect.isawaitable(answer) else answer
        return self._current
