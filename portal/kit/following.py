"""Who follows what forms write: each unit of work of one request, within its own transaction.

Forms write by way of `Site.database`; so whoever follows hears of all of them, and no page has to think of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from fastapi import Request
from sqlmodel import Session

from portal.kit.db import Database, Work

T = TypeVar("T")
Follow = Callable[[Request, Session], AbstractContextManager[None]]
"""Stands around each unit of work in which a form writes, within its transaction."""


def nobody(_request: Request, _session: Session) -> AbstractContextManager[None]:
    """Where nobody follows."""
    return nullcontext()


class Followed(Database):
    """The database as a form of one request writes to it. `request.state.has_written` says that it has, once it has."""

    def __init__(self, inner: Database, request: Request, follow: Follow) -> None:
        self.url = inner.url
        self._inner, self._request, self._follow = inner, request, follow

    async def read(self, work: Work[T]) -> T:
        return await self._inner.read(work)

    async def report(self, work: Work[T]) -> T:
        return await self._inner.report(work)

    async def write(self, work: Work[T]) -> T:
        def followed(session: Session) -> T:
            with self._follow(self._request, session):
                return work(session)

        done = await self._inner.write(followed)
        self._request.state.has_written = True
        return done

    async def close(self) -> None:
        await self._inner.close()
