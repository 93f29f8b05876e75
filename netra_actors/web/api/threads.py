"""Threads and their messages: each call is the command of the same name."""

from typing import Any

from netra_actors.web.api import shapes
from netra_actors.web.calls import Call, Route


async def list_threads(call: Call) -> dict[str, Any]:
    """Return the newest threads."""
    return await call.execute("list_threads")


async def create_thread(call: Call) -> dict[str, Any]:
    """Begin a thread."""
    return await call.execute("create_thread")


async def rename_thread(call: Call) -> dict[str, Any]:
    """Give a thread another title."""
    return await call.execute("rename_thread", thread_id=call.params["thread_id"])


async def delete_thread(call: Call) -> None:
    """Delete a thread, its runs and its messages."""
    await call.execute("delete_thread", thread_id=call.params["thread_id"])


async def get_messages(call: Call) -> dict[str, Any]:
    """Return the newest messages of a thread, oldest first."""
    return await call.execute(
        "get_thread_history",
        thread_id=call.params["thread_id"],
        limit=call.query_int("limit", 50, low=1, high=200),
        before=call.request.args.get("before"),
    )


async def send_message(call: Call) -> dict[str, Any]:
    """Ask an agent; the thread may be ``new``."""
    thread_id = call.params["thread_id"]
    body = await call.body(dict[str, Any])
    message_id = body.get("message_id") or call.worker.ids.generate_message_id()
    answer = await call.execute(
        "user_message",
        thread_id=None if thread_id == "new" else thread_id,
        message_id=message_id,
    )
    return {"message_id": message_id, **answer}


ROUTES = (
    Route(
        method="GET",
        path="/api/threads",
        handler=list_threads,
        summary="The newest threads",
        gives=shapes.ThreadsAnswer,
    ),
    Route(
        method="POST",
        path="/api/threads",
        handler=create_thread,
        summary="Begin a thread",
        status=201,
        takes=shapes.TitleBody,
        gives=shapes.ThreadAnswer,
    ),
    Route(
        method="PATCH",
        path="/api/threads/{thread_id}",
        handler=rename_thread,
        summary="Give a thread another title",
        takes=shapes.NewTitleBody,
        gives=shapes.ThreadAnswer,
    ),
    Route(
        method="DELETE",
        path="/api/threads/{thread_id}",
        handler=delete_thread,
        summary="Delete a thread, its runs and its messages",
        status=204,
    ),
    Route(
        method="GET",
        path="/api/threads/{thread_id}/messages",
        handler=get_messages,
        summary="The newest messages of a thread, oldest first",
        gives=shapes.MessagesAnswer,
        query={"limit": "1 to 200, default 50", "before": "only messages before this message_id"},
    ),
    Route(
        method="POST",
        path="/api/threads/{thread_id}/messages",
        handler=send_message,
        summary="Ask an agent; thread_id may be new",
        status=202,
        takes=shapes.MessageBody,
        gives=shapes.MessageAnswer,
    ),
)
