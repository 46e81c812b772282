"""A vendor with a source that sends, an owner, and somebody who is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from portal.events.ingest import ingest
from portal.events.rules import Incoming
from portal.events.sources import NewSource, add_source
from portal.insights import pages as insights_pages
from portal.integrations import pages
from portal.kit.db import Database
from tests.factories import NOW, make_staff, sign_in_as
from tests.library import TOKYO
from tests.vendor import Vendor, vendor_on


@dataclass
class Connected:
    """The vendor, its source, and browsers of those who look after it."""

    vendor: Vendor
    source: NewSource

    @property
    def base(self) -> str:
        return f"/staff/sources/{self.source.id}"

    def owner(self, *, language: str = "en") -> httpx.AsyncClient:
        return self.vendor.browser("owner", language=language)

    def staff(self) -> httpx.AsyncClient:
        return self.vendor.browser("staff", language="en")


@pytest.fixture
async def connected(db: Database) -> AsyncIterator[Connected]:
    async with vendor_on(db, pages.router, insights_pages.router) as vendor:
        secrets = vendor.app.state.site.secrets

        def work(session: object) -> NewSource:
            owner = make_staff(session, role="owner")  # type: ignore[arg-type]
            vendor.tokens["owner"] = sign_in_as(session, owner)  # type: ignore[arg-type]
            source = add_source(session, secrets, name="product", origins=["https://app.example"], now=NOW)  # type: ignore[arg-type]
            sent = [
                Incoming("track", "m1", "invoice.sent", NOW, "u-tanaka", None, "aoba", {"total": 3, "<b>": "<i>"}),
                Incoming("track", "m2", "opened", NOW, "nobody-knows", None, None, {}),
                Incoming("track", "m1", "invoice.sent", NOW, "u-tanaka", None, "aoba", {}),
            ]
            ingest(session, sent, source_id=source.id, received_at=NOW, zone=TOKYO)  # type: ignore[arg-type]
            return source

        yield Connected(vendor, await db.write(work))
