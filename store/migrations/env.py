"""How Alembic runs here: always on the connection that `store.database.migrate` hands over."""

from alembic import context

from store.tables import metadata, speak

connection = context.config.attributes["connection"]
speak(connection.dialect.name)
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
