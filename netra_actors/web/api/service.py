"""The service about itself: health, metrics and the documents that describe the API."""

from typing import Any, Final

import attrs
from quart_trio.wrappers import TrioResponse

from netra_actors.version import __version__
from netra_actors.web.answers import json_answer
from netra_actors.web.api import shapes
from netra_actors.web.calls import Access, Call, Route
from netra_actors.web.health import Health
from netra_actors.web.metrics import render
from netra_actors.web.ports import Worker

_UNAVAILABLE: Final = 503


@attrs.frozen(eq=False)
class ServiceApi:
    """What one worker says about itself."""

    health: Health

    @classmethod
    def of(cls, worker: Worker) -> "ServiceApi":
        """Return the API of *worker*."""
        return cls(Health(worker, __version__))

    async def get_live(self, _: Call) -> dict[str, Any]:
        """Answer: the process runs."""
        return {"status": "live"}

    async def get_ready(self, _: Call) -> TrioResponse:
        """Answer whether new users should be sent here."""
        if self.health.is_ready():
            return json_answer({"status": "ready"})
        return json_answer({"status": "not_ready"}, _UNAVAILABLE)

    async def get_health(self, _: Call) -> TrioResponse:
        """Answer how the worker and its dependencies are."""
        is_well, report = await self.health.report()
        return json_answer(report, 200 if is_well else _UNAVAILABLE)

    async def get_metrics(self, call: Call) -> TrioResponse:
        """Answer with everything that was counted."""
        accept = call.request.headers.get("accept", "")
        body, content_type = render(call.worker.metrics, accept)
        return TrioResponse(body, 200, content_type=content_type)

    def routes(self) -> tuple[Route, ...]:
        """Return the rows of the table."""
        return (
            Route(
                method="GET",
                path="/health/live",
                handler=self.get_live,
                summary="Is the process alive",
                access=Access.PUBLIC,
                gives=shapes.StatusAnswer,
            ),
            Route(
                method="GET",
                path="/health/ready",
                handler=self.get_ready,
                summary="Should users be sent here (503: no)",
                access=Access.PUBLIC,
                gives=shapes.StatusAnswer,
            ),
            Route(
                method="GET",
                path="/health",
                handler=self.get_health,
                summary="How the worker and its dependencies are (503: not well)",
                access=Access.PUBLIC,
                gives=shapes.HealthAnswer,
            ),
            Route(
                method="GET",
                path="/metrics",
                handler=self.get_metrics,
                summary="Prometheus metrics (from this machine, or permission metrics)",
                access=Access.LOCAL,
                permission="metrics",
                media="text/plain",
                rated=False,
            ),
        )
