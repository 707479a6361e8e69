"""Alembic's way in: always on a connection that the caller opened, never from an ini file."""

from alembic import context

from mailconsent.store.tables import UtcDateTime, metadata


def render_item(kind, item, _context):
    """A migration must not import today's tables, which move on: it says what the column was."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render_item,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
