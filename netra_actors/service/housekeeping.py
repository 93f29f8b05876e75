"""Housekeeping: two tables of jobs with periods, one task for each.

Those that may wait for the record stand apart, so that no slow disk delays a heartbeat.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, final

import attrs
import structlog
import trio

if TYPE_CHECKING:
    from netra_actors.service.worker import Worker

logger = structlog.get_logger(__name__)

TURN_S: Final = 1.0


@final
@attrs.define(eq=False)
class Job:
    """Something to do every `period_s` seconds."""

    name: str
    period_s: float
    do: Callable[[], Awaitable[object]]
    due_at: float = 0.0


async def keep_house(worker: "Worker", jobs: Sequence[Job]) -> None:
    """Do every one of *jobs* when it is due, until cancelled.

    A job that fails is logged and comes again with its next turn: no job is worth the others.
    """
    while True:
        started = trio.current_time()
        for job in jobs:
            if job.due_at <= started:
                job.due_at = started + job.period_s
                await _do(job)
        asleep = trio.current_time()
        await trio.sleep(TURN_S)
        worker.metrics.loop_lag_s.observe(max(0.0, trio.current_time() - asleep - TURN_S))


async def _do(job: Job) -> None:
    try:
        await job.do()
    except Exception:  # One job's fault must not end the heartbeat of all connections.
        logger.exception("job_failed", job=job.name)


def beats_of(worker: "Worker") -> list[Job]:
    """Return the jobs that never wait; heartbeats must not stand behind a slow record."""

    async def connections() -> None:
        worker.pool.tick()

    async def sessions() -> None:
        worker.sessions.tick()

    async def figures() -> None:
        statistics, metrics = worker.committer.statistics, worker.metrics
        worker.committed_rate.tick(statistics.events)
        worker.delivered_rate.tick(worker.delivered.events)
        metrics.events_appended = statistics.events + worker.sessions.uncommitted_events()
        metrics.commit_retries = statistics.retries
        metrics.frames_written = worker.delivered.frames
        metrics.bytes_written = worker.delivered.bytes
        metrics.closes.clear()
        for code, count in worker.pool.closes.items():
            metrics.closes.add(code, count)

    return [
        Job("connections", 1.0, connections),
        Job("sessions", 1.0, sessions),
        Job("figures", 1.0, figures),
    ]


def chores_of(worker: "Worker") -> list[Job]:
    """Return the jobs that wait for the record."""

    async def passivation() -> None:
        await worker.sessions.put_away_idle(after_s=worker.settings.sessions.idle_s)

    return [Job("passivation", 5.0, passivation)]
