"""Alembic's entry: runs the steps on the connection that `netra_actors.record.schema` opened."""

from alembic import context

from netra_actors.record.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
