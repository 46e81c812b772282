"""A vendor whose mails go to a real mail server on loopback, sent by the worker of the installation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists import news
from portal.jobs import registry
from portal.kit.addresses import Policy
from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.mail import SmtpMailer
from portal.kit.outbound import Outbound
from portal.kit.web import Site
from portal.mailing import alerts, by_rule, configured
from portal.mailing.models import Letter, StoppedAddress
from tests.library import Clock, portal_with
from tests.onboarding import World, checklist, listening, open_world, step
from tests.postbox import Postbox, postbox

STEPS = step("invite") + step("login", scope="every_member")


@dataclass
class House:
    """One installation with its mail server; `clock` is in the test's hand."""

    world: World
    site: Site
    clock: Clock
    box: Postbox

    @property
    def db(self) -> Database:
        return self.world.db

    def at(self, moment: Any) -> None:
        """It is this moment now, for the vendor and for their portal."""
        self.clock.now = self.world.now = moment

    async def begin(self, *accounts: str, started: str = "6-01 15:00", **people: Any) -> None:
        """A checklist of two steps and 30 days, and customers in it with an admin and a member each."""
        await self.world.publish(checklist(STEPS))
        for one in accounts or ("acme",):
            await self.world.account(one, started=started)
            await self.world.member(f"{one}-admin", account=one, role="admin", email=f"admin@{one}.example", **people)
            await self.world.member(f"{one}-member", account=one, email=f"member@{one}.example", **people)

    async def switch_on(self, kind: str, **change: Any) -> None:
        """Have a rule on, changed as said."""

        def work(session: Session) -> None:
            before = configured.rule(session, kind)
            told = {"template": before.template, "whom": before.whom, "days": before.days, "checklist": None, **change}
            configured.set_rule(session, kind, **told)
            configured.switch(session, kind, on=True, by="test", now=self.clock.now)

        await self.db.write(work)

    async def look(self) -> None:
        """The rules are looked at, as they are by the hour."""
        await by_rule.look(self.site)

    async def work(self) -> int:
        """Everything that is due is done; how many jobs."""
        worker, done = registry.worker(self.site), 0
        while some := await worker.run_due():
            done += some
        return done

    async def look_and_work(self) -> None:
        await self.look()
        await self.work()

    async def letters(self) -> Sequence[Letter]:
        asked = select(Letter).order_by(col(Letter.id))
        return await self.db.read(lambda session: session.execute(asked).scalars().all())

    async def became(self) -> list[tuple[str, str, str | None]]:
        """What became of each letter: to whom, its state, why."""
        return [(one.to, one.state, one.reason) for one in await self.letters()]

    async def jobs(self) -> Sequence[Job]:
        asked = select(Job).where(col(Job.state) == "waiting").order_by(col(Job.run_at), col(Job.id))
        return await self.db.read(lambda session: session.execute(asked).scalars().all())

    async def stopped(self) -> list[tuple[str, str]]:
        asked = select(StoppedAddress).where(col(StoppedAddress.cleared_at).is_(None)).order_by(col(StoppedAddress.id))
        rows = await self.db.read(lambda session: session.execute(asked).scalars().all())
        return [(one.email_key, one.why) for one in rows]


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    with postbox() as box, listening():
        clock = Clock()
        world = await open_world(db)
        site = replace(
            portal_with(db, clock).state.site,
            mailer=SmtpMailer(box.url, "portal@vendor.example", "伴走クラウド", seconds=4),
            outbound=Outbound(Policy.parse("127.0.0.1"), seconds=2),
        )
        house = House(world, site, clock, box)
        house.at(world.now)
        leave = news.subscribe(alerts.on_checklist_news)
        try:
            yield house
        finally:
            leave()
            await site.outbound.close()


def desk(house: House, *routers: APIRouter) -> FastAPI:
    """The portal of this house, with these pages."""
    app = portal_with(house.db, house.clock, *routers)
    app.state.site = house.site
    return app


DAY = timedelta(days=1)
