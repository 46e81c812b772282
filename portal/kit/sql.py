"""The few expressions that SQLite and PostgreSQL write differently."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, cast, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlalchemy.sql.functions import GenericFunction

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
