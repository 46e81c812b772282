"""Rows for tests, made by the services, the same on every run: the n-th customer is always the same customer."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlmodel import Session

from portal.accounts.models import Account, Member, Plan, Staff
from portal.accounts.people import upsert_member
from portal.accounts.plans import put_plan
from portal.accounts.service import upsert_account
from portal.accounts.sessions import open_visit
from portal.accounts.staff import add_staff

NOW = datetime(2026, 6, 3, 1, 0, tzinfo=UTC)
"""Wednesday 3 June 2026, 10:00 in Tokyo."""


def make_account(
    session: Session, *, external_id: str | None = None, now: datetime = NOW, **changes: object
) -> Account:
    """A customer; `changes` are fields of `upsert_account` (`plan`, `tier`, `started_at`, …)."""
    number = session.execute(select(func.count()).select_from(Account)).scalar_one() + 1
    told = {"name": f"株式会社サンプル{number}", **changes}
    return upsert_account(session, external_id=external_id or f"acct-{number}", changes=told, now=now)


def make_member(
    session: Session, account: Account, *, external_id: str | None = None, now: datetime = NOW, **changes: object
) -> Member:
    """A person of `account`; `changes` are fields of `upsert_member` (`email`, `role`, `joined_at`, …)."""
    number = session.execute(select(func.count()).select_from(Member)).scalar_one() + 1
    told = {"name": f"田中 {number}", "email": f"member{number}@example.com", **changes}
    return upsert_member(session, account, external_id=external_id or f"user-{number}", changes=told, now=now)


def make_admin(session: Session, account: Account, **changes: object) -> Member:
    """A person of `account` who sees the team."""
    return make_member(session, account, **{"role": "admin", **changes})  # type: ignore[arg-type]


def make_staff(session: Session, *, email: str | None = None, role: str = "cs", now: datetime = NOW) -> Staff:
    """A person of the vendor."""
    number = session.execute(select(func.count()).select_from(Staff)).scalar_one() + 1
    return add_staff(session, email=email or f"staff{number}@vendor.example", name=f"佐藤 {number}", role=role, now=now)


def make_plan(session: Session, key: str = "pro", *, seats: float = 10, rank: int = 1) -> Plan:
    """A plan with a limit of seats."""
    return put_plan(session, key, title=key.title(), limits={"seats": seats}, features=[], rank=rank)


def sign_in_as(session: Session, person: Member | Staff, *, now: datetime = NOW) -> str:
    """The token of a signed-in browser of `person`, for its `banso` cookie."""
    if isinstance(person, Member):
        return open_visit(session, member_id=person.id, now=now, days=30)
    return open_visit(session, staff_id=person.id, now=now, days=30)
