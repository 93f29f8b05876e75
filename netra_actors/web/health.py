"""Health: is the process alive, should users be sent here, how are the things it needs."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, final

import attrs
import structlog
import trio

from netra_actors.web.ports import Worker

log = structlog.get_logger()

_CHECK_WITHIN_S: Final = 1.0
_FRESH_S: Final = 1.0
"""Anybody may ask for health, so the dependencies are asked once a second at most."""

Check = Callable[[], Awaitable[None]]


@final
@attrs.define(eq=False)
class Probe:
    """How one dependency is, and since when. Callers at the same moment share one check."""

    name: str
    check: Check
    wall_clock_ms: Callable[[], int]
    is_up: bool = attrs.field(default=True, init=False)
    latency_ms: float | None = attrs.field(default=None, init=False)
    since: int = attrs.field(init=False)
    _checked_at: float | None = attrs.field(default=None, init=False)
    _lock: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self.since = self.wall_clock_ms()

    async def look(self) -> dict[str, Any]:
        """Return ``{state, latency_ms, since}``, at most a second old.

        Cancellation: leaves the state as it was.
        """
        async with self._lock:
            if self._checked_at is None or trio.current_time() - self._checked_at >= _FRESH_S:
                await self._check()
        state = "up" if self.is_up else "down"
        return {"state": state, "latency_ms": self.latency_ms, "since": self.since}

    async def _check(self) -> None:
        began = trio.current_time()
        is_up = True
        try:
            with trio.fail_after(_CHECK_WITHIN_S):
                await self.check()
        except Exception as error:  # noqa: BLE001 - whatever a dependency raises, it is down
            is_up = False
            if self.is_up:
                log.warning("dependency_down", dependency=self.name, error=repr(error))
        self._checked_at = trio.current_time()
        self.latency_ms = round((self._checked_at - began) * 1000, 3) if is_up else None
        if is_up is not self.is_up:
            self.is_up, self.since = is_up, self.wall_clock_ms()


@final
@attrs.define(eq=False)
class Health:
    """How one worker is."""

    worker: Worker
    version: str
    _probes: dict[str, Probe] = attrs.field(factory=dict, init=False)

    def is_ready(self) -> bool:
        """Return whether new users should be sent here."""
        return self.worker.ready() and not self.worker.draining()

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether all is well, and the whole picture; every count is a number."""
        dependencies: dict[str, Any] = {}
        for name, check in self.worker.checks().items():
            probe = self._probes.get(name)
            if probe is None:
                probe = self._probes[name] = Probe(name, check, self.worker.ids.clock)
            dependencies[name] = await probe.look()
        is_well = self.is_ready() and all(seen["state"] == "up" for seen in dependencies.values())
        counts = self.worker.counts()
        return is_well, {
            "status": self._status(is_well=is_well),
            "version": self.version,
            "uptime_s": max(0, self.worker.ids.clock() - self.worker.started_at) // 1000,
            "sessions": counts.sessions,
            "connections": counts.connections,
            "runs": counts.runs,
            "dependencies": dependencies,
        }

    def _status(self, *, is_well: bool) -> str:
        if self.worker.draining():
            return "draining"
        return "ok" if is_well else "degraded"
