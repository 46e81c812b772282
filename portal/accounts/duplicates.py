"""Customers that are probably one: those whose names are the same but for how they are written, or are read alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import distinct, func, literal, or_, select, union_all
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.records import AccountApart
from portal.kit.db import chunks

AT_ONCE = 50


@dataclass(frozen=True)
class Alike:
    """Customers with one name, the best known first, and how many people each has. `reading`: their names differ, and
    this is how all of them are read."""

    accounts: Sequence[Account]
    people: Sequence[int]
    reading: str = ""


def duplicates(session: Session, *, page: int = 1) -> tuple[list[Alike], int]:
    """A page of those alike whom nobody has told apart, and how many groups there may be in all."""
    named, read = col(Account.name_key), col(Account.reading_key)
    alike = union_all(
        select(literal(0).label("rank"), named.label("key"))
        .where(named != "")
        .group_by(named)
        .having(func.count() > 1),
        select(literal(1), read).where(read != "").group_by(read).having(func.count(distinct(named)) > 1),
    ).subquery()
    total = session.execute(select(func.count()).select_from(alike)).scalar_one()
    some = session.execute(
        select(alike.c.rank, alike.c.key)
        .order_by(alike.c.rank, alike.c.key)
        .offset((page - 1) * AT_ONCE)
        .limit(AT_ONCE)
    ).all()
    groups: dict[tuple[int, str], list[Account]] = {(rank, key): [] for rank, key in some}
    for rank, column in enumerate((named, read)):
        keys = [key for known, key in groups if known == rank]
        asked = select(Account).where(column.in_(keys)).order_by(col(Account.is_stub), col(Account.id))
        for one in session.execute(asked).scalars() if keys else ():
            groups[rank, one.reading_key if rank else one.name_key].append(one)
    ids = list({one.id for group in groups.values() for one in group if one.id is not None})
    apart = _apart(session, ids)
    counts = _people(session, ids)
    found = []
    for (rank, key), group in groups.items():
        together = [one for one in group if any(_may_be_one(one, other, rank, apart) for other in group)]
        if len(together) > 1:
            found.append(Alike(together, [counts.get(one.id or 0, 0) for one in together], key if rank else ""))
    return found, total


def like(session: Session, account: Account) -> list[Account]:
    """Other customers with the name of this one or read like it, whom nobody has told apart from it."""
    same = [
        column == key
        for column, key in (
            (col(Account.name_key), account.name_key),
            (col(Account.reading_key), account.reading_key),
        )
        if key
    ]
    asked = select(Account).where(or_(*same), col(Account.id) != account.id)
    by_name = (col(Account.name_key) != account.name_key, col(Account.id))
    others = session.execute(asked.order_by(*by_name).limit(AT_ONCE)).scalars().all() if same else []
    apart = _apart(session, [account.id or 0])
    return [one for one in others if _pair(account, one) not in apart]


def tell_apart(session: Session, accounts: Sequence[Account], *, by: str, now: datetime) -> None:
    """These are different customers, however alike their names."""
    ids = sorted(one.id or 0 for one in accounts)
    for place, low in enumerate(ids):
        for high in ids[place + 1 :]:
            session.merge(AccountApart(low_id=low, high_id=high, by=by[:200], at=now))
    session.flush()


def _may_be_one(one: Account, other: Account, rank: int, apart: set[tuple[int, int]]) -> bool:
    """Whether this group has a reason to hold the two together: those of one name are in a group of their own."""
    is_news = other is not one if rank == 0 else other.name_key != one.name_key
    return is_news and _pair(one, other) not in apart


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
