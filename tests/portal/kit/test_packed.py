"""Columns of many rows in one value: what goes in comes out, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.kit.clock import NEVER
from portal.kit.db import Database
from portal.kit.packed import moments_in, packed_moments, packed_texts, texts_in
from tests.factories import make_account

MOMENTS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2000, 2, 29, 12, 30, 5, 999_999, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2100, 3, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]
TIERS = ["high", None, '日本 "', "", "high", None]


async def test_moments_and_texts_come_out_as_they_went_in(db: Database) -> None:
    def make(session: Session) -> None:
        for number, (at, tier) in enumerate(zip(MOMENTS, TIERS, strict=True)):
            left_at = at if number % 2 else None
            make_account(session, external_id=f"a{number}", started_at=at, left_at=left_at, tier=tier)

    def read(session: Session) -> object:
        packed = select(packed_moments(col(Account.started_at), col(Account.left_at)), packed_texts(col(Account.tier)))
        moments, texts = session.connection().execute(packed).one()
        started, left = moments_in(moments, columns=2)
        return sorted(zip(started.tolist(), left.tolist(), map(repr, texts_in(texts)), strict=True))

    await db.write(make)
    seconds = [int(at.replace(microsecond=0).timestamp()) for at in MOMENTS]
    left = [second if number % 2 else NEVER for number, second in enumerate(seconds)]
    assert await db.report(read) == sorted(zip(seconds, left, map(repr, TIERS), strict=True))


async def test_of_no_rows_there_is_nothing(db: Database) -> None:
    def read(session: Session) -> object:
        packed = select(packed_moments(col(Account.started_at)), packed_texts(col(Account.tier)))
        moments, texts = session.connection().execute(packed).one()
        (started,) = moments_in(moments, columns=1)
        return started.tolist(), texts_in(texts)

    assert await db.report(read) == ([], [])
