"""How Alembic reaches the tables. The connection is made by `portal.kit.migrations`, the one caller."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from portal import tables
from portal.kit.rows import Json


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our JSON type as one would by hand: Alembic's own rendering forgets an import."""
    if kind == "type" and item is Json:
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
