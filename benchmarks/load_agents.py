"""Agents that produce load: named in NETRA_AGENTS by the benchmarks, never by a service."""

import time

import trio

from netra_actors.agents import Run, UserMessage, agent

FILLER = "x" * 12
"""Makes a `custom` event of the load about 224 bytes long."""


@agent("burst")
async def burst(run: Run, message: UserMessage) -> str:
    """Emit as many events as the message says, pacing itself as the log asks for it."""
    for number in range(int(message.content)):
        await run.custom("load", {"n": number, "pad": FILLER})
    return "done"


@agent("steady")
async def steady(run: Run, message: UserMessage) -> str:
    """Emit events at a rate for a time; each carries the moment of its making.

    The message is ``<events per second> <seconds>``; moments are nanoseconds of the machine's
    monotonic clock, which all its processes share.
    """
    rate, seconds = (float(word) for word in message.content.split())
    started = trio.current_time()
    for number in range(int(rate * seconds)):
        await trio.sleep_until(started + number / rate)
        await run.custom("load", {"t": time.monotonic_ns(), "pad": FILLER})
    return "done"


AGENTS = [burst, steady]
