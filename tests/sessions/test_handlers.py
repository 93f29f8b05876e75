"""The built-in handlers: rate, history, paging."""

from typing import Any

import pytest
from trio.testing import MockClock

from netra_actors.errors import RateLimited
from tests.sessions.scripts import scripted
from tests.sessions.world import open_world


async def test_history_comes_in_pages_newest_last(autojump_clock: MockClock) -> None:
    async with open_world(scripted) as world:
        thread = None
        for number in range(4):
            fields: dict[str, Any] = {"thread_id": thread} if thread else {}
            thread = (await world.send(f"say:{number}", **fields))["thread_id"]
            await world.settle()
        ask = {"type": "get_thread_history", "thread_id": thread, "limit": 3}
        newest = (await world.ask(ask)).fields["messages"]
        assert [m["role"] for m in newest] == ["agent", "user", "agent"]
        older = (await world.ask({**ask, "before": newest[0]["message_id"]})).fields["messages"]
        oldest = (await world.ask({**ask, "before": older[0]["message_id"]})).fields["messages"]
        together = [*oldest, *older, *newest]
        assert [m["content"] for m in together if m["role"] == "user"] == [
            f"say:{number}" for number in range(4)
        ]
        assert len({m["message_id"] for m in together}) == 8


async def test_messages_over_the_plan_s_rate_are_refused_and_stops_are_not(
    autojump_clock: MockClock,
) -> None:
    waits = [0.0]
    async with open_world(scripted, take_message=lambda _: waits[0]) as world:
        sent = await world.send("forever", message_id="m1")
        waits[0] = 2.34
        with pytest.raises(RateLimited) as refused:
            await world.send("more")
        assert refused.value.retry_after_s == 2.3
        again = await world.send("forever", message_id="m1")
        assert again["run_id"] == sent["run_id"]
        assert (await world.ask({"type": "stop_agent", "all": True})).fields["stopped"]
        await world.settle()
