"""A product with the widget on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portal.kit.db import Database
from tests.widget_vendor import Product, product_on


@pytest.fixture
async def product(db: Database) -> AsyncIterator[Product]:
    async with product_on(db) as product:
        yield product
