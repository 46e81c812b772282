"""The customers as staff look through them: found by part of a name, filtered, sorted, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Select, func, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.rules import email_key, folded

Status = Literal["active", "leaving", "left", "unknown"]
Sort = Literal["name", "external_id", "plan", "tier", "owner", "started_at", "renews_at", "seats", "mrr"]
STATUSES: tuple[Status, ...] = get_args(Status)
SORTS: tuple[Sort, ...] = get_args(Sort)
LARGEST_PAGE = 200
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
class AccountPage:
    """One page of the customers found, how many there are in all, and the active members of each on this page."""

    accounts: Sequence[Account]
    members: Mapping[int, int]
    total: int
    page: int
    limit: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.limit))


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
    limit = min(max(limit, 1), LARGEST_PAGE)
    conditions = _conditions(filters, now)
    total = session.execute(select(func.count()).select_from(Account).where(*conditions)).scalar_one()
    page = min(max(page, 1), max(1, -(-total // limit)))
    key: Any = col(Account.plan_key) if sort == "plan" else col(getattr(Account, sort))
    order = (key.is_(None), key.desc() if descending else key.asc(), col(Account.id))
    query = select(Account).where(*conditions).order_by(*order).offset((page - 1) * limit).limit(limit)
    accounts = session.execute(query).scalars().all()
    return AccountPage(accounts, _members(session, accounts, now), total, page, limit)


def ids_of(session: Session, *, filters: Filters, now: datetime) -> list[int]:
    """The ids of all that fit `filters`, by name: for what is done with all of them."""
    query = select(col(Account.id)).where(*_conditions(filters, now)).order_by(col(Account.name), col(Account.id))
    return [one for one in session.execute(query).scalars() if one is not None]


def facets(session: Session) -> dict[str, tuple[str, ...]]:
    """The plans, tiers and owners in use, for the filters to offer."""
    columns = {"plan": col(Account.plan_key), "tier": col(Account.tier), "owner": col(Account.owner)}
    return {
        name: tuple(session.execute(select(column).where(column.is_not(None)).distinct().order_by(column)).scalars())
        for name, column in columns.items()
    }


def _conditions(filters: Filters, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if words := folded(filters.q):
        has_address = col(Member.email_key).contains(email_key(words), autoescape=True)
        found = [col(Account.search_key).contains(word, autoescape=True) for word in words.split()]
        conditions.append(_all(found) | col(Account.id).in_(select(col(Member.account_id)).where(has_address)))
    exact = {col(Account.plan_key): filters.plan, col(Account.tier): filters.tier, col(Account.owner): filters.owner}
    conditions += [column.is_(None) if value == NONE else column == value for column, value in exact.items() if value]
    if filters.among is not None:
        conditions.append(col(Account.id).in_(filters.among))
    left_at = col(Account.left_at)
    still_here = left_at.is_(None) | (left_at > now)
    if filters.status == "active":
        conditions.append(still_here)
    elif filters.status == "leaving":
        conditions += [still_here, left_at.is_not(None) | col(Account.notice_at).is_not(None)]
    elif filters.status == "left":
        conditions.append(left_at <= now)
    elif filters.status == "unknown":
        conditions.append(col(Account.is_stub).is_(True))
    return conditions


def _all(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = whole & condition
    return whole


def _members(session: Session, accounts: Sequence[Account], now: datetime) -> dict[int, int]:
    ids = [account.id for account in accounts]
    counted = (
        select(col(Member.account_id), func.count())
        .where(col(Member.account_id).in_(ids), col(Member.left_at).is_(None) | (col(Member.left_at) > now))
        .group_by(col(Member.account_id))
    )
    found = {row[0]: row[1] for row in session.execute(counted)}
    return {account_id: found.get(account_id, 0) for account_id in ids if account_id is not None}
