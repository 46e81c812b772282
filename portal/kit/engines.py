"""How a connection to SQLite is opened, and where its transactions begin."""

from __future__ import annotations

import sqlite3
from typing import cast

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from portal.kit import prepared

BUSY_SECONDS = 5


def sqlite_engine(url: URL, *, query_only: bool, shared: bool = False, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """An engine whose transactions begin where we say: IMMEDIATE for writers, a snapshot for readers.

    `shared` keeps one connection for all callers (the inline reader and the writer each own one).
    """
    begin = "BEGIN" if query_only else "BEGIN IMMEDIATE"
    engine = create_engine(
        url,
        json_serializer=prepared.json_text,
        json_deserializer=orjson.loads,
        connect_args={"timeout": busy_seconds, "check_same_thread": False, "cached_statements": 512},
        **({"poolclass": StaticPool} if shared else {}),
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        # A batch of events dirties hundreds of pages: the default of 1,000 would move the log every few commits.
        connection.execute("PRAGMA wal_autocheckpoint=8000")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA mmap_size=268435456")
        if query_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin_there(connection: Connection) -> None:
        # On the driver's own connection: by way of SQLAlchemy this one word costs as much as a short read.
        driver: sqlite3.Connection = cast("sqlite3.Connection", connection.connection.driver_connection)
        if not driver.in_transaction:
            prepared.execute(driver, begin)

    return engine
