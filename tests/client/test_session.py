import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from netra_actors.client import EventsLost, ReaderTooSlow, Session, SessionEnded, connect
from netra_actors.client.actions import Applied, Connected, Disconnected, SnapshotTaken
from netra_actors.client.http import HttpApi
from netra_actors.client.subscription import BOUND
from netra_actors.errors import Conflict, InvalidField, MessageTooLarge, NotFound
from netra_actors.protocol.commands import RenameThread, SendMessage
from netra_actors.protocol.events import Event, PartialResult
from netra_actors.protocol.state import State


@asynccontextmanager
async def session_on(service: Any, **options: Any) -> AsyncIterator[tuple[Session, Any]]:
    wires = []

    async def greet() -> None:
        wire = await service.accept()
        await wire.expect("hello")
        wire.welcome()
        wire.say({"type": "replay_end", "seq": 0})
        wires.append(wire)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(greet)
        options.setdefault("token", "t")
        async with connect("service:1", opener=service.open, **options) as session:
            await trio.testing.wait_all_tasks_blocked()
            yield session, wires[0]


async def reaccept(service: Any, mode: str = "resumed", **fields: Any) -> Any:
    wire = await service.accept()
    hello = await wire.expect("hello")
    wire.welcome(mode, **fields)
    return wire, hello


async def test_the_session_knows_who_it_is_and_folds_what_comes(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):
        assert wire.headers == {"Authorization": "Bearer t"}
        assert session.user_id == "u-17"
        wire.event(1, "thread_created", {"title": "Costs"})
        await trio.testing.wait_all_tasks_blocked()
        [thread] = session.state.snapshot()["threads"]
        assert thread["title"] == "Costs"
        assert session.cursor is not None
        assert session.cursor.seq == 1
    assert wire.left


async def test_a_question_gives_the_events_of_its_run_and_ends_after_the_terminal(
    autojump_clock: MockClock,
    service: Any,
) -> None:
    async with session_on(service) as (session, wire):

        async def serve() -> None:
            asked = await wire.expect("user_message")
            assert asked["content"] == "why?"
            mine = {"message_id": asked["message_id"]}
            content = {"content": "why?", "priority": "normal", "policy": "enqueue"}
            wire.event(1, "user_message", content, **mine)
            wire.say({"type": "ok", "re": "user_message", **mine, "run_id": "run_1",
                      "thread_id": "thr_1", "at": 1})  # fmt: skip
            wire.event(2, "agent_started", {"agent_name": "a"}, **mine)
            wire.event(3, "agent_started", {"agent_name": "b"}, run_id="run_other")
            wire.event(4, "subagent_started", {"subagent_run_id": "run_2", "subagent_name": "s"},
                       **mine)  # fmt: skip
            sub = {"run_id": "run_2", "parent_run_id": "run_1", **mine}
            wire.event(5, "agent_started", {"agent_name": "s"}, **sub)
            wire.end(6, **sub)
            wire.end(7, run_id="run_other")
            wire.end(8, **mine, payload={"final_response": "because"})
            wire.event(9, "thread_renamed", {"title": "later"}, run_id=None)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            answer = session.ask("why?")
            events = [event async for event in answer]
        assert [event.seq for event in events] == [1, 2, 4, 5, 6, 8]
        assert answer.run_id == "run_1"
        assert answer.thread_id == "thr_1"
        assert answer.terminal is not None
        assert answer.terminal.final_response == "because"


async def test_a_refused_question_raises_what_the_service_says(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):

        async def serve() -> None:
            asked = await wire.expect("user_message")
            wire.say({"type": "error", "error": "conflict", "message": "busy there",
                      "message_id": asked["message_id"], "re": "user_message"})  # fmt: skip

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with pytest.raises(Conflict, match="busy there"):
                await anext(session.ask("why?"))


async def test_an_unanswered_command_is_sent_again_with_the_same_id_until_answered(
    autojump_clock: MockClock,
    service: Any,
) -> None:
    async with session_on(service) as (session, wire):
        replies: list[dict[str, Any]] = []

        async def rename() -> None:
            replies.append(await session.send(RenameThread(thread_id="thr_1", title="x")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(rename)
            first = await wire.expect("rename_thread")
            wire.close(1006)
            again, _ = await reaccept(service)
            second = await again.expect("rename_thread")
            assert first == second
            again.say({"type": "ok", "message_id": second["message_id"], "re": "rename_thread",
                      "at": 3, "duplicate": True})  # fmt: skip
        assert replies[0]["at"] == 3
        again.close(1006)
        again, _ = await reaccept(service)
        await trio.sleep(1)
        assert again.unread() == 0


async def test_a_command_given_while_there_is_no_connection_waits_for_one(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):
        wire.close(4029)
        await trio.sleep(1)
        assert not session.connected
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.threads)
            again, _ = await reaccept(service)
            asked = await again.expect("list_threads")
            again.say({"jsonrpc": "2.0", "id": asked["id"], "result": {"threads": [], "at": 0}})


async def test_a_question_goes_on_over_a_reconnect(autojump_clock: MockClock, service: Any) -> None:
    async with session_on(service) as (session, wire):

        async def serve() -> None:
            asked = await wire.expect("user_message")
            mine = {"message_id": asked["message_id"]}
            wire.say({"type": "ok", "re": "user_message", **mine, "run_id": "run_1", "at": 1})
            wire.event(1, "agent_started", {"agent_name": "a"}, **mine)
            wire.close(1001)
            second, hello = await reaccept(service)
            assert hello["cursor"] == {"epoch": "e_1", "seq": 1}
            merged = {"content": "all of it", "is_complete": True}
            second.event(3, "partial_result", merged, seq_from=2, **mine)
            second.end(4, **mine)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            events = [event async for event in session.ask("why?")]
        assert [event.seq for event in events] == [1, 3, 4]
        assert events[1].payload == PartialResult(content="all of it", is_complete=True)


async def test_what_a_snapshot_stands_for_is_fetched_so_that_an_answer_has_no_hole(
    autojump_clock: MockClock, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[tuple[str, int]] = []
    mine: dict[str, Any] = {}

    async def run_events(_: HttpApi, run_id: str, *, after: int) -> list[Event]:
        await trio.lowlevel.checkpoint()
        asked_for.append((run_id, after))
        part = PartialResult(content="x", is_complete=False)
        return [
            Event(type="partial_result", seq=seq, timestamp=seq, run_id="run_1", payload=part)
            for seq in (2, 3, 4)  # the last is live already, and is not given twice
        ]

    monkeypatch.setattr(HttpApi, "run_events", run_events)
    async with session_on(service) as (session, wire):

        async def serve() -> None:
            asked = await wire.expect("user_message")
            mine["message_id"] = asked["message_id"]
            wire.say({"type": "ok", "re": "user_message", **mine, "run_id": "run_1", "at": 1})
            wire.event(1, "agent_started", {"agent_name": "a"}, **mine)
            wire.say({"type": "snapshot", "at": 3, "state": State().snapshot()})
            wire.event(4, "partial_result", {"content": "x", "is_complete": False}, **mine)
            wire.end(5, **mine)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            events = [event async for event in session.ask("why?")]
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert asked_for == [("run_1", 1)]


async def test_an_answer_whose_events_are_gone_says_so(
    autojump_clock: MockClock, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_events(*_: Any, **__: Any) -> list[Any]:
        await trio.lowlevel.checkpoint()
        raise NotFound("no longer kept")

    monkeypatch.setattr(HttpApi, "run_events", run_events)
    async with session_on(service) as (session, wire):

        async def serve() -> None:
            asked = await wire.expect("user_message")
            wire.say({"type": "ok", "re": "user_message", "message_id": asked["message_id"],
                      "run_id": "run_1", "at": 1})  # fmt: skip
            wire.say({"type": "snapshot", "at": 9, "state": State().snapshot()})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with pytest.raises(EventsLost, match="run_1"):
                await anext(session.ask("why?"))


async def test_an_interrupted_run_goes_on_in_the_one_that_continues_it(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):

        async def serve() -> None:
            asked = await wire.expect("user_message")
            mine = {"message_id": asked["message_id"]}
            wire.say({"type": "ok", "re": "user_message", **mine, "run_id": "run_1", "at": 1})
            wire.end(1, "interrupted", payload={"continued_by": "run_9"}, **mine)
            wire.event(2, "agent_started", {"agent_name": "a"}, **mine | {"run_id": "run_9"})
            wire.end(3, **mine | {"run_id": "run_9"})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            answer = session.ask("why?")
            assert [event.seq async for event in answer] == [1, 2, 3]
            assert answer.run_id == "run_9"


async def test_a_paste_becomes_a_file(
    autojump_clock: MockClock, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads: list[tuple[str, bytes]] = []

    async def upload(_: HttpApi, name: str, data: bytes) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        uploads.append((name, data))
        return {"file_id": "file_1", "name": name, "bytes": len(data)}

    monkeypatch.setattr(HttpApi, "upload", upload)
    text = "lörem " * 2000
    async with session_on(service) as (session, wire), trio.open_nursery() as nursery:
        answer = session.ask(text, attachments=["file_0"])
        nursery.start_soon(answer.__anext__)
        asked = await wire.expect("user_message")
        assert uploads == [("pasted.txt", text.encode())]
        assert asked["attachments"] == ["file_0", "file_1"]
        assert asked["content"].startswith("lörem")
        assert len(json.dumps(asked)) < 8192
        wire.say({"type": "ok", "re": "user_message", "message_id": asked["message_id"],
                  "run_id": "run_1", "at": 1})  # fmt: skip
        wire.end(1, message_id=asked["message_id"])


async def test_other_commands_over_the_limit_are_refused_here(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, _):
        with pytest.raises(MessageTooLarge):
            await session.send(SendMessage(content="x" * 9000))


async def test_text_that_cannot_be_sent_is_refused_here(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, _):
        with pytest.raises(InvalidField, match="content"):
            session.ask("half a \ud800 pair")


async def test_stop_names_its_target_and_is_answered_apart_from_it(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire), trio.open_nursery() as nursery:
        stopped: list[Any] = []

        async def stop() -> None:
            stopped.append(await session.stop(message_id="msg_1"))

        nursery.start_soon(stop)
        frame = await wire.expect("stop_agent")
        assert frame["params"] == {"message_id": "msg_1"}
        wire.say({"jsonrpc": "2.0", "id": frame["id"], "result": {"stopped": ["run_1"]}})
        await trio.testing.wait_all_tasks_blocked()
        assert stopped == [{"stopped": ["run_1"]}]


async def test_threads_are_made_renamed_read_and_deleted(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):

        async def serve() -> None:
            frame = await wire.expect("create_thread")
            wire.say({"type": "ok", "message_id": frame["message_id"], "re": "create_thread",
                      "thread": {"thread_id": "thr_1"}, "at": 1})  # fmt: skip
            frame = await wire.expect("switch_thread")
            wire.say({"jsonrpc": "2.0", "id": frame["id"], "result": {}})
            frame = await wire.expect("get_thread_history")
            assert frame["params"]["limit"] == 5
            wire.say({
                "jsonrpc": "2.0",
                "id": frame["id"],
                "result": {"messages": [{"n": 1}], "at": 1},
            })
            frame = await wire.expect("ping")
            wire.say({"jsonrpc": "2.0", "id": frame["id"], "result": {"head": 1}})
            for kind in ("rename_thread", "delete_thread"):
                frame = await wire.expect(kind)
                wire.say({"type": "ok", "message_id": frame["message_id"], "re": kind, "at": 2})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            assert (await session.create_thread("Costs"))["thread_id"] == "thr_1"
            await session.switch_thread("thr_1")
            assert await session.history("thr_1", limit=5) == [{"n": 1}]
            assert await session.ping() == {"head": 1}
            await session.rename_thread("thr_1", "Cost")
            await session.delete_thread("thr_1")
        wire.close(1006)
        _, hello = await reaccept(service)
        assert hello["thread_id"] == "thr_1"


async def test_typing_is_told_only_while_there_is_a_connection(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):
        session.typing("thr_1")
        assert (await wire.expect("typing"))["thread_id"] == "thr_1"
        wire.close(4029)
        await trio.testing.wait_all_tasks_blocked()
        session.typing("thr_1")
        again, _ = await reaccept(service)
        await trio.testing.wait_all_tasks_blocked()
        assert again.unread() == 0


async def test_updates_tell_of_connections_snapshots_and_events(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):
        updates = session.updates()
        wire.event(1, "thread_created", {"title": "x"})
        wire.close(4001, "draining")
        again, _ = await reaccept(service, "snapshot")
        again.say({"type": "snapshot", "at": 7, "state": State().snapshot()})
        seen = [await updates.get() for _ in range(4)]
        assert isinstance(seen[0], Applied)
        assert seen[1] == Disconnected("4001 draining", 0.0)
        assert isinstance(seen[2], Connected)
        assert seen[3] == SnapshotTaken(at=7, after=1)


async def test_an_unread_iterator_is_given_up_and_the_fold_goes_on(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):
        events = session.events()
        for first in range(1, BOUND + 2, 500):
            wire.say_array(*(
                {"type": "custom", "seq": seq, "timestamp": 0, "payload": {"name": "n"}}
                for seq in range(first, first + 500)
            ))  # fmt: skip
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ReaderTooSlow):
            await anext(events)
        assert session.cursor is not None
        assert session.cursor.seq > BOUND


async def test_leaving_the_block_ends_iterators_and_raises_what_the_body_raised(
    autojump_clock: MockClock,
    service: Any,
) -> None:
    with pytest.RaisesGroup(ValueError):
        # One group: the test's own nursery. `connect` adds none.
        async with session_on(service) as (session, _):
            events = session.events()
            raise ValueError("mine")
    assert [event async for event in events] == []
    with pytest.raises(SessionEnded):
        await session.threads()


async def test_a_refused_session_fails_everything_that_waits(
    autojump_clock: MockClock, service: Any
) -> None:
    async with session_on(service) as (session, wire):
        events = session.events()
        wire.close(4403, "revoked")
        with pytest.raises(SessionEnded, match="revoked"):
            await anext(events)
        with pytest.raises(SessionEnded, match="revoked"):
            await session.threads()
