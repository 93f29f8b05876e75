"""`netra-actors settings`."""

import os

import click

from netra_actors.cli.tables import print_table
from netra_actors.settings import SettingDescription, describe_settings


@click.command("settings", short_help="List all settings.")
@click.argument("text", required=False)
def command(text: str | None) -> None:
    """List all settings, or those whose name or description has TEXT in it.

    Secrets are not shown. Values are shown as they are set, also wrong ones.
    """
    found = [one for one in describe_settings(os.environ) if _matches(one, text)]
    print_table(
        ("variable", "value", "from", "default", "what it is", "accepts"),
        [
            (one.variable, one.current or one.default, _source(one), one.default, one.help,
             one.accepts)
            for one in found
        ],
    )  # fmt: skip


def _matches(one: SettingDescription, text: str | None) -> bool:
    return text is None or text.lower() in f"{one.variable} {one.help}".lower()


def _source(one: SettingDescription) -> str:
    if one.current is None:
        return "default"
    return next(name for name in (one.variable, *one.aliases) if os.environ.get(name, "").strip())
