"""A vendor's installation with the staff desk, two customers under way, and a staff person signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portal.insights import pages
from portal.kit.db import Database
from tests.vendor import Vendor, vendor_on


@pytest.fixture
async def vendor(db: Database) -> AsyncIterator[Vendor]:
    async with vendor_on(db, pages.router) as vendor:
        yield vendor
