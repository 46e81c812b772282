"""Adding rows that someone else may be adding at the same moment: both databases say `ON CONFLICT DO NOTHING`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model, for statements over whole rows."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel sets it on classes with table=True
    return table


def insert_missing(
    session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, object]], *, returning: Sequence[str]
) -> list[Sequence[Any]]:
    """Insert those whole `rows` that break no unique constraint; the `returning` columns of those inserted."""
    if not rows:
        return []
    table = table_of(model)
    columns = [table.c[name] for name in returning]
    is_postgres = session.get_bind().dialect.name == "postgresql"
    if is_postgres:
        statement = postgresql.insert(table).on_conflict_do_nothing().returning(*columns)
    else:
        statement = sqlite.insert(table).on_conflict_do_nothing().returning(*columns)
    return [tuple(row) for row in session.execute(statement, [dict(row) for row in rows])]
