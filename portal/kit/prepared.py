"""Statements on the path of every request: written as any other, compiled once, and given to the driver itself.

SQLAlchemy's way from a statement to its rows costs five to ten times what SQLite needs to find them. Where something is
asked on every page that way is most of the work. A `Prepared` statement is for those few places and no others: it takes
its values by name, of the types its columns have, and gives plain tuples.

On PostgreSQL, where the way to the server costs more than the way through SQLAlchemy, it is run like any other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

Values = Mapping[str, Any]
Row = tuple[Any, ...]
Process = Callable[[Any], Any]

AT_HAND = "driver at hand"
"""Where a session says which connection of the driver it reads by, so that SQLAlchemy need not be asked for one."""

_SQLITE = SQLiteDialect_pysqlite(paramstyle="qmark")


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

    @cached_property
    def _for_sqlite(self) -> _ForSqlite:
        return _ForSqlite(self._statement)


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
        given = [values.get(name, fixed) for name, fixed in self._values]
        for place, process in self._ways_in:
            given[place] = process(given[place])
        found = execute(driver, self.text, given).fetchone()
        if found is None:
            return None
        row = list(found)
        for place, process in self._ways_out:
            row[place] = process(row[place])
        return tuple(row)


def _needed(ways: Iterable[Process | None]) -> list[tuple[int, Process]]:
    return [(place, process) for place, process in enumerate(ways) if process is not None]


def _way_in(kind: TypeEngine[Any]) -> Process | None:
    return kind.dialect_impl(_SQLITE).bind_processor(_SQLITE)


def _way_out(kind: TypeEngine[Any]) -> Process | None:
    return kind.dialect_impl(_SQLITE).result_processor(_SQLITE, None)
