"""A vendor with customers under way, on either database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portal.kit.db import Database
from tests.onboarding import World, listening, open_world


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    with listening():
        yield await open_world(db)
