"""Fifty users at once: everybody gets everything of their own, in order, and nothing else."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import attrs
import trio

from tests.e2e.comparing import check_grammar, check_whole
from tests.e2e.process import serving, sign, stored_lines, stored_users
from tests.e2e.scripted import CLERKS, PIECES
from tests.e2e.wire import Device

USERS = [f"user-{number:02d}" for number in range(50)]
FICKLE = set(USERS[::5])
"""Their second device leaves in the middle and comes back."""


@attrs.define(eq=False)
class Pair:
    """A user's two devices, and the runs that were started from them."""

    user: str
    first: Device = attrs.field(init=False)
    second: Device = attrs.field(init=False)
    finished: list[str] = attrs.field(factory=list, init=False)
    stopped: str = ""

    def __attrs_post_init__(self) -> None:
        token = sign(self.user)
        self.first, self.second = Device(self.user, token), Device(self.user, token, plain=True)

    async def use(self, port: int) -> None:
        """Ask three times, from both devices; stop the last run."""
        async with self.first.connected(port), AsyncExitStack() as stack:
            async with AsyncExitStack() as visit:
                await visit.enter_async_context(self.second.connected(port))
                await self._ask_twice()
                if self.user not in FICKLE:
                    stack.push_async_exit(visit.pop_all().__aexit__)
            if self.user in FICKLE:
                await self.first.until(lambda: set(self.finished) <= set(self.first.ended))
                await stack.enter_async_context(self.second.connected(port))
            await self._ask_and_stop()
            for device in (self.first, self.second):
                await self._see_the_end(device)

    async def _ask_twice(self) -> None:
        one = await self.first.ask(f"{self.user} one", agent="desk")
        two = await self.second.ask(f"{self.user} two", agent="desk", thread_id=one["thread_id"])
        self.finished = [one["run_id"], two["run_id"]]

    async def _ask_and_stop(self) -> None:
        made = await self.second.request(type="create_thread", title=f"{self.user} three")
        answer = await self.first.ask(
            f"{self.user} three", agent="lingering", thread_id=made["thread"]["thread_id"]
        )
        self.stopped = answer["run_id"]
        key = answer["message_id"]
        await self.second.until(lambda: len(self.second.tools.get(key, ())) == 2)
        reply = await self.second.request(type="stop_agent", run_id=self.stopped)
        assert reply["stopped"] == [self.stopped]

    async def _see_the_end(self, device: Device) -> None:
        wanted = {*self.finished, self.stopped}
        await device.until(lambda: wanted <= set(device.ended))
        await device.settle()


async def test_each_of_fifty_users_gets_their_own_events_once_and_in_order(tmp_path: Path) -> None:
    pairs = [Pair(user) for user in USERS]
    with serving(tmp_path) as server:
        async with trio.open_nursery() as nursery:
            for pair in pairs:
                nursery.start_soon(pair.use, server.port)
        server.terminate()
        assert server.wait() == 0, server.said
    assert stored_users(server.database) == set(USERS)
    for pair in pairs:
        stored = stored_lines(server.database, pair.user)
        check_whole(pair.first, stored)
        check_whole(pair.second, stored)
        assert pair.first.state.snapshot() == pair.second.state.snapshot()
        _check_content(pair, stored)
    assert sum(pair.first.batches for pair in pairs) > 0
    # A busy machine may let one of them hear everything before it leaves; never all of them.
    assert any(pair.second.merged for pair in pairs if pair.user in FICKLE)


def _check_content(pair: Pair, stored: list[bytes]) -> None:
    """Check that the user's log is what their three questions had to make of it."""
    terminals = check_grammar(stored)
    statuses = {run_id: terminal["status"] for run_id, terminal in terminals.items()}
    assert [statuses.pop(run_id) for run_id in pair.finished] == ["completed", "completed"]
    assert statuses.pop(pair.stopped) == "cancelled"
    assert sorted(statuses.values()) == ["cancelled", *["completed"] * 2 * CLERKS]
    others = {user.encode() for user in USERS} - {pair.user.encode()}
    assert not any(other in line for line in stored for other in others)
    texts = [
        json.loads(line)["payload"]["content"]
        for line in stored
        if line.startswith(b'{"type":"partial_result"')
    ]
    for number in range(CLERKS):
        own = [text for text in texts if text.startswith(f"[{pair.user} {number}.")]
        assert own == [f"[{pair.user} {number}.{piece}]" for piece in range(PIECES)] * 2
    desk = [text for text in texts if text.startswith("(")]
    assert desk == [f"({pair.user} {piece})" for piece in range(PIECES)] * 2
