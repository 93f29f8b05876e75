"""`netra-actors agents`."""

import os

import click

from netra_actors.agents.registry import AgentRegistry
from netra_actors.cli.tables import print_table
from netra_actors.settings import load_settings


@click.command("agents", short_help="List the agents that a service with these settings offers.")
@click.option("--agents", "modules", multiple=True, metavar="MODULE", help="As for `serve`.")
def command(modules: tuple[str, ...]) -> None:
    """List the agents that a service with these settings offers; the default one first."""
    chosen = {"NETRA_AGENTS": ",".join(modules)} if modules else {}
    settings = load_settings({**os.environ, **chosen})
    registry = AgentRegistry.load(settings.agents.modules)
    ordered = sorted(registry.agents.values(), key=lambda agent: agent.name != registry.default)
    print_table(
        ("agent", "description", "promises", "after a crash"),
        [
            (
                f"{agent.name} (default)" if agent.name == registry.default else agent.name,
                agent.description,
                ", ".join(sorted(agent.promises)),
                "starts again" if agent.recovery == "restart" else "is interrupted",
            )
            for agent in ordered
        ],
    )
