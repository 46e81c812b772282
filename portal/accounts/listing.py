"""The customers as staff look through them: found by part of a name, filtered, sorted, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.rules import email_key, folded
from portal.kit.paging import Paged, page_at
from portal.kit.sql import numbers

Status = Literal["active", "leaving", "left", "unknown"]
Sort = Literal["name", "external_id", "plan", "tier", "owner", "started_at", "renews_at", "seats", "mrr"]
STATUSES: tuple[Status, ...] = get_args(Status)
SORTS: tuple[Sort, ...] = get_args(Sort)
SORTED_BY: Mapping[Sort, Sequence[str]] = {"plan": ("plan_key",), "name": ("reading_key", "name_key")}
"""Customers as they are read, and without their legal form: 株式会社 and ㈱ are no place in an order."""
LARGEST_PAGE = 200
MOST_VALUES = 200
"""How many values of one column a filter offers."""
SEVERAL = 5_000
"""So many are sorted by themselves; of more the first are found sooner along the index of the column."""
NONE = "-"
"""As a filter of plan, tier or owner: those without one."""


@dataclass(frozen=True)
class Filters:
    """What staff look for. `q` is part of a name, its kana, the id, or a member's address; "" filters nothing.

    `status`: active (not left), leaving (has given notice or an end date, not gone yet), left, or unknown (named by
    an event only).
    """

    q: str = ""
    plan: str = ""
    tier: str = ""
    owner: str = ""
    status: Status | None = None
    among: Select[int] | None = None
    """The ids of the only customers looked for, by whatever room above knows them."""


@dataclass(frozen=True)
class AccountPage(Paged):
    """One page of the customers found, how many there are in all, and the active members of each on this page."""

    accounts: Sequence[Account]
    members: Mapping[int, int]


def list_accounts(
    session: Session,
    *,
    filters: Filters,
    now: datetime,
    sort: Sort = "name",
    descending: bool = False,
    page: int = 1,
    limit: int = 50,
) -> AccountPage:
    """The customers that fit `filters`; a page beyond the last gives the last. Empty values sort last either way."""
    asked = _asked(session, filters, now)
    total = asked.total if asked.total is not None else _count(session, asked.counted)
    place = page_at(page, total=total, limit=min(max(limit, 1), LARGEST_PAGE))
    where = asked.walked
    if total <= SEVERAL:
        ids = session.connection().scalars(select(col(Account.id)).where(*asked.counted))
        where = [numbers(col(Account.id), [one for one in ids if one is not None])]
    keys = [col(getattr(Account, name)) for name in SORTED_BY.get(sort, (sort,))]
    accounts = _sorted(session, where, keys, descending=descending, skip=place.skip, limit=place.limit)
    return AccountPage(place.total, place.page, place.limit, accounts, _members(session, accounts, now))


def ids_of(session: Session, *, filters: Filters, now: datetime) -> list[int]:
    """The ids of all that fit `filters`, by name: for what is done with all of them."""
    where = _asked(session, filters, now).counted
    order = (col(Account.reading_key), col(Account.name_key), col(Account.id))
    query = select(col(Account.id)).where(*where).order_by(*order)
    return [one for one in session.execute(query).scalars() if one is not None]


def facets(session: Session) -> dict[str, tuple[str, ...]]:
    """The plans, tiers and owners in use, for the filters to offer; the first of them, where there are very many."""
    columns = {"plan": col(Account.plan_key), "tier": col(Account.tier), "owner": col(Account.owner)}
    return {name: different(session, column) for name, column in columns.items()}


def different(session: Session, column: Any, *where: ColumnElement[bool]) -> tuple[str, ...]:
    """The different values of an indexed column in their order: from one to the next by the index, however many rows
    have each."""
    found: list[str] = []
    while len(found) < MOST_VALUES:
        beyond = [column > found[-1]] if found else []
        value = session.execute(select(func.min(column)).where(*where, *beyond)).scalar()
        if value is None:
            break
        found.append(value)
    return tuple(found)


def _sorted(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    keys: Sequence[Any],
    *,
    descending: bool,
    skip: int,
    limit: int,
) -> list[Account]:
    """One page: those that have a value by the index over it, and only then those that have none. Saying both in one
    order would sort all of them each time."""
    key, by = keys[0], (*keys, col(Account.id))
    order = [one.desc() if descending else one.asc() for one in by]
    valued = select(Account).where(*conditions, key.is_not(None)).order_by(*order).offset(skip).limit(limit)
    found = list(session.execute(valued).scalars())
    if len(found) < limit:
        before = _count(session, [*conditions, key.is_not(None)]) if not found else skip + len(found)
        rest = select(Account).where(*conditions, key.is_(None)).order_by(col(Account.id))
        found += session.execute(rest.offset(max(0, skip - before)).limit(limit - len(found))).scalars()
    return found


@dataclass(frozen=True)
class _Asked:
    """The conditions, once for counting who fulfils them, and once for walking along the index of a column and looking
    at each customer on the way; `total` where the count is known already."""

    counted: Sequence[ColumnElement[bool]]
    walked: Sequence[ColumnElement[bool]]
    total: int | None


def _asked(session: Session, filters: Filters, now: datetime) -> _Asked:
    plain = _plain(filters, now)
    counted, walked = list(plain), list(plain)
    total = None
    if filters.among is not None:
        (column,) = filters.among.selected_columns
        counted.append(col(Account.id).in_(filters.among))
        walked.append(filters.among.where(column == col(Account.id)).correlate(Account).exists())
        if not plain and not filters.q:
            total = session.execute(select(func.count()).select_from(filters.among.subquery())).scalar_one()
    if words := folded(filters.q):
        # Any part of a text may be meant, so all texts are gone through: once, in indexes that hold nothing else.
        searched = [col(Account.search_key).contains(word, autoescape=True) for word in words.split()]
        addressed = col(Member.email_key).contains(email_key(words), autoescape=True)
        theirs = select(col(Member.id)).where(col(Member.account_id) == col(Account.id), addressed)
        walked.append(and_(*searched) | theirs.correlate(Account).exists())
        named = select(col(Account.id)).where(*searched).limit(SEVERAL + 1)
        found = set(session.connection().scalars(named))
        if len(found) <= SEVERAL:
            people = select(col(Member.account_id)).where(addressed).limit(SEVERAL + 1)
            found |= set(session.connection().scalars(people))
        ids = [one for one in found if one is not None]
        counted.append(walked[-1] if len(ids) > SEVERAL else numbers(col(Account.id), ids))
    return _Asked(counted, walked, total)


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    found: int = session.execute(select(func.count()).select_from(Account).where(*conditions)).scalar_one()
    return found


def _plain(filters: Filters, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    exact = {col(Account.plan_key): filters.plan, col(Account.tier): filters.tier, col(Account.owner): filters.owner}
    conditions += [column.is_(None) if value == NONE else column == value for column, value in exact.items() if value]
    left_at = col(Account.left_at)
    still_here = left_at.is_(None) | (left_at > now)
    if filters.status == "active":
        conditions.append(still_here)
    elif filters.status == "leaving":
        # Each half by an index of its own.
        conditions.append((left_at > now) | (left_at.is_(None) & col(Account.notice_at).is_not(None)))
    elif filters.status == "left":
        conditions.append(left_at <= now)
    elif filters.status == "unknown":
        conditions.append(col(Account.is_stub).is_(True))
    return conditions


def _members(session: Session, accounts: Sequence[Account], now: datetime) -> dict[int, int]:
    ids = [account.id for account in accounts]
    counted = (
        select(col(Member.account_id), func.count())
        .where(col(Member.account_id).in_(ids), col(Member.left_at).is_(None) | (col(Member.left_at) > now))
        .group_by(col(Member.account_id))
    )
    found = {row[0]: row[1] for row in session.execute(counted)}
    return {account_id: found.get(account_id, 0) for account_id in ids if account_id is not None}
