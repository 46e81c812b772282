"""What a chosen member sees in the widget, and why: every published checklist, shown or not, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.accounts.models import Account
from portal.accounts.viewers import MemberViewer
from portal.checklists.catalog import Published, catalog
from portal.checklists.enrollment import in_audience
from portal.checklists.models import Enrollment
from portal.checklists.shown import next_for
from portal.checklists.state import RunState, states_of
from portal.checklists.wording import Days, why_next
from portal.events.rules import Person
from portal.kit import dates
from portal.kit.clock import local_day
from portal.kit.i18n import Locale, Message
from portal.kit.templating import in_locale
from portal.widget.dismissals import Aside, asides
from portal.widget.guests import find_guest


@dataclass(frozen=True)
class Line:
    """One checklist: whether it is shown, why (not), and which step it proposes and why that one."""

    title: str
    is_shown: bool
    why: Message
    step: str
    why_step: Message | None


@dataclass(frozen=True)
class SeenBy:
    """What one member sees."""

    name: str
    account_name: str
    has_left: bool
    lines: Sequence[Line]


def seen_by(
    session: Session, *, account: str, member: str, locale: Locale, now: datetime, zone: ZoneInfo
) -> SeenBy | None:
    """What this member sees at `now`; None where there is no such person."""
    guest = find_guest(session, Person(member=member, account=account), now=now)
    if guest is None:
        return None
    viewer = guest.viewer
    day: Days = partial(dates.day, locale=locale, zone=zone, today=local_day(now, zone))
    states = {
        state.key: state
        for state in states_of(session, account_id=viewer.account_id, now=now, zone=zone, member_id=viewer.member_id)
    }
    aside = asides(session, viewer, now=now)
    lines = [
        _line(session, one, viewer, states.get(one.key), aside.get(one.key), locale=locale, day=day, now=now, zone=zone)
        for one in catalog(session).live
    ]
    return SeenBy(viewer.name, viewer.account_name, guest.has_left, lines)


def _line(
    session: Session,
    published: Published,
    viewer: MemberViewer,
    state: RunState | None,
    aside: Aside | None,
    *,
    locale: Locale,
    day: Days,
    now: datetime,
    zone: ZoneInfo,
) -> Line:
    title = in_locale(published.definition.title, locale=locale)
    if state is None:
        return Line(title, False, _why_not(session, published, viewer, now=now, zone=zone), "", None)
    if state.status == "excluded":
        return Line(title, False, Message("This customer is excluded from it."), "", None)
    if aside is not None:
        return Line(title, False, _why_aside(aside, day), "", None)
    why = Message("In its audience; started on %(day)s.", day=day(state.started_at))
    if state.completed_at is not None:
        why = Message("Completed on %(day)s.", day=day(state.completed_at))
    key = next_for(state)
    following = next((one for one in state.steps if one.step.key == key), None)
    if following is None or state.completed_at is not None:
        return Line(title, True, why, "", None)
    return Line(title, True, why, in_locale(following.step.title, locale=locale), why_next(following))


def _why_aside(aside: Aside, day: Days) -> Message:
    whom = Message("for everyone") if aside.whom == "everyone" else Message("for themselves")
    if aside.until is None:
        return Message("Put aside %(whom)s by %(name)s.", whom=whom, name=aside.by_name)
    return Message("Put aside %(whom)s by %(name)s until %(day)s.", whom=whom, name=aside.by_name, day=day(aside.until))


def _why_not(session: Session, published: Published, viewer: MemberViewer, *, now: datetime, zone: ZoneInfo) -> Message:
    account = session.get_one(Account, viewer.account_id)
    withdrawn = select(col(Enrollment.id)).where(
        col(Enrollment.account_id) == viewer.account_id,
        col(Enrollment.checklist_key) == published.key,
        col(Enrollment.withdrawn_at).is_not(None),
    )
    if session.exec(withdrawn).first() is not None:
        return Message("The customer has left its audience.")
    if not in_audience(session, published.definition, account, now=now, zone=zone):
        return Message("The customer is not in its audience.")
    return Message("The customer started before it: only those who start later are enrolled.")
