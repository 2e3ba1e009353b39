"""What Alembic runs: the migrations on the connection (and in the transaction) that `upgrade` hands over."""

from alembic import context

from ampacity.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
