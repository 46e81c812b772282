"""Customers that are probably one: those whose names are the same but for how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.records import AccountApart
from portal.kit.db import chunks

AT_ONCE = 50


@dataclass(frozen=True)
class Alike:
    """Customers with one name, the best known first, and how many people each has."""

    accounts: Sequence[Account]
    people: Sequence[int]


def duplicates(session: Session, *, page: int = 1) -> tuple[list[Alike], int]:
    """A page of those alike whom nobody has told apart, and how many groups there may be in all."""
    names = (
        select(col(Account.name_key))
        .where(col(Account.name_key) != "")
        .group_by(col(Account.name_key))
        .having(func.count() > 1)
    )
    total = session.execute(select(func.count()).select_from(names.subquery())).scalar_one()
    some = session.execute(names.order_by(col(Account.name_key)).offset((page - 1) * AT_ONCE).limit(AT_ONCE)).scalars()
    asked = select(Account).where(col(Account.name_key).in_(some.all()))
    groups: dict[str, list[Account]] = {}
    for one in session.execute(asked.order_by(col(Account.is_stub), col(Account.id))).scalars():
        groups.setdefault(one.name_key, []).append(one)
    ids = [one.id for group in groups.values() for one in group if one.id is not None]
    apart = _apart(session, ids)
    counts = _people(session, ids)
    found = []
    for _, group in sorted(groups.items()):
        together = [one for one in group if any(other is not one and _pair(one, other) not in apart for other in group)]
        if len(together) > 1:
            found.append(Alike(together, [counts.get(one.id or 0, 0) for one in together]))
    return found, total


def like(session: Session, account: Account) -> list[Account]:
    """Other customers with the name of this one, whom nobody has told apart from it."""
    asked = select(Account).where(col(Account.name_key) == account.name_key, col(Account.id) != account.id)
    others = session.execute(asked.order_by(col(Account.id)).limit(AT_ONCE)).scalars().all() if account.name_key else []
    apart = _apart(session, [account.id or 0])
    return [one for one in others if _pair(account, one) not in apart]


def tell_apart(session: Session, accounts: Sequence[Account], *, by: str, now: datetime) -> None:
    """These are different customers, however alike their names."""
    ids = sorted(one.id or 0 for one in accounts)
    for place, low in enumerate(ids):
        for high in ids[place + 1 :]:
            session.merge(AccountApart(low_id=low, high_id=high, by=by[:200], at=now))
    session.flush()


def _pair(one: Account, other: Account) -> tuple[int, int]:
    low, high = sorted((one.id or 0, other.id or 0))
    return low, high


def _apart(session: Session, ids: Sequence[int]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for some in chunks(ids):
        for column in (AccountApart.low_id, AccountApart.high_id):
            asked = select(col(AccountApart.low_id), col(AccountApart.high_id)).where(col(column).in_(some))
            found |= {(row[0], row[1]) for row in session.execute(asked)}
    return found


def _people(session: Session, ids: Sequence[int]) -> dict[int, int]:
    asked = select(col(Member.account_id), func.count()).group_by(col(Member.account_id))
    found: dict[int, int] = {}
    for some in chunks(ids):
        found |= {row[0]: row[1] for row in session.execute(asked.where(col(Member.account_id).in_(some)))}
    return found
