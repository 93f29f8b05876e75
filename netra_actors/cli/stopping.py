"""Ctrl-C: the first asks the service to stop the run, the second leaves at once."""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import click
import trio

from netra_actors.client import Answer, Session
from netra_actors.errors import NetraError


async def stop_answer(session: Session, answer: Answer) -> None:
    """Ask the service to stop what *answer* waits for, also before its run is known."""
    if answer.run_id is not None:
        await session.stop(run_id=answer.run_id)
    else:
        await session.stop(message_id=answer.message_id)


@asynccontextmanager
async def interrupts(first: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """In the block, Ctrl-C or SIGTERM awaits *first*; once more raises `KeyboardInterrupt`.

    What the block raises comes out as it is, not in a group.
    """
    left = False
    failure: Exception | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                nonlocal left
                await anext(signals)
                nursery.start_soon(_try, first)
                await anext(signals)
                left = True
                nursery.cancel_scope.cancel(reason="interrupted twice")

            nursery.start_soon(listen)
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised below, where no nursery wraps it
                failure = error
            nursery.cancel_scope.cancel(reason="the block was left")
    if failure is not None:
        raise failure
    if left:
        raise KeyboardInterrupt


async def _try(first: Callable[[], Awaitable[object]]) -> None:
    try:
        await first()
    except NetraError as error:
        click.echo(f"netra-actors: it cannot be stopped: {error}", err=True)
