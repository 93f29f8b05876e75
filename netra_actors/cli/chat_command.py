"""`netra-actors chat`: questions and answers in the terminal, live."""

import sys

import click
import trio
from rich.console import Console

from netra_actors.cli.connecting import Target, service_options
from netra_actors.cli.painting import Painter
from netra_actors.cli.stopping import interrupts, stop_answer
from netra_actors.client import Connected, Disconnected, Session, Subscription, Update, connect
from netra_actors.errors import ClientError

PROMPT = "> "


@click.command("chat", short_help="Talk with an agent in the terminal, live.")
@click.option("--agent", help="Which agent; `netra-actors agents` lists them.")
@click.option("--thread", help="The thread_id of a conversation to go on with.")
@service_options
def command(
    *,
    agent: str | None,
    thread: str | None,
    url: str | None,
    token: str | None,
    user: str | None,
) -> int:
    """Talk with an agent: what it thinks, which tools it uses, the text as it comes.

    Ctrl-C stops the run, twice leaves; the end of the input (Ctrl-D) leaves too. A connection
    that breaks comes back by itself, and nothing of an answer is missing.
    """
    trio.run(_chat, Target.of(url, token, user), agent, thread)
    return 0


async def _chat(target: Target, agent: str | None, thread: str | None) -> None:
    painter = Painter(Console(highlight=False))
    async with connect(
        target.address.http, token=target.credential, device="chat", thread_id=thread
    ) as session:
        painter.note(f"{session.user_id} at {target.address.http}. Ctrl-D leaves.")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_tell_of_connections, session.updates(), painter)
            await _converse(session, painter, agent)
            nursery.cancel_scope.cancel(reason="the conversation ended")


async def _converse(session: Session, painter: Painter, agent: str | None) -> None:
    while True:
        text = await _read_line()
        if text is None:
            return
        if text.strip():
            try:
                await _ask(session, painter, text, agent)
            except ClientError as error:
                painter.note(f"{error} ({error.advice})", "red")


async def _ask(session: Session, painter: Painter, text: str, agent: str | None) -> None:
    painter.begin()
    answer = session.ask(text, agent=agent)
    async with interrupts(lambda: stop_answer(session, answer)):
        async for event in answer:
            painter.paint(event)


async def _read_line() -> str | None:
    """Return the next line of stdin, None at its end.

    Cancellation: the thread is left behind with its line; the process is about to end then.
    """
    if sys.stdin.isatty():
        click.echo(PROMPT, nl=False)
    line = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    return line.rstrip("\n") if line else None


async def _tell_of_connections(updates: Subscription[Update], painter: Painter) -> None:
    async for update in updates:
        match update:
            case Disconnected(reason=reason, retry_in_s=delay_s):
                painter.note(f"-- disconnected ({reason}); again in {delay_s:.1f} s")
            case Connected():
                painter.note("-- connected again")
