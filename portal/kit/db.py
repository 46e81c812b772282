"""One way to the database, for SQLite and PostgreSQL: a unit of work is a sync function of a `Session`.

A route awaits `read(work)` or `write(work)`; the answer leaves only after the commit. Long reads go through
`report(work)`, which never holds up the event loop.

SQLite: reads run inline on a query-only connection (measured four times the throughput of a thread pool); writes go to
one writer thread that takes all that wait into one transaction, a savepoint each, and answers after one commit
(group commit: one fsync for many callers). PostgreSQL: one transaction a unit, through asyncpg.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import random
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlmodel import Session

from portal.kit import prepared
from portal.kit.engines import BUSY_SECONDS, sqlite_engine
from portal.kit.errors import Unavailable
from portal.kit.refusals import is_unavailable, lost_a_race, refused, unavailable
from portal.kit.secrets import Secrets

T = TypeVar("T")
Work = Callable[[Session], T]
Info = Mapping[str, Any]
TOKYO = ZoneInfo("Asia/Tokyo")

GROUP = 128
ATTEMPTS = 5
NO_CONNECTION = (ConnectionError, PoolTimeout, TimeoutError)


class Database(ABC):
    """An open database. Made once by the composition root, by `open_database`."""

    url: URL

    @abstractmethod
    async def read(self, work: Work[T]) -> T:
        """Run `work` and return what it returns; whatever it changes is refused or lost."""

    @abstractmethod
    async def report(self, work: Work[T]) -> T:
        """Like `read`, for work that may take over 10 ms: the event loop goes on meanwhile."""

    @abstractmethod
    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction, commit, and only then return what it returned.

        `work` may be run again from the start after a lost race, so it must not act on the outside world.
        Raises `Unavailable` where the database cannot take it now; nothing is half-written.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish what was begun and let go of every connection."""

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"


def open_database(
    url: str, *, zone: ZoneInfo = TOKYO, secrets: Secrets | None = None, busy_seconds: float = BUSY_SECONDS
) -> Database:
    """`sqlite:///file.db` or `postgresql://user@host/name`. `zone` and `secrets` are the vendor's: see `zone_of` and
    `secrets_of`.

    `busy_seconds` is how long SQLite waits for another process that is writing.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(parsed, zone, secrets, busy_seconds=busy_seconds)
    return PostgresDatabase(parsed, zone, secrets)


def zone_of(session: Session) -> ZoneInfo:
    """The zone in which this database counts its days.

    It goes with the session because roll-ups and deadlines are wrong the moment two units of work disagree about it.
    """
    zone: ZoneInfo = session.info["zone"]
    return zone


def secrets_of(session: Session) -> Secrets:
    """The installation's secrets: to recognise what only a keyed hash is kept of.

    They go with the session because whoever takes events in must not be able to forget them. `LookupError` where the
    database was opened without.
    """
    secrets: Secrets | None = session.info.get("secrets")
    if secrets is None:
        raise LookupError("this database was opened without the installation's secrets")
    return secrets


def run(url: str, work: Work[T], *, zone: ZoneInfo = TOKYO, secrets: Secrets | None = None, write: bool = True) -> T:
    """Open `url`, run one unit of work and close: for the command line."""

    async def once() -> T:
        database = open_database(url, zone=zone, secrets=secrets)
        try:
            return await (database.write(work) if write else database.report(work))
        finally:
            await database.close()

    return asyncio.run(once())


# --- SQLite -----------------------------------------------------------------------------------------------------------


class SqliteDatabase(Database):
    """SQLite in WAL mode with full sync: what was answered survives a power cut."""

    def __init__(self, url: URL, zone: ZoneInfo, secrets: Secrets | None, *, busy_seconds: float) -> None:
        self.url = url
        self._info = {"zone": zone, "secrets": secrets}
        self._closed = False
        self._inline = sqlite_engine(url, query_only=True, shared=True, busy_seconds=busy_seconds)
        self._kept: Connection | None = None
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
            self._kept.close()
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
        """By the one connection kept for it: taking one out and putting it back costs more than a short read."""
        kept = self._kept
        if kept is None or kept.closed:
            kept = self._kept = self._inline.connect()
        driver = cast("sqlite3.Connection", kept.connection.driver_connection)
        try:
            with Session(kept, autoflush=False, info={**self._info, prepared.AT_HAND: driver}) as session:
                return work(session)
        finally:
            if driver.in_transaction:
                driver.rollback()

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


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def postgres_url(url: URL) -> URL:
    """The same database, through asyncpg."""
    return url.set(drivername="postgresql+asyncpg")


def postgres_engine(url: URL, **options: Any) -> AsyncEngine:
    """An engine whose sessions speak UTC, so that no server setting changes what a date means."""
    return create_async_engine(
        postgres_url(url),
        json_serializer=prepared.json_text,
        json_deserializer=orjson.loads,
        connect_args={"server_settings": {"timezone": "UTC", "jit": "off"}, "timeout": 5},
        **options,
    )


class PostgresDatabase(Database):
    """PostgreSQL: one transaction a unit; a unit that lost a race is run again."""

    def __init__(self, url: URL, zone: ZoneInfo, secrets: Secrets | None) -> None:
        self.url = url
        self._info = {"zone": zone, "secrets": secrets}
        self._engine = postgres_engine(url, pool_size=10, max_overflow=10, pool_timeout=5, pool_pre_ping=False)
        self._readers = self._engine.execution_options(postgresql_readonly=True)

    async def read(self, work: Work[T]) -> T:
        return await self._reading(lambda: self._look(self._readers, work))

    async def report(self, work: Work[T]) -> T:
        snapshot = self._readers.execution_options(isolation_level="REPEATABLE READ")
        return await self._reading(lambda: self._look(snapshot, work))

    async def write(self, work: Work[T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._unit(work)
            except DBAPIError as error:
                lost_race = lost_a_race(error)
                if not lost_race or attempt == ATTEMPTS:
                    told = unavailable(error) if lost_race else refused(error, reading=False)
                    if told is not None:
                        raise told from error
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.02) * attempt)  # noqa: S311 - spreads retries, hides nothing
            except NO_CONNECTION as error:
                raise unavailable(error) from error
        raise AssertionError("unreachable")

    async def close(self) -> None:
        await self._engine.dispose()

    async def _unit(self, work: Work[T]) -> T:
        async with AsyncSession(
            self._engine, expire_on_commit=False, sync_session_class=Session, info=dict(self._info)
        ) as session:
            await _connect(session)
            result = await session.run_sync(lambda sync: work(cast("Session", sync)))
            await session.commit()
            return result

    async def _look(self, engine: AsyncEngine, work: Work[T]) -> T:
        async with AsyncSession(
            engine, autoflush=False, expire_on_commit=False, sync_session_class=Session, info=dict(self._info)
        ) as session:
            await _connect(session)
            return await session.run_sync(lambda sync: work(cast("Session", sync)))

    async def _reading(self, unit: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Once more on a fresh connection where the pool held a dead one: a read has no effects to repeat."""
        for last in (False, True):
            try:
                return await unit()
            except DBAPIError as error:
                told = refused(error, reading=True)
                if told is None:
                    raise
                if last or not isinstance(told, Unavailable):
                    raise told from error
            except NO_CONNECTION as error:
                raise unavailable(error) from error
        raise AssertionError("unreachable")


async def _connect(session: AsyncSession) -> None:
    """Apart from the work, so that an `OSError` of the work's own is not taken for one of the network."""
    try:
        await session.connection()
    except OSError as error:
        raise unavailable(error) from error


def chunks(values: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """`values` in parts small enough for one `IN (…)`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
