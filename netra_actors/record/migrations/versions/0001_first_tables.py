"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_OPEN = sa.text("status IN ('queued', 'running', 'cancelling')")


def _name(name: str, *, key: bool = False, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, _NAME, primary_key=key, nullable=nullable)


def _number(name: str, *, key: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=False)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _blob(name: str) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary, nullable=False)


def upgrade() -> None:
    """Make all tables, and say who may read them."""
    meta = op.create_table("meta", _name("name", key=True), _name("value"))
    op.bulk_insert(
        meta,
        [{"name": "generation", "value": "1"}, {"name": "readable_from", "value": "0001"}],
    )
    _create_log()
    _create_read_models()
    op.create_table(
        "files",
        _name("user_id", key=True),
        _name("file_id", key=True),
        _text("name"),
        _number("created_at"),
        _blob("body"),
    )


def _create_log() -> None:
    op.create_table(
        "sessions",
        _name("user_id", key=True),
        _name("epoch"),
        _number("head"),
        _number("tail"),
        _number("term"),
    )
    op.create_table(
        "chunks",
        _name("user_id", key=True),
        _number("seq_from", key=True),
        _number("seq_to"),
        _number("term"),
        _blob("body"),
    )
    op.create_table(
        "commands",
        _name("user_id", key=True),
        _name("message_id", key=True),
        _name("digest"),
        _blob("answer"),
        _number("created_at"),
    )
    op.create_table("snapshots", _name("user_id", key=True), _number("at"), _blob("body"))


def _create_read_models() -> None:
    op.create_table(
        "threads",
        _name("user_id", key=True),
        _name("thread_id", key=True),
        _text("title"),
        _number("created_at"),
        _number("updated_at"),
    )
    op.create_table(
        "messages",
        _name("user_id", key=True),
        _name("message_id", key=True),
        _name("thread_id"),
        _number("seq"),
        _name("role"),
        _text("content"),
        _number("created_at"),
        _name("run_id", nullable=True),
        _name("status", nullable=True),
    )
    op.create_index("messages_by_thread", "messages", ["user_id", "thread_id", "seq"])
    op.create_table(
        "runs",
        _name("user_id", key=True),
        _name("run_id", key=True),
        _name("thread_id"),
        _name("parent_run_id", nullable=True),
        _name("message_id", nullable=True),
        _name("agent_name", nullable=True),
        _name("status"),
        sa.Column("hidden", sa.Integer, nullable=False),
        _number("seq_first"),
        _number("seq_last"),
    )
    op.create_index("runs_open", "runs", ["user_id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
