"""The machine door alone, mounted at `/api` as the composition root does it, its clock in the test's hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import update

from portal.accounts import changes
from portal.accounts.keys import Scope, add_api_key
from portal.events import ingest
from portal.events.models import Source
from portal.events.sources import NewSource, add_source
from portal.kit.db import Database
from portal.kit.mail import ConsoleMailer
from portal.kit.paths import bundled
from portal.kit.secrets import Secrets
from portal.kit.templating import Assets, Templates
from portal.kit.web import Site
from tests.applications import api_of
from tests.factories import NOW

TOKYO = ZoneInfo("Asia/Tokyo")
SECRETS = Secrets("a secret key of thirty-two characters or more")
PAGE = "https://app.example"
"""The origin of the vendor's product, which the source allows."""


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Api:
    """A client of the machine door, and the keys of one source."""

    client: httpx.AsyncClient
    site: Site
    db: Database
    clock: Clock
    source: NewSource
    app: FastAPI

    async def key(self, scope: Scope = "read") -> dict[str, str]:
        """The header of a new API key."""
        _, secret = await self.db.write(lambda session: add_api_key(session, scope, scope, now=self.clock()))
        return {"authorization": f"Bearer {secret}"}

    async def send(self, call: str, body: Mapping[str, Any], **options: Any) -> httpx.Response:
        """A tracking call as a server makes it, by the write key, unless the options say otherwise."""
        options.setdefault("auth", (self.source.write_key, ""))
        return await self.client.post(f"/api/v1/{call}", json=body, **options)

    async def browse(self, call: str, body: Mapping[str, Any], token: str = "", **headers: str) -> httpx.Response:
        """A tracking call as a page of the product makes it, by the public key."""
        shown = {"banso-key": self.source.public_key, "origin": PAGE, **headers}
        if token:
            shown["authorization"] = f"Bearer {token}"
        return await self.client.post(f"/api/v1/{call}", json=body, headers=shown)

    def token(self, *, secret: str = "", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A widget token as the vendor's server makes it."""
        told = {"sub": "u1", "account": "acme", "exp": int(self.clock().timestamp()) + 600, **claims}
        told = {name: value for name, value in told.items() if value is not None}
        key = OctKey.import_key((secret or self.source.signing_secret).encode())
        return jwt.encode({"alg": "HS256", **(header or {})}, told, key)

    async def set_source(self, **values: object) -> None:
        """Change columns of the source as they are in the database."""
        await self.db.write(lambda session: session.connection().execute(update(Source).values(values)).close())

    async def events(self, **filters: Any) -> list[dict[str, Any]]:
        """What is on record, newest first."""
        if not hasattr(self, "_reads"):
            self._reads = await self.key()
        answer = await self.client.get("/api/v1/events", params=filters, headers=self._reads)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["events"]
        return found


def site_on(db: Database, clock: Callable[[], datetime]) -> Site:
    """An installation on `db`."""
    return Site(
        database=db,
        secrets=SECRETS,
        templates=Templates(assets=Assets(bundled("static", "dist")), zone=TOKYO),
        mailer=ConsoleMailer(sender="no-reply@portal.example"),
        clock=clock,
        zone=TOKYO,
        locale="ja",
        base_url="http://portal.example",
        vendor_name="伴走クラウド",
        link_minutes=30,
        session_days=30,
        trusted_proxies="",
    )


def mounted(site: Site) -> FastAPI:
    """The machine door where the composition root puts it."""
    root = FastAPI(openapi_url=None)
    root.mount("/api", api_of(site))
    return root


def code_of(answer: httpx.Response, status: int) -> str:
    """The code of a problem document, which it must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    code: str = body["code"]
    return code


@pytest.fixture
async def api(db: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(changes, "_subscribers", changes.Subscribers())
    monkeypatch.setattr(ingest.subscribers, "_listeners", [])
    clock = Clock()
    site = site_on(db, clock)
    root = mounted(site)
    source = await db.write(lambda session: add_source(session, site.secrets, name="app", origins=[PAGE], now=NOW))
    transport = httpx.ASGITransport(root, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal.example") as client:
        yield Api(client, site, db, clock, source, root)
