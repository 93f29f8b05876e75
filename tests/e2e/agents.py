"""Agents with a script, for the service under test."""

import trio

from netra_actors.agents import Run, UserMessage, agent, tool


@tool(purpose="Count the letters of a text", idempotent=True, estimated_duration_ms=5)
def letters(text: str) -> int:
    return len(text)


@tool(purpose="Wait for a moment")
async def pause(seconds: float, api_key: str = "hush") -> str:
    await trio.sleep(seconds)
    return "done"


@tool(purpose="Fail")
def fail(reason: str) -> None:
    raise ValueError(reason)


@agent("echo", description="Says it again", promises={"agent_thinking", "partial_result"})
async def echo(run: Run, message: UserMessage) -> str:
    """Think, use a tool, stream three words and answer."""
    await run.think("Reading", step_number=1, total_steps=2, progress_percentage=10.0)
    count = await run.call(letters, message.content)
    for word in ("You ", "said ", f"{count} letters: "):
        await run.partial(word)
    return f"You said {count} letters: {message.content}"


@agent("slow", description="Works until it is stopped")
async def slow(run: Run, message: UserMessage) -> str:
    """Say one thing every 50 ms, inside a tool that takes long."""
    await run.think("This takes long")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tick, run)
        await run.call(pause, float(message.content) if message.content.isdigit() else 600.0)
        nursery.cancel_scope.cancel()
    return "awake"


async def _tick(run: Run) -> None:
    while True:
        await run.partial("tick ")
        await trio.sleep(0.05)


@agent("worker", description="Part of a team")
async def worker(run: Run, number: int) -> int:
    """Think, wait, count."""
    await run.think(f"worker {number} thinks")
    await run.call(pause, 0.01 * number)
    await run.partial(f"worker {number} is done. ")
    return number


@agent("lead", description="Part of a team, with a team")
async def lead(run: Run, number: int) -> int:
    """Have two workers work."""
    async with run.subagents() as group:
        first, second = group.start(worker, number), group.start(worker, number + 1)
    return int(first.result) + int(second.result)


@agent("team", description="Splits the work", promises={"final_report", "subagent_started"})
async def team(run: Run, message: UserMessage) -> str:
    """Nested sub-agents, tools that fail, a report."""
    await run.think("Splitting the work", current_operation="plan")
    async with run.subagents() as group:
        first, second = group.start(lead, 1), group.start(worker, 2)
        await run.call(letters, message.content)
    try:
        await run.call(fail, "on purpose")
    except ValueError:
        await run.progress(50.0, message="one tool failed")
    await run.custom("mood", {"good": True})
    await run.partial("All done.", is_complete=True)
    total = first.result + second.result
    await run.report({"total": total}, executive_summary=f"{total} in all", confidence=0.9)
    return f"{total} in all"


@agent("flood", description="Streams as many pieces as it is told")
async def flood(run: Run, message: UserMessage) -> str:
    """Take "<pieces> <bytes> <others>": what it streams, and what cannot be merged."""
    pieces, size, others = (int(part) for part in message.content.split())
    for number in range(pieces):
        await run.partial(f"{number:06d}".ljust(size, "."))
    for number in range(others):
        await run.custom("piece", f"{number:06d}".ljust(size, "."))
    return "flooded"


@agent("broken", description="Breaks")
async def broken(run: Run, message: UserMessage) -> str:
    """Raise in the middle."""
    await run.partial("so far so ")
    raise RuntimeError(f"secret detail of {message.content}")


@agent("reader", description="Reads its attachments")
async def reader(run: Run, message: UserMessage) -> str:
    """Say how long the attachments are."""
    sizes = [len(await attachment.read()) for attachment in message.attachments]
    return f"{sum(sizes)} bytes in {len(sizes)} files"
