"""The statements that change the record: written in SQLAlchemy Core, compiled once.

On the hot path Core itself would cost a quarter of the throughput. So each statement is compiled
when the record is opened, and its SQL goes to the driver's `executemany` with plain tuples.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, final

import attrs
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ClauseElement,
    Dialect,
    Executable,
    LargeBinary,
    String,
    Table,
    bindparam,
    case,
    exists,
    literal_column,
    select,
)

from netra_actors.record import rows, tables

INTEGERS: Final = frozenset({
    "seq", "seq_from", "seq_to", "before", "term", "stored_term", "at", "after", "upto",
    "created_at", "row_limit", "max_bytes",
})  # fmt: skip
_ZERO: Final = literal_column("0", BigInteger)
_ONE: Final = literal_column("1", BigInteger)
BLOBS: Final = frozenset({"body", "answer"})


def bind(name: str) -> BindParameter[Any]:
    """Return a parameter; its name says its type."""
    if name in INTEGERS:
        return bindparam(name, type_=BigInteger)
    return bindparam(name, type_=LargeBinary if name in BLOBS else String)


@final
@attrs.frozen
class Statement:
    """SQL for one driver, and the names of its parameters in the order of their places."""

    sql: str
    names: tuple[str, ...]

    def values(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return *parameters* in the order of their places."""
        return tuple(parameters[name] for name in self.names)


def compiled(statement: Executable, dialect: Dialect) -> Statement:
    """Compile *statement* for positional values.

    Raises:
        TypeError: it has a parameter that did not come from `bind`.
    """
    assert isinstance(statement, ClauseElement)  # noqa: S101  for the type checker
    result = statement.compile(dialect=dialect)
    names = tuple(getattr(result, "positiontup", None) or ())
    if any(value is not None for value in result.params.values()):
        raise TypeError(f"a constant would have to be bound: {result}")
    return Statement(str(result), names)


class Insert(Protocol):
    """`insert` of either dialect: the one with `on_conflict_do_...`."""

    def __call__(self, table: Table) -> Any:
        """Begin an INSERT into *table*."""
        ...


def _fields(*names: str, **other: str) -> dict[str, Any]:
    return {name: bind(name) for name in names} | {key: bind(name) for key, name in other.items()}


def _threads() -> dict[type[rows.Write], Any]:
    threads = tables.threads
    this = (threads.c.user_id == bind("user_id"), threads.c.thread_id == bind("thread_id"))
    return {
        rows.AddThread: threads.insert().values(
            _fields("user_id", "thread_id", "title", created_at="at", updated_at="at")
        ),
        rows.RenameThread: threads.update().where(*this).values(_fields("title")),
        rows.TouchThread: threads
        .update()
        .where(*this, threads.c.updated_at < bind("at"))
        .values(_fields(updated_at="at")),
        rows.DropThread: threads.delete().where(*this),
    }


def _messages() -> dict[type[rows.Write], Any]:
    messages, runs = tables.messages, tables.runs
    fields = _fields(
        "user_id", "message_id", "thread_id", "seq", "role", "content", "run_id", "status",
        created_at="at",
    )  # fmt: skip
    is_hidden = exists().where(
        runs.c.user_id == bind("user_id"), runs.c.run_id == bind("run_id"), runs.c.hidden == _ONE
    )
    return {
        rows.AddMessage: messages.insert().from_select(
            list(fields), select(*fields.values()).where(~is_hidden)
        ),
        rows.DropMessages: messages.delete().where(
            messages.c.user_id == bind("user_id"), messages.c.thread_id == bind("thread_id")
        ),
    }


def _runs(insert: Insert) -> dict[type[rows.Write], Any]:
    runs = tables.runs
    new = _fields(
        "user_id", "run_id", "thread_id", "message_id", seq_first="seq", seq_last="seq"
    ) | {"hidden": _ZERO}
    start = insert(runs).values(
        **new, **_fields("parent_run_id", "agent_name"), status=_text("running")
    )
    began = case((runs.c.status == _text("queued"), _text("running")), else_=runs.c.status)
    return {
        rows.QueueRun: runs.insert().values(**new, status=_text("queued")),
        rows.StartRun: start.on_conflict_do_update(
            index_elements=["user_id", "run_id"],
            set_={
                "status": began,
                "agent_name": start.excluded.agent_name,
                "seq_last": start.excluded.seq_last,
            },
        ),
        rows.MarkRun: runs
        .update()
        .where(runs.c.user_id == bind("user_id"), runs.c.run_id == bind("run_id"))
        .values(_fields("status", seq_last="seq")),
        rows.HideRuns: runs
        .update()
        .where(runs.c.user_id == bind("user_id"), runs.c.thread_id == bind("thread_id"))
        .values(hidden=_ONE),
    }


def _text(value: str) -> Any:
    return literal_column(f"'{value}'", String)


def _appends(insert: Insert) -> dict[str, Any]:
    sessions = tables.sessions
    advance = sessions.update().where(
        sessions.c.user_id == bind("user_id"),
        sessions.c.head == bind("before"),
        sessions.c.term == bind("stored_term"),
    )
    found = insert(sessions).values(
        **_fields("user_id", "epoch", "term", head="seq_to"), tail=_ZERO
    )
    return {
        "advance": advance.values(_fields(head="seq_to", term="term")),
        "found": found.on_conflict_do_nothing(),
        "add_chunk": tables.chunks.insert().values(
            _fields("user_id", "seq_from", "seq_to", "term", "body")
        ),
        "add_answer": tables.commands.insert().values(
            _fields("user_id", "message_id", "digest", "answer", "created_at")
        ),
    }


def _puts(insert: Insert) -> dict[str, Any]:
    snapshot = insert(tables.snapshots).values(_fields("user_id", "at", "body"))
    file = insert(tables.files).values(_fields("user_id", "file_id", "name", "created_at", "body"))
    meta = insert(tables.meta).values(_fields("name", "value"))
    return {
        "put_snapshot": snapshot.on_conflict_do_update(
            index_elements=["user_id"],
            set_={name: snapshot.excluded[name] for name in ("at", "body")},
            where=tables.snapshots.c.at <= snapshot.excluded.at,
        ),
        "put_file": file.on_conflict_do_nothing(),
        "put_meta": meta.on_conflict_do_update(
            index_elements=["name"], set_={"value": meta.excluded.value}
        ),
    }


@final
@attrs.frozen
class Writes:
    """A kind of write: its statement, and how a (user_id, write) becomes its values."""

    statement: Statement
    places: tuple[int, ...]
    """For each parameter its index in ``(user_id, *write)``."""

    def values(self, writes: Sequence[tuple[str, rows.Write]]) -> list[tuple[Any, ...]]:
        """Return the parameters of `executemany`."""
        places = self.places
        found = []
        for user_id, write in writes:
            row = (user_id, *write)
            found.append(tuple([row[place] for place in places]))
        return found


def _writes(kind: type[rows.Write], statement: Statement) -> Writes:
    fields = ("user_id", *kind._fields)
    return Writes(statement, tuple(fields.index(name) for name in statement.names))


@final
@attrs.frozen(kw_only=True)
class Statements:
    """Every statement that changes the record."""

    advance: Statement
    """Compare-and-set of a session's head and term."""
    found: Statement
    """The first append of a new session; changes no row if there is one already."""
    add_chunk: Statement
    add_answer: Statement
    put_snapshot: Statement
    put_file: Statement
    put_meta: Statement
    erase: tuple[Statement, ...]
    """Delete everything of one user, table by table."""
    writes: Mapping[type[rows.Write], Writes]

    @classmethod
    def compile(cls, dialect: Dialect, insert: Insert) -> "Statements":
        """Compile all of them for one dialect."""
        changes = _appends(insert) | _puts(insert)
        kinds = _threads() | _messages() | _runs(insert)
        return cls(
            **{name: compiled(change, dialect) for name, change in changes.items()},
            erase=tuple(
                compiled(table.delete().where(table.c.user_id == bind("user_id")), dialect)
                for table in tables.metadata.sorted_tables
                if "user_id" in table.c
            ),
            writes={kind: _writes(kind, compiled(kinds[kind], dialect)) for kind in rows.WRITES},
        )
