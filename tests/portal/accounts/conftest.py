"""A portal with nothing but the pages of this room, its clock in the test's hand and its mails kept."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from portal.accounts import mails, pages
from portal.accounts.sign_in import MAIL_JOB
from portal.kit.db import Database
from portal.kit.jobs import Kind
from portal.kit.mail import Mail
from portal.kit.paths import bundled
from portal.kit.secrets import Secrets
from portal.kit.templating import Assets, Templates
from portal.kit.web import Site
from portal.kit.worker import Worker
from tests.applications import pages_of
from tests.factories import NOW

TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass
class Outbox:
    """A mailer that keeps what it was given."""

    mails: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail, *, now: datetime) -> None:
        self.mails.append(mail)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Portal:
    """The portal under test. `browser()` is a fresh one each time; `mail()` runs the worker and gives the last mail."""

    db: Database
    clock: Clock
    outbox: Outbox
    site: Site
    open_browsers: AsyncExitStack

    async def browser(self, *, https: bool = False, language: str = "ja", address: str = "203.0.113.7") -> Browser:
        base_url = "https://portal.example" if https else "http://portal.example"
        app = pages_of(replace(self.site, base_url=base_url), pages.router, https=https)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=(address, 50000)),
            base_url=base_url,
            headers={"accept-language": language, "user-agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/1"},
        )
        return Browser(await self.open_browsers.enter_async_context(client))

    async def sent(self) -> list[Mail]:
        """Every mail so far, once the worker has done what waits."""
        kinds = {MAIL_JOB: Kind(lambda job: mails.send_sign_in_mail(self.site, job))}
        await Worker(database=self.db, kinds=kinds, clock=self.clock).run_due()
        return self.outbox.mails

    async def mail(self) -> SentMail:
        return SentMail((await self.sent())[-1])


@dataclass
class SentMail:
    mail: Mail

    @property
    def code(self) -> str:
        return self.mail.text.split("\n", 1)[0]

    @property
    def path(self) -> str:
        found = re.search(r"http://portal\.example(/sign-in/link/\S+)", self.mail.text)
        assert found, self.mail.text
        return found[1]


@dataclass
class Browser:
    """A browser that fills in forms: the hidden fields of the page it is on come along."""

    client: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def submit(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Open `page` and send its form to `action`."""
        shown = await self.client.get(page)
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', shown.text)
        assert token, shown.text
        return await self.client.post(action, data={"csrf": token[1], **fields})

    async def ask(self, email: str, next_path: str = "/") -> httpx.Response:
        return await self.submit("/sign-in", "/sign-in", email=email, next=next_path)

    async def type_code(self, code: str, **fields: str) -> httpx.Response:
        return await self.submit("/sign-in/sent", "/sign-in/code", code=code, **fields)

    async def press(self, path: str) -> httpx.Response:
        """The button on the page of a mailed link."""
        return await self.submit(path, path)

    async def is_in(self) -> bool:
        return (await self.client.get("/me")).status_code == 200


async def _nothing() -> None:
    """This portal has nothing that runs by the clock."""


@pytest.fixture
async def portal(db: Database) -> AsyncIterator[Portal]:
    outbox, clock = Outbox(), Clock()
    site = Site(
        database=db,
        secrets=Secrets("a secret of more than thirty-two characters"),
        templates=Templates(assets=Assets(bundled("static", "dist")), zone=TOKYO),
        mailer=outbox,
        clock=clock,
        zone=TOKYO,
        locale="ja",
        base_url="http://portal.example",
        vendor_name="伴走クラウド",
        link_minutes=30,
        session_days=30,
        trusted_proxies="",
    )
    async with AsyncExitStack() as open_browsers:
        yield Portal(db, clock, outbox, site, open_browsers)
