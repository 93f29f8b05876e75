"""Agents with a clear rhythm, for the tests that watch the page in a browser."""

from typing import Final

import trio

from netra_actors import Run, UserMessage, agent, tool

PIECES: Final = 45
PIECE_S: Final = 0.1
LONG_S: Final = 600.0


@tool(purpose="Wait for the tide to turn")
async def wait_for_tide(seconds: float) -> str:
    """Wait that long."""
    await trio.sleep(seconds)
    return "turned"


async def count(run: Run) -> None:
    """Say the numbers, one at a time."""
    for number in range(1, PIECES + 1):
        await run.partial(f"n{number} ")
        await trio.sleep(PIECE_S)


@agent("counter", description="Counts at an even pace for a few seconds")
async def counter(run: Run, message: UserMessage) -> str:
    """Count, and end."""
    await run.think("Counting at an even pace")
    await count(run)
    return run.said


@agent("waiter", description="Counts, then waits until it is stopped")
async def waiter(run: Run, message: UserMessage) -> str:
    """Count while a tool works that will not end by itself."""
    await run.think("Waiting for as long as it takes")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.call, wait_for_tide, LONG_S)
        await count(run)
    return run.said
