"""The few words in which SQLite and PostgreSQL differ when many rows are written at once.

Statements on the path of every event are built once for each dialect and kept: building one costs more than running it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Integer, bindparam, func, select
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


def lock_names(session: Session, names: Iterable[str]) -> None:
    """On PostgreSQL, keep every other transaction from deciding about these names until this one is over.

    Needed where the decision is about rows that are not there yet, which no row lock covers. Names share a few locks,
    taken in one order, so that a large batch neither exhausts PostgreSQL's lock table nor deadlocks with another.
    """
    for bucket in sorted({_bucket(name) for name in names}):
        session.connection().execute(_LOCK, {"space": LOCK_SPACE, "bucket": bucket})


_LOCK = select(func.pg_advisory_xact_lock(bindparam("space", type_=Integer()), bindparam("bucket", type_=Integer())))


def _bucket(name: str) -> int:
    return sum(name.encode("utf-8", "replace")) % BUCKETS
