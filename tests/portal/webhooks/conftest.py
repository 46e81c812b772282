"""A vendor whose happenings are told to receivers on loopback, by the worker of the installation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists import news
from portal.events import ingest
from portal.jobs import registry
from portal.kit.addresses import Policy
from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.outbound import Outbound
from portal.kit.web import Site
from portal.webhooks import announce, service
from portal.webhooks.announce import Happening
from portal.webhooks.models import Attempt, Endpoint
from portal.webhooks.service import Wanted
from tests.factories import NOW
from tests.library import Clock, portal_with

T = TypeVar("T")


@dataclass
class House:
    """One installation; `clock` is in the test's hand."""

    db: Database
    site: Site
    clock: Clock

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self.db.write(work)

    async def endpoint(self, url: str, *types: str, **more: Any) -> tuple[str, str]:
        """A new endpoint: its key and its secret."""
        wanted = Wanted(url, event_types=types, **more)
        add = partial(
            service.add_endpoint,
            wanted=wanted,
            secrets=self.site.secrets,
            policy=self.site.outbound.policy,
            by="test",
            now=self.clock.now,
        )
        added, secret = await self.write(add)
        return added.key, secret

    async def tell(self, *types: str, **data: object) -> None:
        """Something happens of each of these types."""
        happenings = [Happening(one, self.clock.now, {"account": "acme", **data}) for one in types]
        await self.write(lambda session: announce.announce(session, happenings, now=self.clock.now))

    async def work(self) -> int:
        """Everything that is due is done; how many attempts."""
        worker, done = registry.worker(self.site), 0
        while some := await worker.run_due():
            done += some
        return done

    async def jobs(self, state: str = "waiting") -> Sequence[Job]:
        asked = select(Job).where(col(Job.state) == state).order_by(col(Job.run_at), col(Job.id))
        return await self.db.read(lambda session: session.execute(asked).scalars().all())

    async def attempts(self) -> Sequence[Attempt]:
        asked = select(Attempt).order_by(col(Attempt.id))
        return await self.db.read(lambda session: session.execute(asked).scalars().all())

    async def stored(self, key: str) -> Endpoint:
        return await self.db.read(lambda session: service.endpoint_by_key(session, key))


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    clock = Clock(NOW)
    site = replace(portal_with(db, clock).state.site, outbound=Outbound(Policy.parse("127.0.0.1"), seconds=2))
    leave = [ingest.subscribe(announce.on_events), news.subscribe(announce.on_checklist_news)]
    try:
        yield House(db, site, clock)
    finally:
        for each in leave:
            each()
        await site.outbound.close()


def desk(house: House, *routers: APIRouter) -> FastAPI:
    """The portal of this house, with these pages."""
    app = portal_with(house.db, house.clock, *routers)
    app.state.site = house.site
    return app
