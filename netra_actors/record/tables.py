"""The tables of the SQL record, the same for SQLite and PostgreSQL.

A test compares this metadata with what the migrations build. All times are Unix milliseconds.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
)

from netra_actors.record.rows import OPEN_STATUSES

metadata: Final = MetaData()

Name: Final = String().with_variant(String(collation="C"), "postgresql")
"""Identifiers and other words of ours: ordered by bytes in both databases."""

meta: Final = Table(
    "meta",
    metadata,
    Column("name", Name, primary_key=True),
    Column("value", Name, nullable=False),
)
"""Facts about the record as a whole: its generation, how it was closed, who may read it."""

sessions: Final = Table(
    "sessions",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("epoch", Name, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("tail", BigInteger, nullable=False),
    Column("term", BigInteger, nullable=False),
)
"""Where each log stands; `head` and `term` are what an append compares and sets."""

chunks: Final = Table(
    "chunks",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("seq_from", BigInteger, primary_key=True),
    Column("seq_to", BigInteger, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The logs: what one commit held for one session is one row of JSON lines."""

threads: Final = Table(
    "threads",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("thread_id", Name, primary_key=True),
    Column("title", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

messages: Final = Table(
    "messages",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("message_id", Name, primary_key=True),
    Column("thread_id", Name, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("role", Name, nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("run_id", Name),
    Column("status", Name),
    Index("messages_by_thread", "user_id", "thread_id", "seq"),
)

runs: Final = Table(
    "runs",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("run_id", Name, primary_key=True),
    Column("thread_id", Name, nullable=False),
    Column("parent_run_id", Name),
    Column("message_id", Name),
    Column("agent_name", Name),
    Column("status", Name, nullable=False),
    Column("hidden", Integer, nullable=False),
    Column("seq_first", BigInteger, nullable=False),
    Column("seq_last", BigInteger, nullable=False),
)
"""`hidden` is 1 when the run's thread was deleted: it is no longer shown, only closed."""

run_is_open: Final = runs.c.status.in_([
    literal_column(f"'{status}'", String) for status in OPEN_STATUSES
])
"""Written out, not bound: a partial index serves only the very condition it was made with."""

Index("runs_open", runs.c.user_id, sqlite_where=run_is_open, postgresql_where=run_is_open)

commands: Final = Table(
    "commands",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("message_id", Name, primary_key=True),
    Column("digest", Name, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""The first answers to commands that carried a `message_id`."""

snapshots: Final = Table(
    "snapshots",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

files: Final = Table(
    "files",
    metadata,
    Column("user_id", Name, primary_key=True),
    Column("file_id", Name, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
