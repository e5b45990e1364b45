"""How Alembic runs here: always on the connection that `store.database.migrate` hands over."""

from alembic import context

from store.tables import metadata, set_dialect_options

connection = context.config.attributes["connection"]
set_dialect_options(connection.dialect.name)
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
