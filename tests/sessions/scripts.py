"""Agents that do what the message says: a word for each step."""

from typing import Any

import trio

from netra_actors.agents import Run, UserMessage, agent, tool


@tool(purpose="Wait a while")
async def wait(seconds: float) -> float:
    await trio.sleep(seconds)
    return seconds


@tool(purpose="Fail")
async def break_down() -> None:
    await trio.sleep(0.5)
    raise ValueError("broken")


@agent("helper")
async def helper(run: Run, words: str) -> str:
    for word in words.split("+"):
        await _do(run, word)
    return words


@agent("scripted")
async def scripted(run: Run, message: UserMessage) -> str:
    """Do the words of the message, one after the other.

    sleep:S  tool:S  say:TEXT  think  report  fails (a tool that fails)  crash  forever
    linger:S (needs S seconds to end once it is stopped)  sub:WORD+WORD  twice:WORD+WORD
    """
    for word in message.content.split():
        await _do(run, word)
    return f"done: {message.content}"


async def _do(run: Run, word: str) -> None:
    name, _, rest = word.partition(":")
    match name:
        case "sleep":
            await trio.sleep(float(rest))
        case "tool":
            await run.call(wait, float(rest))
        case "say":
            await run.partial(rest)
        case "think":
            await run.think("well")
        case "report":
            await run.report({"ok": True})
        case "fails":
            try:
                await run.call(break_down)
            except ValueError:
                await run.think("so what")
        case "crash":
            raise RuntimeError("the agent is broken")
        case "forever":
            await trio.sleep_forever()
        case "linger":
            await _linger(float(rest))
        case "sub" | "twice":
            async with run.subagents() as group:
                for _ in range(1 + (name == "twice")):
                    group.start(helper, rest)
        case _:
            await run.think(word)


async def _linger(seconds: float) -> None:
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)


def payload(event: Any) -> Any:
    """Return what the event says, for tests that know its type."""
    return event.payload
