"""A vendor whose product shows the widget: a source with one origin, and tokens that its server signs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.routing import Mount

from portal.accounts import changes
from portal.checklists import touched
from portal.events.sources import NewSource, add_source
from portal.kit.db import Database
from portal.widget import pages, stamps
from tests.vendor import Vendor, vendor_on

PAGE = "https://app.example"


@dataclass
class Product:
    """The vendor's product: pages of `PAGE` that hold the public key, and a server with the signing secret."""

    vendor: Vendor
    source: NewSource

    def token(self, member: str = "u-tanaka", account: str = "aoba", *, secret: str = "", **claims: Any) -> str:
        """What the product's server signs for whoever sits there."""
        told = {"sub": member, "account": account, "exp": int(self.vendor.clock().timestamp()) + 3600, **claims}
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode({"alg": "HS256"}, told, OctKey.import_key((secret or self.source.signing_secret).encode()))

    def page(self, member: str = "u-tanaka", account: str = "aoba", *, token: str = "") -> httpx.AsyncClient:
        """A page with the widget on it, somebody sitting in front of it."""
        shown = token or self.token(member, account)
        headers = {"banso-key": self.source.public_key, "authorization": f"Bearer {shown}", "origin": PAGE}
        return self.caller(headers)

    def caller(self, headers: Mapping[str, str]) -> httpx.AsyncClient:
        """Whoever asks, with these headers."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.vendor.app, raise_app_exceptions=False),
            base_url="http://portal.example/api/v1/widget",
            headers=headers,
        )


def door_of(vendor: Vendor) -> FastAPI:
    """The machine door, an application of its own."""
    door = next(route for route in vendor.app.routes if isinstance(route, Mount) and route.path == "/api")
    assert isinstance(door.app, FastAPI)
    return door.app


@asynccontextmanager
async def product_on(db: Database) -> AsyncIterator[Product]:
    """A vendor with the widget, everything subscribed as the composition root does it."""
    async with vendor_on(db, pages.router) as vendor:
        leaving = [
            changes.subscribe(stamps.on_accounts_changed),
            touched.on_runs_changed.subscribe(stamps.on_runs_changed),
        ]
        secrets = vendor.app.state.site.secrets
        try:
            source = await db.write(
                lambda session: add_source(session, secrets, name="app", origins=[PAGE], now=vendor.clock())
            )
            yield Product(vendor, source)
        finally:
            await door_of(vendor).state.meter.flush()
            for leave in leaving:
                leave()
