"""Looking at the portal as a member sees it: staff see what the member sees, do nothing, and it is on record.

It belongs to one browser of one staff person and ends by itself. While it lasts the browser is nobody's but the
looker's: no act goes through, nothing is written down as the member's, and the desk is closed until it has ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col

from portal.accounts.models import Account, Member, Visit
from portal.accounts.trail import doer, record
from portal.accounts.viewers import MemberViewer, StaffViewer
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import Message

LASTS = timedelta(minutes=30)
LARGEST = 2**31 - 1


def look_as(session: Session, viewer: StaffViewer, member_id: int, *, now: datetime) -> Member:
    """From the next click on, this browser sees what the member sees, for half an hour.

    `NotFound` for nobody, `Conflict` for somebody who has left, who sees nothing any more.
    """
    member = session.get(Member, member_id) if 0 < member_id <= LARGEST else None
    if member is None:
        raise NotFound
    account = session.get_one(Account, member.account_id)
    if any(left is not None and left <= now for left in (member.left_at, account.left_at)):
        raise Conflict(Message("Whoever has left sees nothing here any more, so there is nothing to look at."))
    until = now + LASTS
    session.execute(
        update(Visit).where(col(Visit.id) == viewer.visit_id).values(as_member_id=member.id, as_until=until)
    )
    record(
        session,
        by=doer(viewer),
        act="member.looked_as",
        kind="access",
        now=now,
        account=account,
        member=member,
        detail={"until": until.isoformat()},
    )
    return member


def stop_looking(session: Session, viewer: MemberViewer, *, now: datetime) -> None:
    """Back to the desk; when is on record too."""
    if viewer.looking is None:
        return
    session.execute(update(Visit).where(col(Visit.id) == viewer.visit_id).values(as_member_id=None, as_until=None))
    record(
        session,
        by=doer(viewer.looking),
        act="member.looking_ended",
        kind="access",
        now=now,
        account=session.get(Account, viewer.account_id),
        member=session.get(Member, viewer.member_id),
    )
