"""The vendor's calendar, kept: read as a whole, and changed by staff."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from portal.kit.clock import FIRST_DAY, LAST_DAY
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message
from portal.workdays.models import OwnDay, WorkWeek
from portal.workdays.rules import Calendar

LONGEST_CLOSURE = 62
FIRST, LAST = FIRST_DAY, LAST_DAY


def calendar_of(session: Session) -> Calendar:
    """When the vendor works, as it stands now."""
    own = session.execute(select(col(OwnDay.day), col(OwnDay.is_open))).all()
    closed = frozenset(day for day, is_open in own if not is_open)
    opened = frozenset(day for day, is_open in own if is_open)
    week = session.get(WorkWeek, 1)
    if week is None:
        return Calendar(closed=closed, opened=opened)
    return Calendar(
        weekdays=frozenset(int(digit) - 1 for digit in week.weekdays),
        holidays=week.holidays,
        new_year=week.new_year,
        obon=week.obon,
        closed=closed,
        opened=opened,
    )


def own_days(session: Session, *, first: date, last: date) -> Sequence[OwnDay]:
    """The days of the vendor's own from `first` to `last`, in order."""
    asked = select(OwnDay).where(col(OwnDay.day) >= first, col(OwnDay.day) <= last).order_by(col(OwnDay.day))
    return session.execute(asked).scalars().all()


def set_week(
    session: Session,
    *,
    weekdays: Collection[int],
    holidays: bool,
    new_year: bool,
    obon: bool,
    by: str,
    now: datetime,
) -> None:
    """Work on these weekdays (Monday is 0), and close on holidays and at the usual times. `Invalid` without any."""
    digits = "".join(str(day + 1) for day in sorted(set(weekdays) & set(range(7))))
    if not digits:
        said = Message("Choose at least one weekday on which you work.")
        raise Invalid(said, problems=[FieldProblem("weekdays", "missing", said)])
    week = session.get(WorkWeek, 1) or WorkWeek(
        weekdays=digits, holidays=holidays, new_year=new_year, obon=obon, changed_at=now, changed_by=by
    )
    week.weekdays, week.holidays, week.new_year, week.obon = digits, holidays, new_year, obon
    week.changed_at, week.changed_by = now, by
    session.add(week)
    session.flush()


def set_own_days(session: Session, *, first: date, last: date, name: str, is_open: bool, by: str, now: datetime) -> int:
    """Close the days from `first` to `last` (or, with `is_open`, work on them all the same); how many they are.

    What was said of one of these days before is said anew. `Invalid` for an odd stretch.
    """
    if last < first:
        raise wrong("last", Message("The last day lies before the first."))
    if not FIRST <= first <= last <= LAST:
        raise wrong("first", Message("Choose days between 2000 and 2099."))
    count = (last - first).days + 1
    if count > LONGEST_CLOSURE:
        raise wrong("last", Message("At most %(limit)s days at once.", limit=LONGEST_CLOSURE))
    for number in range(count):
        day = first + timedelta(days=number)
        row = session.get(OwnDay, day) or OwnDay(day=day, added_at=now, added_by=by)
        row.is_open, row.name, row.added_at, row.added_by = is_open, name.strip()[:100], now, by
        session.add(row)
    session.flush()
    return count


def forget_own_day(session: Session, *, day: date) -> bool:
    """Let the calendar decide about `day` again; false where nothing of its own was said of it."""
    row = session.get(OwnDay, day)
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def wrong(field: str, said: Message) -> Invalid:
    """That one field of a form cannot be taken."""
    return Invalid(said, problems=[FieldProblem(field, "invalid", said)])
