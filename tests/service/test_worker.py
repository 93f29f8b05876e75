import msgspec
import pytest
import trio
from trio.testing import MockClock

from netra_actors.errors import RecordUnavailable, Unavailable
from netra_actors.identity import UserID
from netra_actors.service.worker import Rate
from netra_actors.version import __version__
from tests.service.worlds import AGENTS, chat, context_of, events_of, open_world, until

TEXT = "what the user wrote and nobody else may read"


async def test_the_default_agent_comes_first(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        offered = worker.agents()
        assert [info.name for info in offered] == ["reply", "lazy", "reporter", "waiter"]
        assert len(offered) == len(AGENTS)
        assert offered[0].description == "Says it again"
        assert offered[1].promises == tuple(sorted({"final_report", *offered[0].promises}))


async def test_counts_are_those_of_now(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        counts = worker.counts()
        assert (counts.sessions, counts.connections, counts.runs) == (0, 0, 0)
        await chat(worker, "5", agent="waiter")
        async with worker.stream(context_of(), None), worker.stream(context_of("bob"), None):
            await until(worker.sessions.open_runs)
            counts = worker.counts()
            assert (counts.sessions, counts.connections, counts.runs) == (2, 2, 1)
        await trio.sleep(6)
        counts = worker.counts()
        assert (counts.sessions, counts.connections, counts.runs) == (2, 0, 0)


async def test_the_picture_shows_everything_but_texts(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker, TEXT, user="bob")
        await chat(worker, TEXT, agent="lazy", user="carol")
        await until(lambda: worker.metrics.runs["completed"] == 2)
        ok = await chat(worker, TEXT, agent="waiter")
        waiting = await chat(worker, TEXT, thread_id=ok["thread_id"])
        async with worker.stream(context_of(), None):
            await trio.sleep(3)
            picture = worker.picture()
            text = msgspec.json.encode(picture)
    assert TEXT.encode() not in text
    assert waiting["run_id"].encode() not in text
    assert picture["version"] == __version__
    assert picture["uptime_s"] == 3
    assert picture["at"] - worker.started_at == pytest.approx(3000, abs=200)
    users = {facts["user_id"]: facts for facts in picture["sessions"]}
    assert set(users) == {"alice", "bob", "carol"}
    assert (users["alice"]["runs"], users["alice"]["queued"]) == (1, 1)
    [run] = picture["runs"]
    assert (run["run_id"], run["user_id"], run["agent_name"]) == (ok["run_id"], "alice", "waiter")
    assert (run["state"], run["age_s"]) == ("running", pytest.approx(3, abs=0.1))
    [connection] = picture["connections"]
    assert (connection["user_id"], connection["device"]) == ("alice", "sse")
    [missing] = picture["missing_events"]
    assert (missing["agent_name"], list(missing["missing"])) == ("lazy", ["final_report"])
    assert picture["tree"]["name"] == "sessions"
    assert len(picture["tree"]["children"]) == 3


async def test_a_run_that_is_being_stopped_is_shown_so(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        await chat(worker, agent="waiter")
        await until(worker.sessions.open_runs)
        [(_, bridge)] = worker.sessions.open_runs()
        bridge.stop("alice")
        assert [run["state"] for run in worker.picture()["runs"]] == ["cancelling"]


async def test_ready_means_serving_and_able_to_store(autojump_clock: MockClock) -> None:
    async with open_world() as worker:
        assert not worker.ready()
        worker.is_ready = True
        assert worker.ready()
        assert not worker.draining()
        worker.committer._sent_at = trio.current_time() - 1.1  # A commit hangs.
        assert not worker.ready()
        worker.committer._sent_at = trio.current_time()
        assert worker.ready()
        worker.is_draining = True
        assert not worker.ready()
        assert worker.draining()


async def test_the_check_of_the_record_is_the_records_own(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise RecordUnavailable("away")

    async with open_world() as worker:
        await worker.checks()["record"]()
        monkeypatch.setattr(type(worker.record), "check", down)
        with pytest.raises(RecordUnavailable):
            await worker.checks()["record"]()


async def test_erase_leaves_nothing_of_the_user_and_all_of_the_others(
    autojump_clock: MockClock,
) -> None:
    async with open_world() as worker:
        await chat(worker, agent="waiter")
        await chat(worker, user="bob")
        await until(lambda: worker.metrics.runs["completed"])
        await worker.erase(context_of())
        assert await worker.record.session(UserID("alice")) is None
        assert [entry.user_id for entry in worker.sessions.live()] == ["bob"]
        assert await events_of(worker.record, "bob")
        await chat(worker)  # And the user may begin anew.
        events = await events_of(worker.record)
        assert events[0].seq == 1


async def test_erasing_while_the_record_is_away_is_to_be_tried_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise RecordUnavailable("away")

    async with open_world() as worker:
        await chat(worker)
        with monkeypatch.context() as patch:
            patch.setattr(type(worker.record), "erase", away)
            with pytest.raises(Unavailable) as refused:
                await worker.erase(context_of())
            assert refused.value.retry_after_s
        await worker.erase(context_of())
        assert await worker.record.session(UserID("alice")) is None


async def test_a_rate_is_measured_between_two_ticks(autojump_clock: MockClock) -> None:
    rate = Rate()
    rate.tick(10)
    assert rate.per_s == 0.0  # No time has passed.
    await trio.sleep(2)
    rate.tick(15)
    assert rate.per_s == 2.5
    await trio.sleep(1)
    rate.tick(15)
    assert rate.per_s == 0.0
