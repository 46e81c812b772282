"""The vendor's own people: added by address, given a role, removed with their open visits.

The last owner can be neither removed nor given a lesser role, whoever asks: nobody could give rights any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from portal.accounts.errors import LastOwner
from portal.accounts.models import Staff, Visit
from portal.accounts.roles import ROLES
from portal.accounts.rules import email_key, is_email
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message


def add_staff(
    session: Session, *, email: str, name: str | None = None, role: str | None = None, now: datetime
) -> Staff:
    """The staff person with this address, made or brought back; name and role change only where given.

    Raises `Invalid` for what is no address and for an unknown role, `LastOwner` where nobody would be owner any more.
    """
    problems = []
    if not is_email(email):
        problems.append(
            FieldProblem("email", "not_an_address", Message("“%(value)s” is not a mail address", value=email))
        )
    if role is not None and role not in ROLES:
        known = ", ".join(ROLES)
        problems.append(FieldProblem("role", "unknown", Message("the role must be one of: %(roles)s", roles=known)))
    if problems:
        raise Invalid(problems[0].message, problems=problems)
    staff = staff_by_email(session, email)
    if staff is None:
        staff = Staff(email=email.strip(), email_key=email_key(email), role="cs", created_at=now)
    if role not in (None, "owner"):
        _keep_an_owner(session, staff)
    staff.removed_at = None
    staff.name = name if name is not None else staff.name
    staff.role = role or staff.role
    session.add(staff)
    session.flush()
    return staff


def staff_by_email(session: Session, email: str) -> Staff | None:
    """The staff person with this address, removed or not."""
    return session.execute(select(Staff).where(col(Staff.email_key) == email_key(email))).scalar_one_or_none()


def staff_by_id(session: Session, staff_id: int) -> Staff | None:
    """One of the vendor's people, removed or not."""
    return session.get(Staff, staff_id)


def list_staff(session: Session, *, removed: bool = False) -> Sequence[Staff]:
    """Everyone who was not removed, by name; with `removed` those who were."""
    gone = col(Staff.removed_at).is_not(None) if removed else col(Staff.removed_at).is_(None)
    query = select(Staff).where(gone).order_by(col(Staff.name), col(Staff.email_key))
    return session.execute(query).scalars().all()


def last_visits(session: Session) -> dict[int, datetime]:
    """When each staff person was last about, by id; whoever never signed in is missing."""
    seen = (
        select(col(Visit.staff_id), func.max(col(Visit.last_seen_at)))
        .where(col(Visit.staff_id).is_not(None))
        .group_by(col(Visit.staff_id))
    )
    return {row[0]: row[1] for row in session.execute(seen)}


def remove_staff(session: Session, staff: Staff, *, now: datetime) -> None:
    """They cannot sign in any more, and every open visit of theirs ends at once. `LastOwner` for the only owner."""
    _keep_an_owner(session, staff)
    staff.removed_at = staff.removed_at or now
    session.add(staff)
    session.flush()
    open_visits = update(Visit).where(col(Visit.staff_id) == staff.id, col(Visit.revoked_at).is_(None))
    session.execute(open_visits.values(revoked_at=now))


def _keep_an_owner(session: Session, staff: Staff) -> None:
    """Refuse to take the last owner away. The rows are locked: two owners may be taking each other out right now."""
    if staff.role != "owner" or staff.removed_at is not None:
        return
    owners = select(col(Staff.id)).where(col(Staff.role) == "owner", col(Staff.removed_at).is_(None))
    if session.execute(owners.with_for_update()).scalars().all() == [staff.id]:
        raise LastOwner
