"""Columns of many rows in one value: what a report over 100,000 rows is mostly made of is the making of those rows.

An aggregate puts the moments, or the texts, of all rows one behind the other, in the order in which the rows are gone
through; several of one statement have the same order. numpy then takes them apart all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import orjson
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NullType

from portal.kit.clock import NEVER

CHARS: Final = 19
"""Of a moment as SQLite keeps it, to the second: `2026-06-03 01:00:00`."""


class packed_moments(GenericFunction[Any]):  # noqa: N801 - it is written where SQL functions are
    """All values of some datetime columns; `moments_in` has them as whole seconds since 1970, cut off downwards."""

    type = NullType()
    inherit_cache = True
    name = "banso_packed_moments"

    def __init__(self, *columns: SQLCoreOperations[Any]) -> None:
        super().__init__(*columns)


class packed_texts(GenericFunction[Any]):  # noqa: N801 - it is written where SQL functions are
    """All values of a text column; `texts_in` has them."""

    type = NullType()
    inherit_cache = True
    name = "banso_packed_texts"

    def __init__(self, column: SQLCoreOperations[Any]) -> None:
        super().__init__(column)


def moments_in(packed: str | list[list[int]] | None, *, columns: int) -> Sequence[npt.NDArray[np.int64]]:
    """For each of the columns that were packed, seconds since 1970, `NEVER` for NULL."""
    if not isinstance(packed, str):
        return list(np.array(packed or [], np.int64).reshape(-1, columns).T)
    digits = np.frombuffer(packed.encode(), np.uint8)
    return [_seconds(column) for column in digits.reshape(-1, columns, CHARS).transpose(1, 0, 2)]


def texts_in(packed: str | list[str | None] | None) -> list[str | None]:
    """The texts, None for NULL."""
    return cast("list[str | None]", orjson.loads(packed)) if isinstance(packed, str) else packed or []


def _seconds(digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = np.full(len(digits), NEVER, np.int64)
    there = digits[:, 0] != ord(" ")
    digits = digits[there] - ord("0")

    def number(first: int, end: int) -> npt.NDArray[np.int64]:
        read = np.zeros(len(digits), np.int64)
        for place in range(first, end):
            read = read * 10 + digits[:, place]
        return read

    months = (number(0, 4) - 1970) * 12 + number(5, 7) - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + number(8, 10) - 1
    found[there] = ((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60 + number(17, 19)
    return found


@compiles(packed_moments, "sqlite")
def _sqlite_moments(element: packed_moments, compiler: SQLCompiler, **options: Any) -> str:
    columns = (compiler.process(column, **options) for column in element.clauses)
    texts = (f"coalesce(substr({column}, 1, {CHARS}), '{' ' * CHARS}')" for column in columns)
    return f"group_concat({' || '.join(texts)}, '')"


@compiles(packed_moments, "postgresql")
def _postgresql_moments(element: packed_moments, compiler: SQLCompiler, **options: Any) -> str:
    columns = (compiler.process(column, **options) for column in element.clauses)
    seconds = (f"coalesce(CAST(FLOOR(EXTRACT(EPOCH FROM {column})) AS BIGINT), {NEVER})" for column in columns)
    return f"array_agg(ARRAY[{', '.join(seconds)}])"


@compiles(packed_texts, "sqlite")
def _sqlite_texts(element: packed_texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **options)})"


@compiles(packed_texts, "postgresql")
def _postgresql_texts(element: packed_texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"array_agg({compiler.process(element.clauses, **options)})"
