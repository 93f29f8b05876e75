"""The gate in front of every API call: who is asking, may they, how often.

A call that fails here never reaches a session.
"""

import attrs
from quart_trio.wrappers import TrioRequest

from netra_actors.errors import Forbidden, InvalidField, RateLimited, Unauthorized
from netra_actors.web.calls import Access, Call, Route
from netra_actors.web.credentials import (
    BadCredential,
    HeaderToken,
    Identity,
    Refusal,
    Ticket,
    read_credential,
)
from netra_actors.web.origin import Endpoint, endpoint
from netra_actors.web.ports import Worker


async def admit(call: Call, route: Route) -> Call:
    """Return *call* with its user, if the route may be called by whoever this is.

    Raises:
        ClientError: it may not; says why.
    """
    if route.access is Access.PUBLIC:
        return call
    if route.access is Access.LOCAL and call.endpoint.is_local:
        return call
    identity = await _identify(call, ticket_allowed=route.access is Access.TICKET)
    context = identity.context(request_id=call.worker.ids.generate_request_id())
    if route.permission is not None and not context.allows(route.permission):
        raise Forbidden(f"this needs the permission {route.permission}")
    if route.rated and (wait_s := call.worker.rates.take(context.user_id)):
        call.worker.metrics.rate_limited.add("http")
        raise RateLimited("more calls than the limit allows", retry_after_s=round(wait_s, 3))
    return attrs.evolve(call, identity=identity, context=context)


def endpoint_of(request: TrioRequest, worker: Worker) -> Endpoint:
    """Return how the client reached the service, trusted proxies seen through."""
    client = request.scope.get("client")
    return endpoint(
        client[0] if client else None,
        request.scheme,
        request.headers,
        worker.settings.server.trusted_proxies,
    )


async def _identify(call: Call, *, ticket_allowed: bool) -> Identity:
    query = call.request.query_string.decode("latin-1")
    credential = read_credential(call.request.headers, (), query)
    try:
        if isinstance(credential, HeaderToken):
            return await call.worker.authenticator.authenticate(credential.token)
        if isinstance(credential, Ticket) and ticket_allowed:
            return call.worker.tickets.redeem(credential.ticket)
    except BadCredential as error:
        call.worker.metrics.auth_failures.add(error.reason)
        raise
    if isinstance(credential, Refusal):
        kind = InvalidField if credential.status == InvalidField.http_status else Unauthorized
        raise kind(credential.message)
    raise Unauthorized("this needs Authorization: Bearer <JWT>")
