"""Signed-in browsers: opened, listed to their owner, ended one by one or all at once, moved to another customer.

A browser holds a random token, the database its hash. Signing in always makes a new one and ends the old, so a token
planted before is worth nothing after.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlmodel import Session, col

from portal.accounts.changes import Subscribers
from portal.accounts.models import Account, Member, Staff, Visit
from portal.accounts.trail import Doer, record
from portal.accounts.viewers import AnyViewer, MemberViewer, memberships
from portal.kit.errors import NotFound
from portal.kit.secrets import hash_token, new_token

KEEP_ENDED = timedelta(days=90)


@dataclass(frozen=True)
class SignIn:
    """A member has just signed in."""

    account_id: int
    member_id: int


on_signed_in: Subscribers[SignIn] = Subscribers()
"""Hear of members who sign in, in the same transaction: `on_signed_in.subscribe(listener)`."""


@dataclass(frozen=True)
class OwnVisit:
    """One of one's own signed-in browsers."""

    id: int
    device: str
    created_at: datetime
    last_seen_at: datetime
    is_this: bool


def open_visit(
    session: Session,
    *,
    member_id: int | None = None,
    staff_id: int | None = None,
    now: datetime,
    days: int,
    device: str = "",
    replacing: str | None = None,
) -> str:
    """Sign someone in: the token for their browser. The session with the token `replacing` ends.

    For exactly one of a member and a staff person. Listeners of `on_signed_in` hear of a member.
    """
    if replacing:
        end_by_token(session, replacing, now=now)
    token = new_token()
    session.add(
        Visit(
            token_hash=hash_token(token),
            member_id=member_id,
            staff_id=staff_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(days=days),
            device=device[:80],
        )
    )
    session.flush()
    if staff_id is not None:
        staff = session.get_one(Staff, staff_id)
        by = Doer(staff_id, staff.email_key, staff.name or staff.email)
        record(session, by=by, act="staff.signed_in", kind="access", now=now, about=device[:80])
    if member_id is not None:
        account_id = session.execute(select(col(Member.account_id)).where(col(Member.id) == member_id)).scalar_one()
        on_signed_in.tell(session, SignIn(account_id=account_id, member_id=member_id), now=now)
    return token


def end_by_token(session: Session, token: str, *, now: datetime) -> None:
    """Sign this browser out."""
    _end(session, col(Visit.token_hash) == hash_token(token), now=now)


def own_visits(session: Session, viewer: AnyViewer, *, now: datetime) -> Sequence[OwnVisit]:
    """Every browser this person is signed in on, the one in use first."""
    query = select(Visit).where(_is_own(viewer), col(Visit.revoked_at).is_(None), col(Visit.expires_at) > now)
    found = session.execute(query.order_by(col(Visit.last_seen_at).desc(), col(Visit.id))).scalars().all()
    own = [
        OwnVisit(visit.id or 0, visit.device, visit.created_at, visit.last_seen_at, visit.id == viewer.visit_id)
        for visit in found
    ]
    return sorted(own, key=lambda visit: not visit.is_this)


def end_own_visit(session: Session, viewer: AnyViewer, visit_id: int, *, now: datetime) -> None:
    """Sign one of one's own browsers out; `NotFound` for anyone else's."""
    if not _end(session, (col(Visit.id) == visit_id) & _is_own(viewer), now=now):
        raise NotFound


def end_other_visits(session: Session, viewer: AnyViewer, *, now: datetime) -> int:
    """Sign out every browser of this person but the one in use; how many that were."""
    return _end(session, (col(Visit.id) != viewer.visit_id) & _is_own(viewer), now=now)


def switch_to(session: Session, viewer: MemberViewer, member_id: int, *, now: datetime) -> None:
    """Go on as another membership of the same person; `NotFound` for anyone else's."""
    own = {own_id for own_id, _ in memberships(session, viewer.email_key, now=now)} if viewer.email_key else set()
    if member_id not in own:
        raise NotFound
    session.execute(update(Visit).where(col(Visit.id) == viewer.visit_id).values(member_id=member_id, last_seen_at=now))


def end_visits_of_account(session: Session, account: Account, *, now: datetime) -> int:
    """Sign out everyone of a customer; how many browsers that were."""
    people = select(col(Member.id)).where(col(Member.account_id) == account.id)
    return _end(session, col(Visit.member_id).in_(people), now=now)


def forget_visits(session: Session, *, now: datetime) -> None:
    """Delete sessions that ended long ago."""
    before = now - KEEP_ENDED
    session.execute(delete(Visit).where((col(Visit.expires_at) < before) | (col(Visit.revoked_at) < before)))


def device_of(user_agent: str) -> str:
    """What someone knows their browser by: `Chrome · Windows`. A guess, good enough to tell two of them apart."""
    browser = next((name for name, sign in BROWSERS if re.search(sign, user_agent)), "")
    system = next((name for name, sign in SYSTEMS if re.search(sign, user_agent)), "")
    return " · ".join(part for part in (browser, system) if part)


BROWSERS = (
    ("Edge", r"\bEdg(e|A|iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Chrome|CriOS)/"),
    ("Safari", r"\bVersion/\S+ (Mobile/\S+ )?Safari/"),
)
SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows NT\b"),
    ("Mac", r"\bMacintosh\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b"),
)


def _is_own(viewer: AnyViewer) -> ColumnElement[bool]:
    if not isinstance(viewer, MemberViewer):
        return col(Visit.staff_id) == viewer.staff_id
    is_me = col(Visit.member_id) == viewer.member_id
    if viewer.email_key is None:
        return is_me
    same_person = select(col(Member.id)).where(col(Member.email_key) == viewer.email_key)
    return or_(is_me, col(Visit.member_id).in_(same_person))


def _end(session: Session, which: ColumnElement[bool], *, now: datetime) -> int:
    ending = update(Visit).where(which, col(Visit.revoked_at).is_(None)).values(revoked_at=now).returning(col(Visit.id))
    return len(session.execute(ending).all())
