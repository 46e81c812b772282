"""SQLite: one writing thread with group commit, readers that never wait for it.

Reads run inline on a query-only connection (measured four times the throughput of a thread pool); writes go to one
thread that takes all that wait into one transaction, a savepoint each, and answers after one commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool
from sqlmodel import Session

from portal.kit import prepared
from portal.kit.refusals import is_unavailable, refused, unavailable
from portal.kit.secrets import Secrets
from portal.kit.units import Database, Info, T, Work

BUSY_SECONDS = 5
GROUP = 128


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


@dataclass(frozen=True)
class _Kept:
    """What inline reads go by, one after another."""

    connection: Connection
    driver: sqlite3.Connection
    session: Session

    @classmethod
    def of(cls, engine: Engine, info: Info) -> _Kept:
        connection = engine.connect()
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        return cls(connection, driver, Session(connection, autoflush=False, info={**info, prepared.AT_HAND: driver}))


class SqliteDatabase(Database):
    """SQLite in WAL mode with full sync: what was answered survives a power cut."""

    def __init__(self, url: URL, zone: ZoneInfo, secrets: Secrets | None, *, busy_seconds: float) -> None:
        self.url = url
        self._info = {"zone": zone, "secrets": secrets}
        self._closed = False
        self._inline = sqlite_engine(url, query_only=True, shared=True, busy_seconds=busy_seconds)
        self._kept: _Kept | None = None
        self._pooled = sqlite_engine(url, query_only=True, busy_seconds=busy_seconds)
        self._writer = _Writer(url, self._info, busy_seconds=busy_seconds)

    async def read(self, work: Work[T]) -> T:
        return self._look(self._at_hand, work)

    async def report(self, work: Work[T]) -> T:
        return await asyncio.to_thread(self._look, self._apart, work)

    async def write(self, work: Work[T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._writer.stop)
        if self._kept is not None:
            self._kept.connection.close()
        self._inline.dispose()
        self._pooled.dispose()

    def _look(self, where: Callable[[Work[T]], T], work: Work[T]) -> T:
        if self._closed:
            raise unavailable(RuntimeError("the database is closed"))
        try:
            return where(work)
        except (OperationalError, PoolTimeout, OverflowError) as error:
            told = refused(error, reading=True)
            if told is not None:
                raise told from error
            raise

    def _at_hand(self, work: Work[T]) -> T:
        """By the connection and the session kept for it: to open and to close them costs more than a short read.

        Most reads are prepared ones, which leave nothing in the session that it would have to forget.
        """
        kept = self._kept
        if kept is None or kept.connection.closed:
            kept = self._kept = _Kept.of(self._inline, self._info)
        try:
            return work(kept.session)
        finally:
            if kept.session.in_transaction():
                kept.session.close()
            if kept.driver.in_transaction:
                kept.driver.rollback()

    def _apart(self, work: Work[T]) -> T:
        with Session(self._pooled, autoflush=False, info=dict(self._info)) as session:
            return work(session)


class _Writer:
    """The process's one writing thread; SQLite's own lock keeps other processes out, for `BUSY_SECONDS` at most."""

    def __init__(self, url: URL, info: Info, *, busy_seconds: float) -> None:
        self._info = info
        self._engine = sqlite_engine(url, query_only=False, shared=True, busy_seconds=busy_seconds)
        self._queue: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="banso-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        future: Future[T] = Future()
        with self._closing:  # nothing may be put behind the last word, where nobody would answer it
            if self._closed:
                raise unavailable(RuntimeError("the database is closed"))
            self._queue.put((work, future))
        return future

    def stop(self) -> None:
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            waiting = [self._queue.get()]
            while len(waiting) < GROUP:
                try:
                    waiting.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            stopping = None in waiting
            # From here on nobody can take a unit back: its future is ours alone to answer.
            group = [item for item in waiting if item is not None and item[1].set_running_or_notify_cancel()]
            if group:
                self._commit_together(group)

    def _commit_together(self, group: list[tuple[Work[Any], Future[Any]]]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._engine.connect() as connection, connection.begin():
                for work, future in group:
                    answers.append((future, *_in_savepoint(connection, work, self._info)))
        except BaseException as error:
            # Nothing of this group is in the database, whatever its units believe.
            failure = unavailable(error) if is_unavailable(error) else error
            for _, future in group:
                future.set_exception(failure)
            return
        for future, result, failed in answers:
            if failed is None:
                future.set_result(result)
            else:
                future.set_exception(failed)


def _in_savepoint(connection: Connection, work: Work[Any], info: Info) -> tuple[Any, BaseException | None]:
    """One unit inside the group: its failure undoes itself and nothing else.

    A failure of the database is raised: it costs the whole group, whose transaction SQLite may have ended already.
    """
    session = Session(
        bind=connection, join_transaction_mode="create_savepoint", expire_on_commit=False, info=dict(info)
    )
    try:
        result = work(session)
        session.commit()
    except BaseException as error:
        if is_unavailable(error):
            with contextlib.suppress(OperationalError):  # the savepoint is gone with its transaction
                session.close()
            raise
        session.close()
        return None, refused(error, reading=False) or error
    session.close()
    return result, None
