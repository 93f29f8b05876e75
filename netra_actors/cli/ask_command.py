"""`netra-actors ask`: one question, one answer, one exit code."""

import sys
from pathlib import Path
from typing import Any, Final, final

import attrs
import click
import trio

from netra_actors.cli.connecting import Target, service_options
from netra_actors.cli.failures import CANCELLED, FAILED
from netra_actors.cli.lines import printable, says
from netra_actors.cli.stopping import interrupts, stop_answer
from netra_actors.client import Answer, Session, connect
from netra_actors.protocol.events import AgentError, Event, PartialResult, encode_event

PATIENCE_S: Final = 60.0
"""How long the service may be gone before the question is given up."""
_CODES: Final = {"completed": 0, "failed": FAILED, "cancelled": CANCELLED, "interrupted": CANCELLED}


@click.command("ask", short_help="Ask one question and print the answer.")
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print every event as one line of JSON.")
@click.option(
    "--file", "files", multiple=True, metavar="PATH", help="Attach a file; repeatable.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option("--agent", help="Which agent; `netra-actors agents` lists them.")
@click.option("--thread", help="The thread_id of a conversation to go on with.")
@service_options
def command(
    question: str,
    *,
    as_json: bool,
    files: tuple[Path, ...],
    agent: str | None,
    thread: str | None,
    url: str | None,
    token: str | None,
    user: str | None,
) -> int:
    """Ask one question and print the answer; QUESTION may be - for stdin.

    The answer goes to stdout, what the agent does to stderr when that is a terminal. Exit codes:
    0 completed, 1 failed, 3 cancelled or interrupted, 4 unreachable or unauthorised.
    """
    text = sys.stdin.read() if question == "-" else question
    if not text.strip():
        raise click.UsageError("the question is empty")
    target = Target.of(url, token, user)
    asking = Asking(text, files, {"agent": agent, "thread_id": thread}, as_json=as_json)
    return trio.run(asking.run, target)


@final
@attrs.define(eq=False)
class Asking:
    """One question on its way."""

    question: str
    files: tuple[Path, ...]
    options: dict[str, Any]
    as_json: bool = attrs.field(kw_only=True)
    _parts: list[str] = attrs.field(factory=list, init=False)

    async def run(self, target: Target) -> int:
        """Ask, print, and return the exit code."""
        credential = target.credential
        async with connect(
            target.address.http, token=credential, device="cli", give_up_after_s=PATIENCE_S
        ) as session:
            attachments = [await self._upload(session, path) for path in self.files]
            answer = session.ask(self.question, attachments=attachments, **self.options)
            async with interrupts(lambda: stop_answer(session, answer)):
                async for event in answer:
                    self._show(event)
            if not self.as_json:
                await self._print_answer(session, answer)
        assert answer.terminal is not None  # noqa: S101 - an answer ends with its terminal
        return _CODES[answer.terminal.status]

    async def _upload(self, session: Session, path: Path) -> str:
        data = await trio.Path(path).read_bytes()
        return str((await session.http.upload(path.name, data))["file_id"])

    def _show(self, event: Event) -> None:
        if self.as_json:
            sys.stdout.buffer.write(encode_event(event) + b"\n")
            sys.stdout.flush()
        elif isinstance(event.payload, PartialResult):
            if event.parent_run_id is None:
                self._parts.append(event.payload.content)
        elif sys.stderr.isatty() or isinstance(event.payload, AgentError):
            said = says(event)
            name = event.type.replace("_", " ")
            click.echo(click.style(f"  {name}{': ' if said else ''}{said}", dim=True), err=True)

    async def _print_answer(self, session: Session, answer: Answer) -> None:
        terminal = answer.terminal
        assert terminal is not None  # noqa: S101 - an answer ends with its terminal
        text = terminal.final_response or "".join(self._parts)
        if terminal.final_response_ref is not None:
            text = (await session.http.download(terminal.final_response_ref.file_id)).decode()
        if text:
            click.echo(printable(text))
        if terminal.status != "completed":
            reason = f": {printable(terminal.reason)}" if terminal.reason else ""
            click.echo(f"netra-actors: the run was {terminal.status}{reason}", err=True)
