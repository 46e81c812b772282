"""Who is looking: a member or a staff person, found by the token of their browser with one query.

Nothing of it is kept in the cookie or in memory, so whoever left, was removed or signed out elsewhere is out with
their next click. What routes ask for is in `visits`; here is nothing of the web, so any service may speak of a viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from portal.accounts.inserts import table_of
from portal.accounts.models import Account, Member, Staff, Visit
from portal.accounts.roles import Right, rights_of
from portal.kit.i18n import Locale
from portal.kit.prepared import Prepared


@dataclass(frozen=True)
class Looking:
    """A staff person who looks at the portal as a member sees it: they see what the member sees, and do nothing."""

    staff_id: int
    name: str
    email_key: str
    until: datetime


@dataclass(frozen=True)
class MemberViewer:
    """A signed-in person of a customer. `memberships`: every customer they are a person of, with the member's id.

    With `looking` it is not the person, but staff who see what the person sees: nothing is to be recorded.
    """

    visit_id: int
    last_seen_at: datetime
    member_id: int
    account_id: int
    external_id: str | None
    account_external_id: str
    name: str
    email_key: str | None
    role: str
    account_name: str
    locale: str | None
    memberships: tuple[tuple[int, str], ...]
    kind: Literal["member"] = "member"
    looking: Looking | None = None

    @property
    def is_admin(self) -> bool:
        """Whether they may see how their colleagues are doing."""
        return self.role == "admin"

    @property
    def rights(self) -> frozenset[Right]:
        """None at the staff desk."""
        return frozenset()


@dataclass(frozen=True)
class StaffViewer:
    """A signed-in person of the vendor."""

    visit_id: int
    last_seen_at: datetime
    staff_id: int
    name: str
    email_key: str
    role: str
    locale: str | None
    account_name: str = ""
    memberships: tuple[tuple[int, str], ...] = ()
    kind: Literal["staff"] = "staff"

    @property
    def is_admin(self) -> bool:
        """Whether the installation is theirs to run."""
        return self.role == "owner"

    @property
    def rights(self) -> frozenset[Right]:
        """What their role lets them do."""
        return rights_of(self.role)

    def may(self, right: Right) -> bool:
        """Whether their role has `right`."""
        return right in self.rights


AnyViewer = MemberViewer | StaffViewer


def is_customer(viewer: AnyViewer | None) -> bool:
    """Whether what is done here is done by a customer, or by somebody nobody knows: who looks as one does nothing."""
    return viewer is None or (isinstance(viewer, MemberViewer) and viewer.looking is None)


class _Row(NamedTuple):
    """What `_VIEWER` answers with."""

    visit_id: int
    last_seen_at: datetime
    staff_id: int | None
    member_id: int | None
    account_id: int
    external_id: str | None
    name: str
    email_key: str | None
    role: str
    locale: str | None
    account_name: str
    account_external_id: str
    staff_name: str
    staff_email_key: str
    staff_role: str
    staff_locale: str | None
    same_person: int
    as_until: datetime | None


_other = aliased(Member)
_same_person = (
    select(func.count()).where(col(_other.email_key) == col(Member.email_key)).correlate(Member).scalar_subquery()
)
_now: Any = bindparam("now", type_=table_of(Visit).c.expires_at.type)
_seen_as = case((col(Visit.as_until) > _now, col(Visit.as_member_id)), else_=col(Visit.member_id))
_VIEWER = Prepared(
    select(
        col(Visit.id),
        col(Visit.last_seen_at),
        col(Visit.staff_id),
        case((col(Account.id).is_not(None), col(Member.id))),
        col(Member.account_id),
        col(Member.external_id),
        col(Member.name),
        col(Member.email_key),
        col(Member.role),
        col(Member.locale),
        col(Account.name),
        col(Account.external_id),
        col(Staff.name),
        col(Staff.email_key),
        col(Staff.role),
        col(Staff.locale),
        _same_person,
        col(Visit.as_until),
    )
    .select_from(Visit)
    .outerjoin(
        Member,
        and_(col(Member.id) == _seen_as, or_(col(Member.left_at).is_(None), col(Member.left_at) > _now)),
    )
    .outerjoin(
        Account,
        and_(
            col(Account.id) == col(Member.account_id),
            or_(col(Account.left_at).is_(None), col(Account.left_at) > _now),
        ),
    )
    .outerjoin(Staff, col(Staff.id) == col(Visit.staff_id))
    .where(
        col(Visit.token_hash) == bindparam("token_hash"),
        col(Visit.revoked_at).is_(None),
        col(Visit.expires_at) > _now,
        or_(
            and_(col(Visit.staff_id).is_not(None), col(Staff.removed_at).is_(None)),
            and_(col(Visit.member_id).is_not(None), col(Account.id).is_not(None)),
        ),
    )
)


def find_viewer(session: Session, token_hash: str, *, now: datetime) -> AnyViewer | None:
    """Who holds the session with this token, if it is open and they may still be here."""
    found = _VIEWER.first(session, {"token_hash": token_hash, "now": now})
    if found is None:
        return None
    row = _Row(*found)
    looking = None
    if row.staff_id is not None:
        staff = StaffViewer(
            visit_id=row.visit_id,
            last_seen_at=row.last_seen_at,
            staff_id=row.staff_id,
            name=row.staff_name or row.staff_email_key,
            email_key=row.staff_email_key,
            role=row.staff_role,
            locale=row.staff_locale,
        )
        # Whoever may see no customer any more, or whose member has left, is back at the desk with the next click.
        if row.member_id is None or row.as_until is None or not staff.may("see_customers"):
            return staff
        looking = Looking(staff.staff_id, staff.name, staff.email_key, row.as_until)
    assert row.member_id is not None
    own = ((row.member_id, row.account_name),)
    several = row.email_key is not None and row.same_person > 1 and looking is None
    return MemberViewer(
        visit_id=row.visit_id,
        last_seen_at=row.last_seen_at,
        member_id=row.member_id,
        account_id=row.account_id,
        external_id=row.external_id,
        account_external_id=row.account_external_id,
        name=row.name or row.email_key or row.external_id or str(row.member_id),
        email_key=row.email_key,
        role=row.role,
        account_name=row.account_name,
        locale=row.locale,
        memberships=memberships(session, row.email_key, now=now) if row.email_key and several else own,
        looking=looking,
    )


def memberships(session: Session, email_key: str, *, now: datetime) -> tuple[tuple[int, str], ...]:
    """The customers a person with this address is an active member of: (member id, customer's name)."""
    query = (
        select(col(Member.id), col(Account.name))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(
            col(Member.email_key) == email_key,
            or_(col(Member.left_at).is_(None), col(Member.left_at) > now),
            or_(col(Account.left_at).is_(None), col(Account.left_at) > now),
        )
        .order_by(col(Account.name), col(Member.id))
    )
    return tuple((row[0], row[1]) for row in session.execute(query))


def note_visit(session: Session, visit_id: int, *, now: datetime, days: int) -> None:
    """They are still about: the session lasts `days` from now."""
    session.execute(
        update(Visit).where(col(Visit.id) == visit_id).values(last_seen_at=now, expires_at=now + timedelta(days=days))
    )


def remember_locale(session: Session, viewer: AnyViewer, locale: Locale) -> None:
    """From now on they read in `locale`, on every device; a member's choice holds for all their memberships."""
    if isinstance(viewer, StaffViewer):
        session.execute(update(Staff).where(col(Staff.id) == viewer.staff_id).values(locale=locale))
        return
    is_me = col(Member.id) == viewer.member_id
    whose = is_me if viewer.email_key is None else or_(is_me, col(Member.email_key) == viewer.email_key)
    session.execute(update(Member).where(whose).values(locale=locale))
