"""`netra-actors serve`."""

import os

import click

from netra_actors.settings import load_settings


@click.command("serve", short_help="Run the service.")
@click.option("--host", help="Address to listen on.  [NETRA_HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 picks one.  [NETRA_PORT, 8000]")
@click.option("--agents", multiple=True, metavar="MODULE", help="A module with agents; repeatable.")
@click.option(
    "--database-url", help="Where logs are kept.  [NETRA_DATABASE_URL, sqlite:///netra.db]"
)
def command(
    host: str | None, port: int | None, agents: tuple[str, ...], database_url: str | None
) -> int:
    """Run the service until SIGTERM or Ctrl-C.

    An option here wins over its environment variable; `netra-actors settings` lists all others.
    """
    given = {
        "NETRA_HOST": host,
        "NETRA_PORT": None if port is None else str(port),
        "NETRA_AGENTS": ",".join(agents) or None,
        "NETRA_DATABASE_URL": database_url,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = load_settings({**os.environ, **chosen})
    # A wrong option is said before the whole service is imported.
    from netra_actors.service import main as serve  # noqa: PLC0415

    return serve(settings)
