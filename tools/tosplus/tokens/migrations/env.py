"""Alembic's way in: migrates by the connection that database.py gives it."""

from alembic import context
from tosplus.tokens.tables import meta

context.configure(connection=context.config.attributes["connection"], target_metadata=meta, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
