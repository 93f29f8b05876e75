"""`netra-actors tail`: the log of a session, one line an event."""

import sys
from functools import partial
from typing import Final

import click
import trio

from netra_actors.cli.connecting import Target, service_options
from netra_actors.cli.lines import log_line
from netra_actors.cli.stopping import interrupts
from netra_actors.client import (
    Applied,
    Complaint,
    Connected,
    Disconnected,
    Live,
    SnapshotTaken,
    Subscription,
    Update,
    connect,
)
from netra_actors.errors import NotFound
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.events import encode_event

DEFAULT_EVENTS: Final = 50


@click.command("tail", short_help="Show the events of a session as they come.")
@click.option("--follow/--no-follow", default=True, help="Go on with what comes.  [follow]")
@click.option(
    "--after", type=click.IntRange(0), metavar="SEQ",
    help=f"Begin behind this seq.  [the last {DEFAULT_EVENTS} events]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the events as they are.")
@service_options
def command(
    *,
    follow: bool,
    after: int | None,
    as_json: bool,
    url: str | None,
    token: str | None,
    user: str | None,
) -> int:
    """Show the events of a user's session: the user of --token, or --user in development."""
    target = Target.of(url, token, user)
    trio.run(partial(_tail, target, follow=follow, after=after, as_json=as_json))
    return 0


async def _tail(target: Target, *, follow: bool, after: int | None, as_json: bool) -> None:
    cursor = await _starting_point(target, after)
    updates: Subscription[Update] = Subscription()
    async with connect(
        target.address.http, token=target.credential, cursor=cursor, updates=updates
    ):
        with trio.CancelScope() as scope:

            async def leave() -> None:
                await trio.lowlevel.checkpoint()
                scope.cancel(reason="interrupted")

            async with interrupts(leave):
                async for update in updates:
                    if isinstance(update, Live) and not follow:
                        break
                    _print(update, as_json=as_json)


async def _starting_point(target: Target, after: int | None) -> Cursor:
    """Ask the service where its log is: a cursor needs the log's epoch."""
    async with connect(target.address.http, token=target.credential) as session:
        welcome = session.welcome
        if after is not None and after > welcome.head:
            raise NotFound(f"the log ends at {welcome.head}, before {after}")
        begin = max(0, welcome.head - DEFAULT_EVENTS) if after is None else after
        return Cursor(epoch=welcome.epoch, seq=begin)


def _print(update: Update, *, as_json: bool) -> None:
    match update:
        case Applied(event=event) if as_json:
            sys.stdout.buffer.write(encode_event(event) + b"\n")
            sys.stdout.flush()
        case Applied(event=event):
            click.echo(log_line(event))
        case SnapshotTaken(at=at, after=after):
            click.echo(f"-- {after + 1} to {at}: too many to show, or no longer kept", err=True)
        case Disconnected(reason=reason, retry_in_s=delay_s):
            click.echo(f"-- disconnected ({reason}); again in {delay_s:.1f} s", err=True)
        case Connected(welcome=welcome):
            click.echo(f"-- connected to {welcome.user_id}, head {welcome.head}", err=True)
        case Complaint(error=error):
            click.echo(f"-- {error}", err=True)
