"""PostgreSQL, through asyncpg: one transaction for each unit that writes, and again for one that lost a race."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, cast
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlmodel import Session

from portal.kit import prepared
from portal.kit.errors import Unavailable
from portal.kit.refusals import lost_a_race, refused, unavailable
from portal.kit.secrets import Secrets
from portal.kit.units import Database, T, Work

ATTEMPTS = 5
NO_CONNECTION = (ConnectionError, PoolTimeout, TimeoutError)


def postgres_url(url: URL) -> URL:
    """The same database, through asyncpg."""
    return url.set(drivername="postgresql+asyncpg")


def postgres_engine(url: URL, *, read_only: bool = False, **options: Any) -> AsyncEngine:
    """An engine whose sessions speak UTC, so that no server setting changes what a date means."""
    settings = {"timezone": "UTC", "jit": "off"} | ({"default_transaction_read_only": "on"} if read_only else {})
    return create_async_engine(
        postgres_url(url),
        json_serializer=prepared.json_text,
        json_deserializer=orjson.loads,
        connect_args={"server_settings": settings, "timeout": 5},
        **options,
    )


class PostgresDatabase(Database):
    """PostgreSQL: one transaction for each unit that writes, and again for one that lost a race. It takes twenty
    connections at most."""

    def __init__(self, url: URL, zone: ZoneInfo, secrets: Secrets | None) -> None:
        self.url = url
        self._info = {"zone": zone, "secrets": secrets}
        self._engine = postgres_engine(url, pool_size=5, max_overflow=7, pool_timeout=5)
        self._reports = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # A read asks for no transaction: it would see no more in one, since each statement sees what is committed when
        # it begins, and to begin and end one costs as much as two questions.
        self._readers = postgres_engine(
            url, read_only=True, isolation_level="AUTOCOMMIT", pool_size=5, max_overflow=3, pool_timeout=5
        )

    async def read(self, work: Work[T]) -> T:
        return await self._reading(lambda: self._look(self._readers, work))

    async def report(self, work: Work[T]) -> T:
        return await self._reading(lambda: self._look(self._reports, work))

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
        await self._readers.dispose()

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
