"""A form that is sent twice is acted upon once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from portal.accounts.sent_forms import FIELD, KEPT, forget_sent, is_first, new_key
from portal.kit.db import Database
from portal.kit.errors import NotFound

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 3, 1, 0, tzinfo=UTC)


async def test_sent_twice_it_counts_once_and_filled_in_otherwise_it_is_another(db: Database) -> None:
    sent = {FIELD: new_key(), "text": "電話した", "csrf": "a"}

    async def first(staff_id: int = 1, **otherwise: str) -> bool:
        return await db.write(lambda session: is_first(session, {**sent, **otherwise}, staff_id=staff_id, now=NOW))

    assert sorted(await asyncio.gather(first(), first(), first(csrf="b"))) == [False, False, True]
    assert await first(text="電話した。折り返しあり") is True
    assert await first(2) is True
    assert [await first(once=""), await first(once="")] == [True, True]
    await db.write(lambda session: forget_sent(session, now=NOW + KEPT))
    assert await first() is True


async def test_what_failed_may_be_sent_again(db: Database) -> None:
    sent = {FIELD: new_key()}

    def failing(session: Session) -> None:
        assert is_first(session, sent, staff_id=1, now=NOW)
        raise NotFound

    with pytest.raises(NotFound):
        await db.write(failing)
    assert await db.write(lambda session: is_first(session, sent, staff_id=1, now=NOW))
