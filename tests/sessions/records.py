"""A record that can be away, slow or cut off from power while a session works."""

import copy
from collections.abc import Sequence
from typing import Any

import attrs
import trio

from netra_actors.errors import RecordUnavailable
from netra_actors.log.port import Append, Outcome
from netra_actors.record import MemoryRecord


@attrs.define(eq=False)
class FlakyRecord:
    """A `MemoryRecord` that a test takes away and gives back.

    Attributes:
        down: every call is refused.
        reads_down: only what reads is refused.
        gate: commits wait for it; reads do not.
        silent: reads hang until it is set.
        broken_for: whose events cannot be read, for a reason that nobody thought of.
        lose_replies: that many commits are stored and then refused.
    """

    memory: MemoryRecord = attrs.field(factory=MemoryRecord)
    down: bool = False
    reads_down: bool = False
    gate: trio.Event = attrs.field(factory=trio.Event)
    silent: trio.Event = attrs.field(factory=trio.Event)
    lose_replies: int = 0
    broken_for: str | None = None

    def __attrs_post_init__(self) -> None:
        self.gate.set()
        self.silent.set()

    def hold(self) -> None:
        """Let commits wait until `gate` is set."""
        self.gate = trio.Event()

    async def commit(self, batch: Sequence[Append]) -> Sequence[Outcome]:
        await self.gate.wait()
        if self.down:
            raise RecordUnavailable("the record is down")
        outcomes = await self.memory.commit(batch)
        if self.lose_replies:
            self.lose_replies -= 1
            raise RecordUnavailable("the reply was lost")
        return outcomes

    def epoch_for(self, random: str) -> str:
        return self.memory.epoch_for(random)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.memory, name)
        if not callable(found):
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self.silent.wait()
            if self.down or self.reads_down:
                raise RecordUnavailable("the record is down")
            if name == "chunks" and args[0] == self.broken_for:
                raise ValueError("what is stored makes no sense")
            return await found(*args, **kwargs)

        return call


def power_cut(record: MemoryRecord) -> MemoryRecord:
    """Return what the disk holds at this moment; what the worker does from now on is not on it."""
    return copy.deepcopy(record)
