from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.kit.db import Database, open_database
from portal.kit.prepared import AT_HAND, Prepared
from tests.factories import NOW, make_account

TRAITED = Prepared(
    select(col(Account.external_id), col(Account.started_at), col(Account.traits), col(Account.left_at))
    .where(col(Account.started_at) >= bindparam("since", type_=Account.__table__.c.started_at.type))  # type: ignore[attr-defined]
    .where(col(Account.external_id) != "hidden")
    .order_by(col(Account.started_at))
)
COUNT = Prepared(select(func.count()).select_from(Account))


async def test_values_go_in_and_come_out_as_their_columns_have_them(db: Database) -> None:
    def make(session: Session) -> None:
        make_account(session, external_id="hidden", started_at=NOW)
        make_account(session, external_id="early", started_at=NOW - timedelta(days=1))
        make_account(session, external_id="late", started_at=NOW + timedelta(days=1), traits={"size": [1, None]})

    await db.write(make)
    found = await db.read(lambda session: TRAITED.first(session, {"since": NOW}))
    assert found == ("late", NOW + timedelta(days=1), {"size": [1, None]}, None)
    assert await db.read(lambda session: TRAITED.first(session, {"since": NOW + timedelta(days=2)})) is None


async def test_it_sees_what_its_own_transaction_has_written(db: Database) -> None:
    def write(session: Session) -> object:
        make_account(session)
        return COUNT.first(session, {})

    assert await db.write(write) == (1,)


async def test_it_shares_the_snapshot_of_its_unit_and_leaves_none_behind(db: Database) -> None:
    seen = []

    def look(session: Session) -> None:
        seen.append(COUNT.first(session, {}))
        seen.append(tuple(session.execute(select(func.count()).select_from(Account)).one()))
        driver = session.info.get(AT_HAND)
        assert driver is None or driver.in_transaction

    await db.read(look)
    await db.write(lambda session: make_account(session) and None)
    await db.read(look)
    assert seen == [(0,), (0,), (1,), (1,)]


async def test_what_fails_is_told_as_sqlalchemy_tells_it() -> None:
    nowhere = open_database("sqlite://")
    with pytest.raises(OperationalError, match="no such table"):
        await nowhere.read(lambda session: COUNT.first(session, {}))
    assert await nowhere.read(lambda session: session.connection().scalar(select(1))) == 1
    await nowhere.close()
