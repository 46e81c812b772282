"""PostgreSQL: one transaction a unit, through asyncpg; a unit that lost a race is run again."""

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
