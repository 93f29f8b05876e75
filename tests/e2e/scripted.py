"""Agents that do what a test needs to be under way at a certain moment."""

import trio

from netra_actors.agents import Run, UserMessage, agent, tool

CLERKS = 3
PIECES = 10
STUBBORN_S = 8.0


@tool(purpose="Look something up")
async def look_up(what: str) -> str:
    await trio.sleep(0.005)
    return f"about {what}"


@tool(purpose="Add letters up, in a thread", idempotent=True)
def measure(text: str) -> int:
    return len(text)


@tool(purpose="Take long")
async def take_long(seconds: float) -> str:
    await trio.sleep(seconds)
    return "done"


@agent("clerk", description="Does a part of the work")
async def clerk(run: Run, number: int) -> str:
    """Think, look up, say whose work this is."""
    await run.think(f"clerk {number} of {run.context.user_id} begins", step_number=number)
    found = await run.call(look_up, f"{run.context.user_id}-{number}")
    for piece in range(PIECES):
        await run.partial(f"[{run.context.user_id} {number}.{piece}]")
    return str(found)


@agent("desk", description="Has its work done in parallel", promises={"final_report"})
async def desk(run: Run, message: UserMessage) -> str:
    """Parallel sub-agents, parallel tools, partials with and without a pause, a report."""
    await run.think(f"for {run.context.user_id}: {message.content}")
    async with run.subagents() as group:
        parts = [group.start(clerk, number) for number in range(CLERKS)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.call, look_up, message.content)
            nursery.start_soon(run.call, measure, message.content)
    for piece in range(PIECES):
        run.partial(f"({run.context.user_id} {piece})")
    await run.partial("", is_complete=True)
    found = [str(part.result) for part in parts]
    await run.report({"found": found}, executive_summary=f"for {run.context.user_id}")
    return f"{run.context.user_id}: {', '.join(found)}"


@agent("lingering", description="Is inside a tool, and in one of a sub-agent, until stopped")
async def lingering(run: Run, message: UserMessage) -> str:
    """Say whose it is and wait."""
    await run.partial(f"{run.context.user_id} waits. ")
    async with run.subagents() as group:
        group.start(waiting, message.content)
        await run.call(take_long, 600.0)
    return "waited"


@agent("waiting", description="Waits inside a tool")
async def waiting(run: Run, content: str) -> str:
    """Wait inside a tool."""
    await run.think(f"{run.context.user_id} waits for {content}")
    await run.call(take_long, 600.0)
    return "waited"


@agent("talking", description="Says a lot, without end")
async def talking(run: Run, message: UserMessage) -> str:
    """Stream bursts of pieces until stopped."""
    number = 0
    while True:
        for _ in range(20):
            run.partial(f"{run.context.user_id} {number:06d} ")
            number += 1
        await run.partial(". ")
        await trio.sleep(0.01)


@agent("stubborn", description="Takes its time to clean up")
async def stubborn(run: Run, message: UserMessage) -> str:
    """Wait inside a tool; when stopped, go on cleaning up for a while."""
    try:
        await run.call(take_long, 600.0)
    finally:
        cleanup_s = float(message.content) if message.content[0].isdigit() else STUBBORN_S
        with trio.move_on_after(cleanup_s, shield=True):
            await trio.sleep_forever()
    return "waited"


@agent("pausing", description="Works for as many seconds as it is told, then answers")
async def pausing(run: Run, message: UserMessage) -> str:
    """Wait inside a tool, then answer."""
    await run.call(take_long, float(message.content))
    return f"{run.context.user_id} waited {message.content} s"


@agent("plain", description="Answers at once")
async def plain(run: Run, message: UserMessage) -> str:
    """Repeat the message."""
    await run.partial(f"{run.context.user_id} said {message.content}", is_complete=True)
    return run.said


AGENTS = [plain, desk, lingering, talking, stubborn, pausing]
