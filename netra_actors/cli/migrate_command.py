"""`netra-actors migrate`."""

import os

import click

from netra_actors.record import migrate
from netra_actors.settings import load_settings
from netra_actors.settings.values import mask_password


@click.command("migrate", short_help="Bring a database to the schema of this release.")
@click.option("--database-url", help="[NETRA_DATABASE_URL, sqlite:///netra.db]")
def command(database_url: str | None) -> None:
    """Bring a database to the schema of this release; nothing happens if it is there already."""
    chosen = {} if database_url is None else {"NETRA_DATABASE_URL": database_url}
    settings = load_settings({**os.environ, **chosen})
    url = settings.record.database_url
    click.echo(f"{mask_password(url)} has the schema {migrate(url)}")
