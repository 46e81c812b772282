"""Writing searches down, several at a time: a commit for each would cost as much as the search itself.

Nobody waits for it: the answer is on its way already. What a crash takes in the twentieth of a second is a few lines of
a log that counts hundreds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog

from portal.kit.db import Database
from portal.kit.errors import Unavailable
from portal.search.log import record_searches

WAIT_SECONDS: Final = 0.05
log = structlog.get_logger()


class Keeper:
    """What waits to be written to one database."""

    def __init__(self) -> None:
        self._waiting: list[Mapping[str, Any]] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, database: Database, searched: Mapping[str, Any]) -> None:
        """Have it written with the others of this moment; returns when it is, or when it could not be."""
        self._waiting.append(searched)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(database))
        await asyncio.shield(self._writing)

    async def _write(self, database: Database) -> None:
        await asyncio.sleep(WAIT_SECONDS)
        rows, self._waiting, self._writing = self._waiting, [], None
        try:
            await database.write(partial(record_searches, searched=rows))
        except Unavailable as error:
            log.warning("searches were not logged", count=len(rows), error=str(error))


_keepers: WeakKeyDictionary[Database, Keeper] = WeakKeyDictionary()


async def keep(database: Database, searched: Mapping[str, Any]) -> None:
    """Write a search down, see `search.log.searched`."""
    await _keepers.setdefault(database, Keeper()).keep(database, searched)
