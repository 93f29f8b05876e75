"""The documents that describe the service: OpenAPI for HTTP, AsyncAPI for the socket."""

from collections.abc import Sequence
from functools import cached_property

import msgspec
from quart_trio.wrappers import TrioResponse

from netra_actors.web.answers import JSON
from netra_actors.web.calls import Access, Call, Route
from netra_actors.web.openapi import openapi


class Documents:
    """Both documents, made when they are first asked for."""

    def __init__(self, routes: Sequence[Route], version: str) -> None:
        self._routes = routes
        self._version = version

    @cached_property
    def _openapi(self) -> bytes:
        return msgspec.json.encode(openapi((*self._routes, *self.routes()), self._version))

    @cached_property
    def _asyncapi(self) -> bytes:
        # Its schemas are made at import; only who asks for them pays for that.
        from netra_actors.protocol.schema import asyncapi  # noqa: PLC0415

        return msgspec.json.encode(asyncapi())

    async def get_openapi(self, _: Call) -> TrioResponse:
        """Answer with the OpenAPI document."""
        return TrioResponse(self._openapi, 200, content_type=JSON)

    async def get_asyncapi(self, _: Call) -> TrioResponse:
        """Answer with the AsyncAPI document."""
        return TrioResponse(self._asyncapi, 200, content_type=JSON)

    def routes(self) -> tuple[Route, ...]:
        """Return the rows of the table."""
        return (
            Route(
                method="GET",
                path="/openapi.json",
                handler=self.get_openapi,
                summary="This document",
                access=Access.PUBLIC,
            ),
            Route(
                method="GET",
                path="/asyncapi.json",
                handler=self.get_asyncapi,
                summary="The AsyncAPI document of the socket",
                access=Access.PUBLIC,
            ),
        )
