"""People of the studio, and a form as they fill it in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from portal.kit.db import Database
from portal.studio.front import Form
from portal.studio.rules import Person
from tests.factories import make_staff


@dataclass(frozen=True)
class People:
    """One of each role; two who write."""

    owner: Person
    writer: Person
    other: Person
    viewer: Person


@pytest.fixture
async def people(db: Database) -> People:
    def make(session: object) -> People:
        found = [
            Person(one.id or 0, one.name or one.email, one.role)
            for one in (
                make_staff(session, email=f"{role}{number}@vendor.example", role=role)  # type: ignore[arg-type]
                for number, role in enumerate(("owner", "editor", "cs", "viewer"))
            )
        ]
        return People(*found)

    return await db.write(make)


FORM = Form(
    title="請求書を受け取る", slug="invoices", kind="manual", collection="billing", body="## 準備\n\n本文です。\n"
)
