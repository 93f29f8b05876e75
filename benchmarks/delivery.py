"""How fast events reach their users: bursts, latency at a rate, memory, connects, chatting.

Run: ``python -m benchmarks.delivery [--rounds N] [--quick]``
"""

import argparse
import re
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from benchmarks.harness import Server, connect, percentile, pin, serve, table, until

END: Final = b'"type":"agent_completed"'
SNAPSHOT: Final = b'"type":"snapshot"'
MOMENT: Final = re.compile(rb'"t":(\d+)')


async def burst(server: Server, *, users: int, events: int, tag: str) -> float:
    """Return events per second over all users while each has one run of *events* events.

    Only events that arrived count: where the client fell so far behind that a snapshot took
    the place of its backlog, what that stands for is left out.
    """
    counts = [0] * users
    replaced = [False] * users
    ready, go = trio.Event(), trio.Event()
    waiting = users

    async def user(number: int) -> None:
        nonlocal waiting
        async with connect(server, f"{tag}-{number}") as client:
            await until(client, b"replay_end")
            waiting -= 1
            if not waiting:
                ready.set()
            await go.wait()
            await client.send({"type": "user_message", "agent": "burst", "content": str(events)})
            async for frame in client.frames():
                counts[number] += frame.count(b'"seq":')
                replaced[number] = replaced[number] or SNAPSHOT in frame[:32]
                if END in frame or (SNAPSHOT in frame[:32] and b'"runs":[]' in frame):
                    return

    started = 0.0
    async with trio.open_nursery() as nursery:
        for number in range(users):
            nursery.start_soon(user, number)
        await ready.wait()
        started = time.perf_counter()
        go.set()
    took = time.perf_counter() - started
    for count, skipped in zip(counts, replaced, strict=True):
        if count < events and not skipped:
            raise AssertionError(f"events are missing: {count} of {events}")
    return sum(counts) / took


async def latency(server: Server, *, users: int, rate: int, seconds: int) -> list[float]:
    """Return milliseconds from emit to client, one for each event of the load."""
    measured: list[float] = []

    async def user(number: int) -> None:
        async with connect(server, f"steady-{rate}-{number}") as client:
            await until(client, b"replay_end")
            # Users do not start in one instant; nor do these.
            await trio.sleep(number / users)
            content = f"{rate} {seconds}"
            await client.send({"type": "user_message", "agent": "steady", "content": content})
            async for frame in client.frames():
                now = time.monotonic_ns()
                measured.extend((now - int(t)) / 1e6 for t in MOMENT.findall(frame))
                if END in frame:
                    return

    async with trio.open_nursery() as nursery:
        for number in range(users):
            nursery.start_soon(user, number)
    return measured


async def idle(server: Server, *, connections: int) -> float:
    """Return KiB of memory for each idle connection with its session."""
    before = 0
    opened = 0
    all_open, done = trio.Event(), trio.Event()

    async def user(number: int) -> None:
        nonlocal opened
        async with connect(server, f"idle-{number}") as client:
            await until(client, b"replay_end")
            opened += 1
            if opened == connections:
                all_open.set()
            await done.wait()

    async with connect(server, "warm") as client:
        await until(client, b"replay_end")
    before = server.rss_bytes()
    async with trio.open_nursery() as nursery:
        for number in range(connections):
            nursery.start_soon(user, number)
            if number % 50 == 49:
                await trio.sleep(0.1)
        await all_open.wait()
        await trio.sleep(1)
        used = server.rss_bytes() - before
        done.set()
    return used / connections / 1024


async def connects(server: Server, *, count: int, at_once: int) -> float:
    """Return connects per second, each with token, session, welcome and replay_end."""
    numbers = iter(range(count))

    async def worker(lane: int) -> None:
        for number in numbers:
            async with connect(server, f"connect-{lane}-{number}") as client:
                await until(client, b"replay_end")

    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for lane in range(at_once):
            nursery.start_soon(worker, lane)
    return count / (time.perf_counter() - started)


async def chatting(server: Server, *, users: int) -> tuple[list[float], list[float]]:
    """Return seconds to the first event of the run and to its end, one pair for each user."""
    first: list[float] = []
    whole: list[float] = []
    questions = (
        "Why did cost rise last week?",
        "Which model should the summaries use?",
        "What can we save?",
    )

    async def user(number: int) -> None:
        async with connect(server, f"chat-{number}") as client:
            await until(client, b"replay_end")
            asked = time.perf_counter()
            content = questions[number % len(questions)]
            await client.send({"type": "user_message", "agent": "analyst", "content": content})
            started = False
            async for frame in client.frames():
                if not started and b'"type":"agent_started"' in frame:
                    started = True
                    first.append(time.perf_counter() - asked)
                top = b'"parent_run_id":null'
                if any(END in part and top in part for part in frame.split(b"},{")):
                    whole.append(time.perf_counter() - asked)
                    return

    async with trio.open_nursery() as nursery:
        for number in range(users):
            nursery.start_soon(user, number)
    return first, whole


def median_of(
    rounds: int, measure: Callable[[int], Awaitable[float]]
) -> tuple[float, float, float]:
    """Return minimum, median and maximum of *rounds* measurements."""
    values = [trio.run(measure, number) for number in range(rounds)]
    return min(values), statistics.median(values), max(values)


def show_bursts(rounds: int, events: int) -> None:
    """Print the table of bursts."""
    rows = []
    for durability in ("memory", "commit"):
        for users in (1, 20):
            with serve(durability) as server:
                low, mid, high = median_of(
                    rounds,
                    lambda n, s=server, u=users, d=durability: burst(  # type: ignore[misc]
                        s, users=u, events=events // u, tag=f"b{d}{u}-{n}"
                    ),
                )
            rows.append((durability, str(users), f"{mid:,.0f}", f"{low:,.0f} - {high:,.0f}"))
    table(
        f"Bursts of {events:,} events, netra.v1",
        ("durability", "runs at once", "events/s (median)", "range"),
        rows,
    )


def show_latency(users: int, rate: int, seconds: int) -> None:
    """Print the table of latencies."""
    rows = []
    for durability in ("memory", "commit"):
        with serve(durability) as server:
            before = server.cpu_s()
            measured = trio.run(partial(latency, server, users=users, rate=rate, seconds=seconds))
            cpu = server.cpu_s() - before
        shares = (percentile(measured, share) for share in (0.5, 0.95, 0.99))
        rows.append((
            durability,
            *(f"{value:.2f} ms" for value in shares),
            f"{len(measured):,}",
            f"{cpu / len(measured) * 1e6:.0f} us",
        ))
    table(
        f"{users} connections at {rate} events/s each, {seconds} s",
        ("durability", "p50", "p95", "p99", "events", "server CPU per event"),
        rows,
    )


def show_rest(quick: bool) -> None:
    """Print memory, connects and chatting."""
    count = 200 if quick else 1000
    with serve() as server:
        kib = trio.run(partial(idle, server, connections=count))
    with serve() as server:
        per_s = trio.run(partial(connects, server, count=count, at_once=20))
    users = 20 if quick else 100
    with serve() as server:
        first, whole = trio.run(partial(chatting, server, users=users))
    table(
        "Connections and conversations (durability commit)",
        ("what", "figure"),
        (
            (f"idle connection with its session, at {count}", f"{kib:.1f} KiB"),
            ("connects with token, session and welcome", f"{per_s:,.0f} /s"),
            (f"{users} users ask the analyst at once: first event p99",
             f"{percentile(first, 0.99) * 1000:.0f} ms"),
            (f"{users} users ask the analyst at once: all answered in", f"{max(whole):.1f} s"),
        ),
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")

    options = parser.parse_args()
    pin(1)

    show_bursts(1 if options.quick else options.rounds, 20_000 if options.quick else 100_000)
    show_latency(100, 20, 3 if options.quick else 20)
    show_rest(options.quick)


if __name__ == "__main__":
    main()
