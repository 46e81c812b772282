"""The vendor's own people: added by address, removed with their open visits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.accounts.models import Staff, Visit
from portal.accounts.rules import email_key, is_email
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message

Role = Literal["owner", "cs", "editor", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)


def add_staff(
    session: Session, *, email: str, name: str | None = None, role: str | None = None, now: datetime
) -> Staff:
    """The staff person with this address, made or brought back; name and role change only where given.

    Raises `Invalid` for what is no address and for an unknown role.
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
    staff.removed_at = None
    staff.name = name if name is not None else staff.name
    staff.role = role or staff.role
    session.add(staff)
    session.flush()
    return staff


def staff_by_email(session: Session, email: str) -> Staff | None:
    """The staff person with this address, removed or not."""
    return session.execute(select(Staff).where(col(Staff.email_key) == email_key(email))).scalar_one_or_none()


def list_staff(session: Session) -> Sequence[Staff]:
    """Everyone who was not removed, by name."""
    query = select(Staff).where(col(Staff.removed_at).is_(None)).order_by(col(Staff.name), col(Staff.email_key))
    return session.execute(query).scalars().all()


def remove_staff(session: Session, staff: Staff, *, now: datetime) -> None:
    """They cannot sign in any more, and every open visit of theirs ends at once."""
    staff.removed_at = staff.removed_at or now
    session.add(staff)
    session.flush()
    open_visits = update(Visit).where(col(Visit.staff_id) == staff.id, col(Visit.revoked_at).is_(None))
    session.execute(open_visits.values(revoked_at=now))
