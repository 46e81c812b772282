"""One way to the database, for SQLite and PostgreSQL: a unit of work is a sync function of a `Session`.

A route awaits `read(work)` or `write(work)`; the answer leaves only after the commit. Long reads go through
`report(work)`, which never holds up the event loop.

SQLite: reads run inline on a query-only connection (measured four times the throughput of a thread pool); writes go to
one writer thread that takes all that wait into one transaction, a savepoint each, and answers after one commit
(group commit: one fsync for many callers). PostgreSQL: one transaction a unit, through asyncpg.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy.engine import make_url

from portal.kit.later import later
from portal.kit.secrets import Secrets
from portal.kit.sqlite import BUSY_SECONDS, SqliteDatabase
from portal.kit.units import Database, T, Work, secrets_of, zone_of

if TYPE_CHECKING:
    from portal.kit import postgres
else:
    # Most installations have none, and its way of asking takes a command's start.
    postgres = later("portal.kit.postgres")

__all__ = ["TOKYO", "Database", "Work", "chunks", "open_database", "run", "secrets_of", "zone_of"]
TOKYO = ZoneInfo("Asia/Tokyo")


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
    return postgres.PostgresDatabase(parsed, zone, secrets)


def run(url: str, work: Work[T], *, zone: ZoneInfo = TOKYO, secrets: Secrets | None = None, write: bool = True) -> T:
    """Open `url`, run one unit of work and close: for the command line."""

    async def once() -> T:
        database = open_database(url, zone=zone, secrets=secrets)
        try:
            return await (database.write(work) if write else database.report(work))
        finally:
            await database.close()

    return asyncio.run(once())


def chunks(values: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """`values` in parts small enough for one `IN (…)`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
