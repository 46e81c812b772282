"""The few words in which SQLite and PostgreSQL differ when many rows are written at once.

Statements on the path of every event are built once for each dialect and kept: building one costs more than running it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

Insert = postgresql.Insert | sqlite.Insert
LOCK_SPACE = 0x42616E73  # of PostgreSQL's advisory locks, so that ours meet nobody else's
BUCKETS = 64


def dialect_of(session: Session) -> str:
    """`sqlite` or `postgresql`."""
    return session.connection().dialect.name


def is_postgresql(session: Session) -> bool:
    """Whether several transactions can write at the same time here."""
    return dialect_of(session) == "postgresql"


def insert_into(dialect: str, table: Any) -> Insert:
    """An insert that can be told what to do about rows that are there already."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def insert_ignoring(dialect: str, table: Any, *returning: Any) -> Any:
    """An insert that passes over rows that are there already; what it returns tells which were new."""
    statement: Any = insert_into(dialect, table).on_conflict_do_nothing()
    return statement.returning(*returning) if returning else statement


def earlier(dialect: str, one: Any, other: Any) -> ColumnElement[Any]:
    """The lesser of two columns of one row."""
    return (func.least if dialect == "postgresql" else func.min)(one, other)


def later(dialect: str, one: Any, other: Any) -> ColumnElement[Any]:
    """The greater of two columns of one row."""
    return (func.greatest if dialect == "postgresql" else func.max)(one, other)


def lock_names(session: Session, names: Iterable[str]) -> None:
    """On PostgreSQL, keep every other transaction from deciding about these names until this one is over.

    Needed where the decision is about rows that are not there yet, which no row lock covers. Names share a few locks,
    taken in one order, so that a large batch neither exhausts PostgreSQL's lock table nor deadlocks with another.
    """
    buckets = sorted({_bucket(name) for name in names})
    if buckets:
        session.connection().execute(_LOCK, {"space": LOCK_SPACE, "buckets": buckets})


# The rows of an array come in its order, and each is locked before the next comes.
_LOCK = text("SELECT pg_advisory_xact_lock(:space, bucket) FROM unnest(CAST(:buckets AS integer[])) AS given(bucket)")


def _bucket(name: str) -> int:
    return sum(name.encode("utf-8", "replace")) % BUCKETS
