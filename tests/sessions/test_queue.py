"""The run queue: priorities with ageing; per thread in order."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from netra_actors.identity import MessageID, RunID, ThreadID, UserExecutionContext, UserID
from netra_actors.protocol.events import Priority
from netra_actors.sessions.queue import AGEING_S, RunQueue, RunRequest

ALICE = UserExecutionContext(user_id=UserID("alice"))
PRIORITIES: Sequence[Priority] = ("high", "normal", "low")


def request(
    number: int, *, thread: int | None = None, priority: Priority = "normal", at: float = 0.0
) -> RunRequest:
    return RunRequest(
        run_id=RunID(f"run_{number}"),
        thread_id=ThreadID(f"thr_{number if thread is None else thread}"),
        message_id=MessageID(f"msg_{number}"),
        agent="a",
        content="",
        context=ALICE,
        priority=priority,
        queued_at=at,
    )


def queue_of(*requests: RunRequest) -> RunQueue:
    queue = RunQueue()
    for each in requests:
        queue.add(each)
    return queue


def takes(queue: RunQueue, now: float = 0.0) -> Sequence[str]:
    taken = []
    while (found := queue.take(now, lambda _: True)) is not None:
        taken.append(found.run_id)
    return taken


def test_the_higher_priority_goes_first_and_equals_keep_their_order() -> None:
    queue = queue_of(
        request(1, priority="low"), request(2), request(3, priority="high"), request(4)
    )
    assert takes(queue) == ["run_3", "run_2", "run_4", "run_1"]


def test_thirty_seconds_of_waiting_are_worth_one_level() -> None:
    queue = queue_of(request(1), request(2, priority="high", at=AGEING_S - 1))
    assert queue.place(RunID("run_2"), AGEING_S - 1) == 1
    queue = queue_of(request(1), request(2, priority="high", at=AGEING_S + 1))
    assert queue.place(RunID("run_2"), AGEING_S + 1) == 2


def test_what_may_not_start_is_passed_over_and_stays() -> None:
    queue = queue_of(request(1, priority="high"), request(2))
    taken = queue.take(0.0, lambda r: r.run_id != "run_1")
    assert taken is not None
    assert taken.run_id == "run_2"
    assert queue.take(0.0, lambda _: False) is None
    assert (len(queue), RunID("run_1") in queue) == (1, True)


def test_a_run_is_removed_once() -> None:
    queue = queue_of(request(1), request(2))
    assert queue.remove(RunID("run_1")) is not None
    assert queue.remove(RunID("run_1")) is None
    assert [waiting.run_id for waiting in queue] == ["run_2"]


def test_the_place_says_after_how_many_others_of_its_thread_too() -> None:
    queue = queue_of(
        request(1, thread=1, priority="low"),
        request(2, thread=1, priority="high"),
        request(3, thread=2),
    )
    # The second cannot start before the first of its thread, whatever its priority.
    assert [queue.place(RunID(f"run_{n}"), 0.0) for n in (1, 2, 3)] == [2, 3, 1]


_REQUESTS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(PRIORITIES), st.floats(0, 100)), max_size=16
)


def _build(rows: Sequence[tuple[int, Priority, float]]) -> RunQueue:
    ages = sorted(at for _, _, at in rows)
    return queue_of(
        *(
            request(n, thread=thread, priority=priority, at=at)
            for n, ((thread, priority, _), at) in enumerate(zip(rows, ages, strict=True))
        )
    )


@given(_REQUESTS)
def test_runs_of_one_thread_start_in_the_order_of_their_messages(
    rows: Sequence[tuple[int, Priority, float]],
) -> None:
    queue = _build(rows)
    order = [request.run_id for request in queue]
    thread_of = {request.run_id: request.thread_id for request in queue}
    taken = takes(queue, 100.0)
    assert sorted(taken) == sorted(order)
    for thread in set(thread_of.values()):
        of_thread = [run for run in order if thread_of[run] == thread]
        assert [run for run in taken if thread_of[RunID(run)] == thread] == of_thread


@given(_REQUESTS)
def test_the_place_is_the_number_of_the_take_that_brings_it(
    rows: Sequence[tuple[int, Priority, float]],
) -> None:
    queue = _build(rows)
    places = {request.run_id: queue.place(request.run_id, 100.0) for request in queue}
    assert [places[RunID(run)] for run in takes(queue, 100.0)] == list(range(1, len(rows) + 1))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(PRIORITIES)), max_size=120),
    st.sampled_from(PRIORITIES),
    st.floats(1.0, 20.0),
)
def test_with_ageing_everybody_s_turn_comes_however_many_come_after(
    newcomers: Sequence[tuple[int, Priority]], priority: Priority, pace_s: float
) -> None:
    """Each take, *pace_s* apart, is preceded by newcomers as long as there is room for 16."""
    victim = request(0, thread=99, priority=priority)
    queue = queue_of(victim)
    coming, now, count = iter(enumerate(newcomers, 1)), 0.0, 0
    while victim.run_id in queue:
        while len(queue) < 16 and (new := next(coming, None)) is not None:
            number, (thread, its_priority) = new
            queue.add(request(number, thread=thread, priority=its_priority, at=now))
        queue.take(now, lambda _: True)
        now += pace_s
        count += 1
        # Nobody who came two levels of waiting after it goes first; those before are few.
        assert count <= 2 * AGEING_S / pace_s + 1 + 16
