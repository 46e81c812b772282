"""Putting a checklist aside: for oneself, until a day, or by an admin for everyone of the account; and taking it back.

Kept on the server, so that it holds on every device; whoever comes back to it loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import bindparam, or_, select, update
from sqlmodel import Session, col

from portal.accounts.viewers import MemberViewer
from portal.checklists.models import Enrollment
from portal.kit.errors import FieldProblem, Forbidden, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.prepared import Prepared
from portal.widget.models import WidgetDismissal
from portal.widget.stamps import touch

For = Literal["me", "everyone"]
LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Aside:
    """A checklist that is put aside: for whom, until when (None is for good), by whom."""

    whom: For
    until: datetime | None
    by_name: str
    can_undo: bool


def asides(session: Session, viewer: MemberViewer, *, now: datetime) -> Mapping[str, Aside]:
    """What is put aside for this member, by checklist; what was put aside for everyone goes before their own."""
    asked = {"account": viewer.account_id, "member": viewer.member_id, "now": now}
    return {
        key: Aside(
            whom="everyone" if member_id is None else "me",
            until=until,
            by_name=by_name,
            can_undo=member_id is not None or viewer.is_admin,
        )
        for key, member_id, until, by_name in _ASIDE.all(session, asked)
    }


def put_aside(
    session: Session,
    viewer: MemberViewer,
    *,
    key: str,
    whom: For,
    until: datetime | None,
    now: datetime,
) -> None:
    """Put the checklist `key` aside; said again, the last word counts. `Forbidden` where it is not theirs to say."""
    if until is not None and not now < until <= now + LONGEST:
        said = Message("“until” must lie in the future, a year away at most.")
        raise Invalid(said, problems=[FieldProblem("until", "range", said)])
    enrolled = select(col(Enrollment.id)).where(
        col(Enrollment.account_id) == viewer.account_id,
        col(Enrollment.checklist_key) == key,
        col(Enrollment.withdrawn_at).is_(None),
    )
    if session.execute(enrolled).first() is None:
        raise NotFound
    _may(viewer, whom)
    _undo(session, viewer, key, whom, now=now)
    session.add(
        WidgetDismissal(
            account_id=viewer.account_id,
            member_id=viewer.member_id if whom == "me" else None,
            checklist_key=key,
            at=now,
            by=_called(viewer),
            by_name=viewer.name[:200],
            until=until,
        )
    )
    session.flush()
    touch(session, [viewer.account_id], live=True)


def take_back(session: Session, viewer: MemberViewer, *, key: str, whom: For, now: datetime) -> None:
    """Show the checklist again; nothing happens where it was not put aside."""
    _may(viewer, whom)
    if _undo(session, viewer, key, whom, now=now):
        touch(session, [viewer.account_id], live=True)


def _may(viewer: MemberViewer, whom: For) -> None:
    if whom == "everyone" and not viewer.is_admin:
        raise Forbidden(Message("Only an administrator of your company puts something aside for everyone."))


def _undo(session: Session, viewer: MemberViewer, key: str, whom: For, *, now: datetime) -> bool:
    whose = col(WidgetDismissal.member_id)
    undoing = (
        update(WidgetDismissal)
        .where(
            col(WidgetDismissal.account_id) == viewer.account_id,
            col(WidgetDismissal.checklist_key) == key,
            col(WidgetDismissal.undone_at).is_(None),
            whose == viewer.member_id if whom == "me" else whose.is_(None),
        )
        .values(undone_at=now, undone_by=_called(viewer))
        .returning(col(WidgetDismissal.id))
    )
    return bool(session.execute(undoing).all())


def _called(viewer: MemberViewer) -> str:
    return (viewer.external_id or viewer.email_key or str(viewer.member_id))[:200]


_ASIDE = Prepared(
    select(
        col(WidgetDismissal.checklist_key),
        col(WidgetDismissal.member_id),
        col(WidgetDismissal.until),
        col(WidgetDismissal.by_name),
    )
    .where(
        col(WidgetDismissal.account_id) == bindparam("account"),
        col(WidgetDismissal.undone_at).is_(None),
        or_(col(WidgetDismissal.member_id).is_(None), col(WidgetDismissal.member_id) == bindparam("member")),
        or_(col(WidgetDismissal.until).is_(None), col(WidgetDismissal.until) > bindparam("now")),
    )
    .order_by(col(WidgetDismissal.member_id).is_(None), col(WidgetDismissal.id))
)
