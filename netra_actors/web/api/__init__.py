"""The HTTP API, one module for each thing it is about; `table` is all of it."""

from netra_actors.version import __version__
from netra_actors.web.api import account, runs, streams, threads
from netra_actors.web.api.documents import Documents
from netra_actors.web.api.files import file_routes
from netra_actors.web.api.service import ServiceApi
from netra_actors.web.calls import Route
from netra_actors.web.ports import Worker


def table(worker: Worker) -> tuple[Route, ...]:
    """Return every route of *worker*, those of the documents about them included."""
    routes = (
        *account.ROUTES,
        *threads.ROUTES,
        *runs.ROUTES,
        *streams.ROUTES,
        *file_routes(),
        *ServiceApi.of(worker).routes(),
    )
    return (*routes, *Documents(routes, __version__).routes())
