"""The command `netra-actors` itself: finds its subcommands, and turns errors into sentences."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from netra_actors.cli.failures import exit_code_of
from netra_actors.version import __version__

_COMMANDS: Final = {
    "serve": "Run the service.",
    "chat": "Talk with an agent in the terminal, live.",
    "ask": "Ask one question and print the answer.",
    "tail": "Show the events of a session as they come.",
    "agents": "List the agents that a service with these settings offers.",
    "settings": "List all settings: default, value, and where it comes from.",
    "token": "Make a token for a user.",
    "migrate": "Bring a database to the schema of this release.",
}


class _Commands(click.Group):
    """A group whose commands are imported when they are needed: `--help` needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"netra_actors.cli.{cmd_name}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="netra-actors")
@click.option("--debug", is_flag=True, help="Show the traceback of every error.")
def root(debug: bool) -> None:
    """Live events of AI agents over WebSockets."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    debug = False
    try:
        with root.make_context("netra-actors", _listed(arguments)) as context:
            debug = bool(context.params["debug"])
            return _code(root.invoke(context))
    except click.exceptions.Exit as left:
        return left.exit_code
    except BaseException as error:
        code = None if debug else exit_code_of(error)
        if code is None:
            raise
        return code


def _listed(arguments: Sequence[str] | None) -> list[str]:
    return list(sys.argv[1:] if arguments is None else arguments)


def _code(result: Any) -> int:
    return result if isinstance(result, int) else 0
