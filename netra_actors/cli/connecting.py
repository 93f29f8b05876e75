"""What every command that talks to a service has: its address, and whose token."""

import getpass
import os
from collections.abc import Callable
from typing import Any, TypeVar, final

import attrs
import click

from netra_actors.client.http import Address, HttpApi
from netra_actors.client.tokens import TokenProvider, TokenSource
from netra_actors.errors import Forbidden, NotFound, Unauthorized

F = TypeVar("F", bound=Callable[..., Any])


def default_url() -> str:
    """Return the address of a service on this machine, on the port of the environment."""
    port = os.environ.get("NETRA_PORT") or os.environ.get("PORT") or "8000"
    return f"http://127.0.0.1:{port}"


def service_options(command: F) -> F:
    """Add `--url`, `--token` and `--user` to a command."""
    for option in (
        click.option("--user", envvar="NETRA_USER", help="Who to be, on a development service."),
        click.option("--token", envvar="NETRA_TOKEN", help="A JWT.  [env: NETRA_TOKEN]"),
        click.option("--url", envvar="NETRA_URL", help="The service.  [env: NETRA_URL]"),
    ):
        command = option(command)
    return command


@final
@attrs.frozen
class Target:
    """A service, and the token for it: the one given, or one of a development service."""

    address: Address
    token: str | None
    user: str | None

    @classmethod
    def of(cls, url: str | None, token: str | None, user: str | None) -> "Target":
        """Read what `service_options` gave.

        Raises:
            ConfigurationError: *url* is no address.
        """
        return cls(Address.parse(url or default_url()), token, user)

    @property
    def credential(self) -> str | TokenProvider:
        """What `connect` takes as its token."""
        return self.token or self.dev_token

    async def dev_token(self, **claims: Any) -> str:
        """Get a token from a service in development mode.

        Raises:
            Unauthorized: it is not in development mode.
            Unreachable: nothing answers.
        """
        user = self.user or getpass.getuser()
        try:
            return await HttpApi(self.address, TokenSource(None)).dev_token(user, **claims)
        except (NotFound, Forbidden):
            raise Unauthorized(
                f"{self.address.http} wants a token",
                recovery="Give --token, or set NETRA_TOKEN.",
            ) from None
