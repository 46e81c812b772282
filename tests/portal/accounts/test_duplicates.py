"""Customers that are probably one are listed together, by name and by reading, until somebody tells them apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from portal.accounts.duplicates import duplicates, like, tell_apart
from portal.accounts.models import Account
from portal.accounts.service import account_by_external_id, upsert_account
from portal.kit.db import Database

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 3, 1, 0, tzinfo=UTC)
THERE = [
    ("a", "株式会社青葉商事", "アオバショウジ"),
    ("b", "青葉商事", None),
    ("c", "蒼葉商事", "あおばしょうじ カブシキガイシャ"),
    ("d", "アオバショウジ", None),
    ("e", "白雲", "シラクモ"),
    ("f", "㈱白雲", "シラクモ"),
    ("g", "黒雲", "クロクモ"),
]


async def test_by_name_then_by_reading(db: Database) -> None:
    def listed(session: Session) -> None:
        for ref, name, kana in THERE:
            upsert_account(session, external_id=ref, changes={"name": name, "name_kana": kana}, now=NOW)

    def refs(accounts: object) -> str:
        assert isinstance(accounts, list)
        return "".join(one.external_id for one in accounts)

    def found(session: Session) -> tuple[list[tuple[str, str]], int, str]:
        groups, total = duplicates(session)
        return [(refs(one.accounts), one.reading) for one in groups], total, refs(like(session, at(session, "a")))

    def at(session: Session, ref: str) -> Account:
        account = account_by_external_id(session, ref)
        assert account is not None
        return account

    await db.write(listed)
    assert await db.read(found) == ([("ef", ""), ("ab", ""), ("acd", "アオバショウジ")], 3, "bcd")

    await db.write(lambda session: tell_apart(session, [at(session, one) for one in "ac"], by="佐藤", now=NOW))
    assert (await db.read(found))[::2] == ([("ef", ""), ("ab", ""), ("acd", "アオバショウジ")], "bd")
    await db.write(lambda session: tell_apart(session, [at(session, one) for one in "acd"], by="佐藤", now=NOW))
    assert (await db.read(found))[::2] == ([("ef", ""), ("ab", "")], "b")
