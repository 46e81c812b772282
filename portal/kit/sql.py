"""The few expressions that SQLite and PostgreSQL write differently."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, ColumnElement, Integer, Text, bindparam, cast, or_
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, TypeEngine

HAS_UNIXEPOCH = sqlite3.sqlite_version_info >= (3, 38)
"""Counts seconds a third faster than by way of text."""


class epoch(GenericFunction[int]):  # noqa: N801 - it is written where SQL functions are
    """Whole seconds since 1970 of a datetime column, cut off downwards; NULL of NULL."""

    type = Integer()
    inherit_cache = True
    name = "banso_epoch"

    def __init__(self, column: SQLCoreOperations[Any]) -> None:
        super().__init__(column)


@compiles(epoch, "sqlite")
def _sqlite(element: epoch, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"unixepoch({column})" if HAS_UNIXEPOCH else f"CAST(strftime('%s', {column}) AS INTEGER)"


@compiles(epoch, "postgresql")
def _postgresql(element: epoch, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(FLOOR(EXTRACT(EPOCH FROM {compiler.process(element.clauses, **options)})) AS BIGINT)"


def mentions(column: SQLCoreOperations[Any], text: str) -> ColumnElement[bool]:
    """Whether a column of text or JSON contains `text`, whatever the case of its letters: to narrow down what is then
    looked at closely. JSON is searched as it is written."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    ways = dict.fromkeys((text, written))
    return or_(*(cast(column, Text).icontains(one, autoescape=True) for one in ways))


class among(GenericFunction[Any]):  # noqa: N801 - it is written where SQL functions are
    """`among(column, "names")`: whether the column is one of the texts, or whole numbers, given as `names`.

    Unlike `IN` it takes the list as one value: the statement is the same however long the list, and is planned once.
    """

    type = Integer()
    """Not a boolean: what SQLAlchemy makes of those on SQLite (`… = 1`) hides the column from its index."""
    inherit_cache = True
    name = "banso_among"

    def __init__(self, column: SQLCoreOperations[Any], name: str, values: Sequence[Any] | None = None) -> None:
        kind: TypeEngine[Any] = getattr(column, "type")  # noqa: B009
        kept = _Values(of=kind)
        # Given with the statement, each list is a value of its own, even where a statement has several.
        given = bindparam(name, type_=kept) if values is None else bindparam(name, values, type_=kept, unique=True)
        super().__init__(column, given)


def numbers(column: SQLCoreOperations[Any], values: Sequence[int]) -> ColumnElement[bool]:
    """Whether the column is one of these whole numbers, given with the statement as one value, however many."""
    return among(column, "numbers", values)


class _Values(TypeDecorator[Any]):
    impl = Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.of = Integer() if isinstance(of, Integer) else Text()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(self.of) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else orjson.dumps(list(value)).decode()


@compiles(among, "sqlite")
def _sqlite_among(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled parts, no values


@compiles(among, "postgresql")
def _postgresql_among(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY ({values})"
