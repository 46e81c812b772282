"""Where a search is worked out: at once, or aside while the catalogue is not in memory and must be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request
from sqlmodel import Session

from portal.accounts.visits import AnyViewer, read_for_viewer
from portal.finding.sight import is_at_hand
from portal.kit.db import Database
from portal.kit.web import Site

T = TypeVar("T")


async def ask(database: Database, work: Callable[[Session], T]) -> T:
    """Run a search, which answers something. With the catalogue at hand it takes a few milliseconds; without, nobody
    else waits for it."""

    def at_once(session: Session) -> T | None:
        return work(session) if is_at_hand(session) else None

    found = await database.read(at_once)
    return await database.report(work) if found is None else found


async def ask_for_viewer(
    request: Request, site: Site, work: Callable[[Session, AnyViewer | None], T]
) -> tuple[AnyViewer | None, T]:
    """Run a search for whoever is signed in: they are found and answered in one unit of work."""

    def at_once(session: Session, viewer: AnyViewer | None) -> T | None:
        return work(session, viewer) if is_at_hand(session) else None

    viewer, found = await read_for_viewer(request, site, at_once)
    if found is None:
        found = await site.database.report(lambda session: work(session, viewer))
    return viewer, found
