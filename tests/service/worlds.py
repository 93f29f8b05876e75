"""A worker in memory, on virtual time: everything but the network."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import msgspec
import trio
from joserfc import jwt
from joserfc.jwk import OctKey

from netra_actors.agents import Run, UserMessage, agent
from netra_actors.agents.registry import AgentRegistry
from netra_actors.identity import UnifiedIdGenerator, UserExecutionContext, UserID
from netra_actors.protocol.batching import lines_of
from netra_actors.protocol.decoding import decode_command
from netra_actors.protocol.events import Event, decode_event
from netra_actors.service.running import open_worker
from netra_actors.service.worker import Worker
from netra_actors.settings import Settings, load_settings
from netra_actors.web.auth import Authenticator, open_authenticator

NOW_MS = 1_800_000_000_000
"""The wall clock when virtual time begins."""
SECRET = "a secret of at least thirty-two bytes"


@agent("reply", description="Says it again")
async def reply(run: Run, message: UserMessage) -> str:
    """Answer at once."""
    return message.content


@agent("lazy", description="Promises too much", promises={"final_report"})
async def lazy(run: Run, message: UserMessage) -> str:
    """Complete without the report."""
    return "done"


@agent("reporter", description="Writes a file", promises={"final_report"})
async def reporter(run: Run, message: UserMessage) -> str:
    """Report more than an event can hold."""
    await run.report({"text": "x" * int(message.content)}, executive_summary="long")
    return "done"


@agent("waiter", description="Takes its time")
async def waiter(run: Run, message: UserMessage) -> str:
    """Take as many seconds as the message says; anything else: for ever."""
    if not message.content.isdigit():
        await trio.sleep_forever()
    await trio.sleep(float(message.content))
    return "done"


AGENTS = (reply, lazy, reporter, waiter)
REGISTRY = AgentRegistry({each.name: each for each in AGENTS}, "reply")


def wall_clock() -> int:
    return NOW_MS + round(trio.current_time() * 1000)


def counting_ids() -> UnifiedIdGenerator:
    numbers = count()
    return UnifiedIdGenerator(
        entropy=lambda size: next(numbers).to_bytes(size, "big"), clock=wall_clock
    )


def settings_of(**environ: str) -> Settings:
    return load_settings({
        "NETRA_DURABILITY": "memory",
        "NETRA_JWT_SECRET": SECRET,
        **{f"NETRA_{name}": value for name, value in environ.items()},
    })


def authenticator_of(settings: Settings) -> Authenticator:
    return open_authenticator(settings, wall_clock_ms=wall_clock)


def token(user: str = "alice", *, life_s: int = 3600, **claims: Any) -> str:
    content = {"sub": user, "exp": wall_clock() // 1000 + life_s, **claims}
    return jwt.encode({"alg": "HS256"}, content, OctKey.import_key(SECRET))


def context_of(user: str = "alice", plan: str = "mid") -> UserExecutionContext:
    return UserExecutionContext(user_id=UserID(user), plan=plan)


@asynccontextmanager
async def open_world(**environ: str) -> AsyncIterator[Worker]:
    """Open a worker with the settings of *environ*, their names without ``NETRA_``."""
    settings = settings_of(**environ)
    async with open_worker(
        settings, REGISTRY, authenticator_of(settings), ids=counting_ids()
    ) as worker:
        yield worker


async def ask(worker: Worker, command: dict[str, Any], user: str = "alice") -> dict[str, Any]:
    """Have a command executed; return the fields of its ok."""
    decoded = decode_command(msgspec.json.encode(command), user_id=user)
    return dict((await worker.sessions.execute(context_of(user), decoded)).fields)


async def chat(worker: Worker, content: str = "hello", **fields: Any) -> dict[str, Any]:
    """Send a message and return the fields of its ok."""
    user = fields.pop("user", "alice")
    return await ask(worker, {"type": "user_message", "content": content, **fields}, user)


async def events_of(record: Any, user: str = "alice") -> list[Event]:
    """Return everything that is durable of that user."""
    row = await record.session(UserID(user))
    if row is None:
        return []
    chunks = await record.chunks(UserID(user), after=0, upto=row.head, max_bytes=1 << 30)
    return [decode_event(line) for chunk in chunks for line in lines_of(chunk.body)]


async def until(is_so: Callable[[], object], within_s: float = 30.0) -> None:
    """Wait until that is so."""
    with trio.fail_after(within_s):
        while not is_so():
            await trio.sleep(0.01)
