"""Waking open widgets: whoever waits for an account hears within a second that a step of it was completed anywhere.

One ear a process, however many panels are open: on PostgreSQL a connection that listens, on SQLite a look at one index
entry four times a second. It says only *that* something is new; the panel then asks for its state, as it does anyway
after every break. The ear is there only while somebody waits, and everybody is woken when it comes back after a loss.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import structlog

from portal.kit.db import Database
from portal.kit.errors import BansoError
from portal.widget.stamps import CHANNEL, last_news, news_after

LOOK_SECONDS = 0.25
PAUSE_SECONDS = 1.0
MOST = 5000
log = structlog.get_logger()


class Waiting:
    """One open panel. `news` is set when there is something new, or when the process stops (`is_over`)."""

    __slots__ = ("is_over", "news")

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.is_over = False


class Live:
    """Who waits in this process, and the ear they share."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: defaultdict[int, set[Waiting]] = defaultdict(set)
        self._count = 0
        self._ear: asyncio.Task[None] | None = None
        self._hears = asyncio.Event()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether no more panels should wait here: they ask now and then instead."""
        return self._closed or self._count >= MOST

    @asynccontextmanager
    async def wait_for(self, account_id: int) -> AsyncIterator[Waiting]:
        """Hear of `account_id` until the block is left. Inside it nothing is missed any more."""
        one = Waiting()
        self._waiting[account_id].add(one)
        self._count += 1
        try:
            if self._ear is None or self._ear.done():
                self._hears.clear()
                self._ear = asyncio.create_task(self._listen())
            with contextlib.suppress(TimeoutError):
                # An ear that cannot hear now wakes everybody when it can.
                await asyncio.wait_for(self._hears.wait(), PAUSE_SECONDS)
            yield one
        finally:
            self._count -= 1
            there = self._waiting[account_id]
            there.discard(one)
            if not there:
                del self._waiting[account_id]

    def send_home(self) -> None:
        """The process will stop: nobody waits here any more, and everybody goes elsewhere."""
        self._closed = True
        for there in self._waiting.values():
            for one in there:
                one.is_over = True
                one.news.set()

    async def close(self) -> None:
        """The process stops."""
        self.send_home()
        if self._ear is not None:
            self._ear.cancel()
            await asyncio.gather(self._ear, return_exceptions=True)

    def _wake(self, account_id: int) -> None:
        for one in self._waiting.get(account_id, ()):
            one.news.set()

    def _wake_all(self) -> None:
        for account_id in tuple(self._waiting):
            self._wake(account_id)

    async def _listen(self) -> None:
        is_first = True
        while self._count:
            try:
                await (self._look(is_first) if self._database.is_sqlite else self._hear(is_first))
                return
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, BansoError) as error:
                log.warning("open widgets are not woken for the moment", error=str(error))
                self._hears.clear()
                is_first = False
                await asyncio.sleep(PAUSE_SECONDS)

    def _begin(self, is_first: bool) -> None:
        self._hears.set()
        if not is_first:
            self._wake_all()

    async def _look(self, is_first: bool) -> None:
        place = await self._database.read(last_news)
        self._begin(is_first)
        while self._count:
            await asyncio.sleep(LOOK_SECONDS)
            place, accounts = await self._database.read(partial(news_after, place=place))
            for account_id in accounts:
                self._wake(account_id)

    async def _hear(self, is_first: bool) -> None:
        url = self._database.url.set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False), timeout=5)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda _, __, ___, said: self._wake(int(said)))
            self._begin(is_first)
            while self._count and not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), PAUSE_SECONDS * 10)
        finally:
            await connection.close(timeout=2)
        if lost.is_set():
            raise ConnectionError("the connection that listens was lost")
