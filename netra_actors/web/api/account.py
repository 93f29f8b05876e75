"""The user's own: tokens in development mode, tickets, the agents there are, erasure."""

from typing import Any

from netra_actors.errors import Forbidden, InvalidContextError, InvalidField, NotFound
from netra_actors.identity import check_id
from netra_actors.web.api import shapes
from netra_actors.web.calls import Access, Call, Route
from netra_actors.web.devmode import TOKEN_LIFE_S
from netra_actors.web.origin import check_origin, is_loopback


async def make_dev_token(call: Call) -> dict[str, Any]:
    """Sign a token for whoever asks: in development mode, on this machine only."""
    guests = call.worker.authenticator.guests
    if guests is None:
        raise NotFound("there is nothing at this address")
    # A page of another site that makes its own name point here must not get a token.
    origin = call.request.headers.get("origin")
    allowed = call.worker.settings.server.allowed_origins
    # Nor what a tunnel brings in: development mode listens on loopback, and means it.
    here = call.endpoint.direct and is_loopback(call.endpoint.host)
    if not here or not check_origin(origin, call.endpoint, allowed):
        raise Forbidden("development tokens are given to this machine alone")
    body = await call.body(shapes.DevTokenBody)
    user_id = call.worker.ids.generate_user_id() if body.user_id is None else body.user_id
    try:
        check_id("user_id", user_id)
    except InvalidContextError as error:
        raise InvalidField(str(error), field="user_id") from None
    now_s = call.worker.authenticator.wall_clock_ms() // 1000
    token = guests.sign(user_id, now_s=now_s, plan=body.plan, permissions=body.permissions)
    return {"token": token, "expires_in_s": TOKEN_LIFE_S, "user_id": user_id}


async def make_ticket(call: Call) -> dict[str, Any]:
    """Give out a single-use ticket."""
    ticket = call.worker.tickets.issue(call.holder)
    return {"ticket": ticket, "expires_in_s": int(call.worker.tickets.ttl_s)}


async def list_agents(call: Call) -> dict[str, Any]:
    """Return what can be asked."""
    return {
        "agents": [
            {"name": agent.name, "description": agent.description, "promises": agent.promises}
            for agent in call.worker.agents()
        ]
    }


async def erase_me(call: Call) -> None:
    """Delete everything that is stored of the user."""
    call.worker.tickets.forget_user(call.user.user_id)
    await call.worker.erase(call.user)


ROUTES = (
    Route(
        method="POST",
        path="/api/dev/token",
        handler=make_dev_token,
        summary="A guest's token (development mode on a loopback address only)",
        access=Access.PUBLIC,
        takes=shapes.DevTokenBody,
        gives=shapes.DevTokenAnswer,
    ),
    Route(
        method="POST",
        path="/api/tickets",
        handler=make_ticket,
        summary="A single-use ticket for a WebSocket or an EventSource of a browser",
        gives=shapes.TicketAnswer,
    ),
    Route(
        method="GET",
        path="/api/agents",
        handler=list_agents,
        summary="What can be asked",
        gives=shapes.AgentsAnswer,
    ),
    Route(
        method="DELETE",
        path="/api/me",
        handler=erase_me,
        summary="Erase the user",
        status=204,
    ),
)
