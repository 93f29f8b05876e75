"""`netra-actors token`."""

import os
import re
from typing import Final

import click
import trio
from joserfc import jwt
from joserfc.jwk import OctKey

from netra_actors.cli.connecting import Target
from netra_actors.errors import ConfigurationError, InvalidContextError
from netra_actors.identity import check_id, wall_clock_ms
from netra_actors.settings import AuthSettings, load_settings

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DEFAULT_LIFE: Final = "24h"


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,8})([smhd]?)", value)
    if match is None:
        raise click.BadParameter("give a number with s, m, h or d, such as 90s, 15m, 24h, 7d")
    return int(match[1]) * _UNITS[match[2] or "s"]


@click.command("token", short_help="Make a token for a user.")
@click.option("--user", required=True, help="The token's `sub`.")
@click.option("--plan", type=click.Choice(["free", "early", "mid", "enterprise"]))
@click.option("--permissions", help="Comma-separated, such as observe,metrics.")
@click.option("--expires", callback=_seconds, help=f"Such as 15m or 7d.  [{_DEFAULT_LIFE}]")
@click.option("--url", envvar="NETRA_URL", help="A development service.  [env: NETRA_URL]")
def command(
    user: str, plan: str | None, permissions: str | None, expires: int | None, url: str | None
) -> None:
    """Make a token for a user and print it.

    With NETRA_JWT_SECRET it is signed here; without, a running service in development mode is
    asked for one, which decides for itself how long it is good.
    """
    granted = None if permissions is None else [p.strip() for p in permissions.split(",") if p]
    auth = load_settings(os.environ).auth
    if auth.jwt_secret is not None:
        life_s = expires or 24 * _UNITS["h"]
        click.echo(sign(auth, user, plan=plan, permissions=granted, life_s=life_s))
        return
    if auth.jwks_url is not None:
        raise ConfigurationError(
            "this service believes the tokens of NETRA_JWKS_URL alone; get one from its issuer"
        )
    if expires is not None:
        raise click.UsageError("--expires needs NETRA_JWT_SECRET, with which to sign")
    target = Target.of(url, None, user)
    click.echo(trio.run(lambda: target.dev_token(plan=plan, permissions=granted)))


def sign(
    auth: AuthSettings,
    user: str,
    *,
    plan: str | None,
    permissions: list[str] | None,
    life_s: int,
) -> str:
    """Return an HS256 token that a service with these settings believes for *life_s* seconds.

    Raises:
        ConfigurationError: *user* cannot be a user's id.
    """
    try:
        check_id("user", user)
    except InvalidContextError as error:
        raise ConfigurationError(str(error)) from None
    now_s = wall_clock_ms() // 1000
    claims: dict[str, object] = {"sub": user, "iat": now_s, "exp": now_s + life_s}
    optional = {
        "plan": plan,
        "permissions": permissions,
        "aud": auth.jwt_audience,
        "iss": auth.jwt_issuer,
    }
    claims |= {name: value for name, value in optional.items() if value is not None}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(str(auth.jwt_secret)))
