"""The statements that read the record: written in SQLAlchemy Core, compiled once."""

from typing import Any, Final, final

import attrs
from sqlalchemy import BigInteger, Dialect, Select, func, literal_column, or_, select

from netra_actors.record import tables
from netra_actors.record.statements import Statement, bind, compiled

CHUNKS_AT_ONCE: Final = 1024
"""Chunks looked at in one query; a reader comes back for more."""


_ZERO: Final = literal_column("0", BigInteger)
_ONE: Final = literal_column("1", BigInteger)
# Written out because compiled statements take no constants of their own: see `Statement`.


def _chunks() -> Select[Any]:
    chunks = tables.chunks
    mine = chunks.c.user_id == bind("user_id")
    first = (
        select(func.max(chunks.c.seq_from))
        .where(mine, chunks.c.seq_from <= bind("after") + _ONE)
        .scalar_subquery()
    )
    near = (
        select(
            chunks.c.seq_from,
            chunks.c.seq_to,
            chunks.c.body,
            func.sum(func.length(chunks.c.body)).over(order_by=chunks.c.seq_from).label("total"),
            func.row_number().over(order_by=chunks.c.seq_from).label("place"),
        )
        .where(
            mine,
            # Without the lower bound every chunk since the session began would be looked at.
            chunks.c.seq_from >= func.coalesce(first, _ZERO),
            chunks.c.seq_to > bind("after"),
            chunks.c.seq_from <= bind("upto"),
        )
        .order_by(chunks.c.seq_from)
        .limit(literal_column(str(CHUNKS_AT_ONCE)))
        .offset(_ZERO)
        .subquery()
    )
    return (
        select(near.c.seq_from, near.c.seq_to, near.c.body)
        .where(or_(near.c.total <= bind("max_bytes"), near.c.place == _ONE))
        .order_by(near.c.seq_from)
    )


def _messages(*, before: bool) -> Select[Any]:
    messages = tables.messages
    columns = [
        messages.c[name]
        for name in ("message_id", "thread_id", "role", "content", "created_at", "run_id", "status")
    ]
    mine = (messages.c.user_id == bind("user_id"), messages.c.thread_id == bind("thread_id"))
    query = select(*columns).where(*mine)
    if before:
        limit = select(messages.c.seq).where(*mine, messages.c.message_id == bind("before_id"))
        query = query.where(messages.c.seq < limit.scalar_subquery())
    return query.order_by(messages.c.seq.desc()).limit(bind("row_limit")).offset(_ZERO)


def _runs() -> Select[Any]:
    names = (
        "run_id", "user_id", "thread_id", "parent_run_id", "message_id", "agent_name", "status",
        "seq_first", "seq_last",
    )  # fmt: skip
    return select(*(tables.runs.c[name] for name in names)).where(
        tables.runs.c.user_id == bind("user_id")
    )


def _threads() -> Select[Any]:
    names = ("thread_id", "title", "created_at", "updated_at")
    return select(*(tables.threads.c[name] for name in names)).where(
        tables.threads.c.user_id == bind("user_id")
    )


@final
@attrs.frozen(kw_only=True)
class Queries:
    """Every statement that reads the record."""

    session: Statement
    chunks: Statement
    chunk_at: Statement
    """The body of the chunk that begins at `seq_from`."""
    answer: Statement
    snapshot: Statement
    threads: Statement
    thread: Statement
    messages: Statement
    messages_before: Statement
    run: Statement
    open_runs: Statement
    users_with_open_runs: Statement
    file: Statement
    meta: Statement
    check: Statement

    @classmethod
    def compile(cls, dialect: Dialect) -> "Queries":
        """Compile all of them for one dialect."""
        sessions, chunks, runs = tables.sessions, tables.chunks, tables.runs
        commands, snapshots, files = tables.commands, tables.snapshots, tables.files
        user = bind("user_id")
        selects: dict[str, Select[Any]] = {
            "session": select(
                sessions.c.epoch, sessions.c.head, sessions.c.tail, sessions.c.term
            ).where(sessions.c.user_id == user),
            "chunks": _chunks(),
            "chunk_at": select(chunks.c.body).where(
                chunks.c.user_id == user, chunks.c.seq_from == bind("seq_from")
            ),
            "answer": select(commands.c.digest, commands.c.answer).where(
                commands.c.user_id == user, commands.c.message_id == bind("message_id")
            ),
            "snapshot": select(snapshots.c.at, snapshots.c.body).where(snapshots.c.user_id == user),
            "threads": _threads()
            .order_by(tables.threads.c.updated_at.desc(), tables.threads.c.thread_id.desc())
            .limit(bind("row_limit"))
            .offset(_ZERO),
            "thread": _threads().where(tables.threads.c.thread_id == bind("thread_id")),
            "messages": _messages(before=False),
            "messages_before": _messages(before=True),
            "run": _runs().where(runs.c.run_id == bind("run_id"), runs.c.hidden == _ZERO),
            "open_runs": _runs().where(tables.run_is_open).order_by(runs.c.seq_first),
            "users_with_open_runs": select(runs.c.user_id)
            .where(tables.run_is_open)
            .distinct()
            .order_by(runs.c.user_id),
            "file": select(files.c.name, files.c.body, files.c.created_at).where(
                files.c.user_id == user, files.c.file_id == bind("file_id")
            ),
            "meta": select(tables.meta.c.name, tables.meta.c.value),
            "check": select(_ONE),
        }
        return cls(**{name: compiled(query, dialect) for name, query in selects.items()})
