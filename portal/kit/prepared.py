"""Statements on the path of every request: written as any other, compiled once, and given to the driver itself.

SQLAlchemy's way from a statement to its rows costs five to ten times what SQLite needs to find them. Where something is
asked on every page, or a row written for every event, that way is most of the work. What is here is for those few
places and no others: it takes values of the types the columns have, and gives plain tuples.

On PostgreSQL, where the way to the server costs more than the way through SQLAlchemy, a `Prepared` question is asked
like any other, and an `Insertion` sends each column as one array: one statement, planned once, however many rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import JSON, Boolean, Connection, Date, Select, Table, TextClause, text
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine
from sqlmodel import Session
from sqlmodel.sql.sqltypes import UTCDateTime

Values = Mapping[str, Any]
Row = tuple[Any, ...]
Process = Callable[[Any], Any]
Ways = list[tuple[int, Process]]
"""What the values at some places go through."""

TOGETHER = 60
"""Rows in one statement on SQLite: of some fifteen columns these are as many values as any build of it takes."""

AT_HAND = "driver at hand"
"""Where a session says which connection of the driver it reads by, so that SQLAlchemy need not be asked for one."""


def json_text(value: Any) -> str:
    """`value` as databases keep it."""
    return orjson.dumps(value).decode()


_SQLITE = SQLiteDialect_pysqlite(paramstyle="qmark", json_serializer=json_text, json_deserializer=orjson.loads)
_POSTGRESQL = make_url("postgresql+asyncpg://").get_dialect()()


class Prepared:
    """One statement. Make it once, where the module is read."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement

    def first(self, session: Session, values: Values) -> Row | None:
        """The first row, if there is one."""
        driver = driver_of(session)
        if driver is None:
            found = session.connection().execute(self._statement, values).first()
            return None if found is None else tuple(found)
        return self._for_sqlite.first(driver, values)

    def all(self, session: Session, values: Values) -> list[Row]:
        """Every row."""
        driver = driver_of(session)
        if driver is None:
            return [tuple(row) for row in session.connection().execute(self._statement, values)]
        return self._for_sqlite.all(driver, values)

    @cached_property
    def _for_sqlite(self) -> _ForSqlite:
        return _ForSqlite(self._statement)


class Insertion:
    """Many rows into some columns of one table. Make it once, where the module is read.

    `conflict` is what follows the rows, in the words of both databases; the lesser and the greater of two values are
    `least(…)` and `greatest(…)`.
    """

    def __init__(self, table: Table, columns: Sequence[str], *, conflict: str, returning: Sequence[str] = ()) -> None:
        self._table = table
        self._columns = [table.c[name] for name in columns]
        self._conflict = conflict
        self._returning = returning

    def on_sqlite(self, driver: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Put `rows` in, at least one, each in the order of the columns; how many were written.

        Many in one statement cost no less than many statements, but the driver keeps other threads waiting only while
        it hands over the values, and not again for each row: the next requests are read meanwhile.
        """
        text, many, ways = self._for_sqlite
        given = list(zip(*_columns_gone_through(ways, rows), strict=True))
        whole = len(given) // TOGETHER * TOGETHER
        written = 0
        try:
            for start in range(0, whole, TOGETHER):
                values = [value for row in given[start : start + TOGETHER] for value in row]
                written += driver.execute(many, values).rowcount
            if whole < len(given):
                written += driver.executemany(text, given[whole:]).rowcount
        except sqlite3.Error as error:
            raise DBAPIError.instance(text, None, error, sqlite3.Error) from error
        return written

    def on_postgresql(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> Sequence[Row]:
        """The same in one statement; what it returns of the rows that were written."""
        statement, ways = self._for_postgresql
        columns = _columns_gone_through(ways, rows)
        found = connection.execute(statement, {f"c{place}": list(column) for place, column in enumerate(columns)})
        return [tuple(row) for row in found] if self._returning else ()

    @cached_property
    def _for_sqlite(self) -> tuple[str, str, Ways]:
        """The statement for one row, the one for `TOGETHER` rows, and the ways in."""
        places = f"({', '.join('?' for _ in self._columns)})"
        conflict = self._conflict.replace("greatest(", "max(").replace("least(", "min(")
        one, many = (f"{self._into} VALUES {', '.join([places] * rows)} {conflict}" for rows in (1, TOGETHER))
        return one, many, _needed(_way_in(column.type) for column in self._columns)

    @cached_property
    def _for_postgresql(self) -> tuple[TextClause, Ways]:
        kinds = [column.type.compile(dialect=_POSTGRESQL) for column in self._columns]
        # JSON goes as the text that the driver would have made of it.
        sent = ["TEXT" if kind == "JSONB" else kind for kind in kinds]
        arrays = ", ".join(f"CAST(:c{place} AS {kind}[])" for place, kind in enumerate(sent))
        names = [f"c{place}" for place in range(len(kinds))]
        picked = ", ".join(f"CAST({name} AS {kind})" for name, kind in zip(names, kinds, strict=True))
        returning = f" RETURNING {', '.join(self._returning)}" if self._returning else ""
        rows = f"SELECT {picked} FROM unnest({arrays}) AS given({', '.join(names)})"  # noqa: S608 - names of our columns
        ways = _needed(json_text if kind == "JSONB" else None for kind in kinds)
        return text(f"{self._into} {rows} {self._conflict}{returning}"), ways

    @property
    def _into(self) -> str:
        names = ", ".join(f'"{column.name}"' for column in self._columns)
        return f"INSERT INTO {self._table.name} ({names})"


def driver_of(session: Session) -> sqlite3.Connection | None:
    """SQLite's own connection under `session`, inside of its transaction; None where that is another database."""
    at_hand: sqlite3.Connection | None = session.info.get(AT_HAND)
    if at_hand is not None:
        if not at_hand.in_transaction:
            execute(at_hand, "BEGIN")
        return at_hand
    driver = session.connection().connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None


def execute(driver: sqlite3.Connection, text: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """Run `text`; what fails is raised as SQLAlchemy would raise it."""
    try:
        return driver.execute(text, values)
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error) from error


class _ForSqlite:
    """A statement as SQLite's driver takes it: its text, and what each value goes through on the way in and out."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=_SQLITE)
        self.text = str(compiled)
        names = compiled.positiontup or ()
        self._values = [(name, compiled.params[name]) for name in names]
        self._ways_in = _needed(_way_in(compiled.binds[name].type) for name in names)
        self._ways_out = _needed(_way_out(column.type) for column in statement.selected_columns)

    def first(self, driver: sqlite3.Connection, values: Values) -> Row | None:
        found = self._asked(driver, values).fetchone()
        return None if found is None else tuple(_gone_through(self._ways_out, found))

    def all(self, driver: sqlite3.Connection, values: Values) -> list[Row]:
        found = self._asked(driver, values).fetchall()
        return [tuple(_gone_through(self._ways_out, row)) for row in found] if self._ways_out else found

    def _asked(self, driver: sqlite3.Connection, values: Values) -> sqlite3.Cursor:
        given = [values.get(name, fixed) for name, fixed in self._values]
        return execute(driver, self.text, _gone_through(self._ways_in, given))


def _gone_through(ways: Ways, row: Sequence[Any]) -> list[Any]:
    done = list(row)
    for place, process in ways:
        done[place] = process(done[place])
    return done


def _columns_gone_through(ways: Ways, rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """All rows as columns. A moment or a day that stands in them many times, as in what came in together, is written
    once."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    written: dict[Any, Any] = {None: None}
    for place, process in ways:
        if process is _moment or process is _day:
            columns[place] = [written.get(value) or _kept(written, value, process) for value in columns[place]]
        else:
            columns[place] = list(map(process, columns[place]))
    return columns


def _kept(written: dict[Any, Any], value: Any, process: Process) -> Any:
    written[value] = process(value)
    return written[value]


def _needed(ways: Iterable[Process | None]) -> Ways:
    return [(place, process) for place, process in enumerate(ways) if process is not None]


def _way_in(kind: TypeEngine[Any]) -> Process | None:
    for known, process in ((UTCDateTime, _moment), (Date, _day), (JSON, json_text), (Boolean, None)):
        if isinstance(kind, known):
            return process
    return kind.dialect_impl(_SQLITE).bind_processor(_SQLITE)


def _way_out(kind: TypeEngine[Any]) -> Process | None:
    return kind.dialect_impl(_SQLITE).result_processor(_SQLITE, None)


def _moment(value: datetime | None) -> str | None:
    """As SQLAlchemy keeps it, in a tenth of its time: `2026-06-03 01:00:00.000000`, in UTC."""
    if value is None:
        return None
    written = orjson.dumps(value.astimezone(UTC)).decode()
    return f"{written[1:11]} {written[12:20]}.{value.microsecond:06}"


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
