"""What a database is asked, statement by statement, whichever way it is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlmodel import Session


@contextmanager
def statements_to(session: Session) -> Iterator[list[str]]:
    """The statements given to the database of `session` meanwhile."""
    said: list[str] = []
    connection = session.connection()
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        # Past SQLAlchemy, as `kit.prepared` does.
        driver.set_trace_callback(said.append)
        try:
            yield said
        finally:
            driver.set_trace_callback(None)
        return

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(connection, "before_cursor_execute", note)
