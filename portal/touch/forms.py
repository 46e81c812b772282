"""Forms of contacts and tasks, read: days as people give them, by date or counted in business days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from portal.kit.clock import FIRST_DAY, LAST_DAY, local_day
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message
from portal.touch.models import Contact, Task
from portal.touch.rules import FARTHEST, KINDS, Said, Wanted, due_in, remind_day
from portal.workdays.rules import Calendar

Texts = Mapping[str, str]
REMIND = {"": None, "0": 0, "1": 1, "3": 3}


def contact_in(given: Texts, *, now: datetime, zone: ZoneInfo, calendar: Calendar) -> Said:
    """The contact that a form describes; `Invalid` naming every field that cannot be read.

    Without a time of day it was now, if it was today, else at noon.
    """
    problems: list[FieldProblem] = []
    today = local_day(now, zone)
    day = _day("day", given.get("day", ""), problems) or today
    if not FIRST_DAY <= day <= LAST_DAY:
        problems.append(FieldProblem("day", "range", Message("Choose days between 2000 and 2099.")))
        day = today
    at = now if day == today else datetime.combine(day, time(12), tzinfo=zone)
    if clock := given.get("clock", "").strip():
        try:
            at = datetime.combine(day, time.fromisoformat(clock).replace(tzinfo=None), tzinfo=zone)
        except ValueError:
            problems.append(FieldProblem("clock", "unreadable", Message("Write the time as 14:30.")))
    kind = next((one for one in KINDS if one == given.get("kind")), None)
    if kind is None:
        problems.append(FieldProblem("kind", "unknown", Message("Choose what kind of contact it was.")))
    next_on = _due("next", given, problems, today=today, calendar=calendar)
    if problems or kind is None:
        raise Invalid(Message("The contact was not saved."), problems=problems)
    return Said(kind, at, given.get("text", ""), given.get("with_whom", ""), next_on)


def contact_texts(contact: Contact, *, zone: ZoneInfo) -> dict[str, str]:
    """A contact as it stands in the form that describes it."""
    at = contact.at.astimezone(zone)
    return {
        "kind": contact.kind,
        "day": at.date().isoformat(),
        "clock": f"{at:%H:%M}",
        "with_whom": contact.with_whom,
        "text": contact.text,
        "next_on": contact.next_on.isoformat() if contact.next_on else "",
    }


def task_in(given: Texts, *, now: datetime, zone: ZoneInfo, calendar: Calendar) -> Wanted:
    """The task that a form describes; `Invalid` naming every field that cannot be read."""
    problems: list[FieldProblem] = []
    due_on = _due("due", given, problems, today=local_day(now, zone), calendar=calendar)
    staff_id = given.get("staff_id", "")
    if not staff_id.isdecimal() or len(staff_id) > 9:
        problems.append(FieldProblem("staff_id", "unknown", Message("Choose one of your colleagues.")))
    if problems:
        raise Invalid(Message("The task was not saved."), problems=problems)
    remind_on = remind_day(due_on, REMIND.get(given.get("remind", "")), calendar=calendar)
    return Wanted(given.get("title", ""), int(staff_id), given.get("note", ""), due_on, remind_on)


def task_texts(task: Task, *, calendar: Calendar) -> dict[str, str]:
    """A task as it stands in the form that describes it. A reminder that no way to count leads to is on its day."""
    remind = ""
    if task.remind_on and task.due_on:
        ways = {remind_day(task.due_on, count, calendar=calendar): key for key, count in REMIND.items()}
        remind = ways.get(task.remind_on, "0")
    return {
        "title": task.title,
        "note": task.note,
        "staff_id": str(task.staff_id),
        "due_on": task.due_on.isoformat() if task.due_on else "",
        "remind": remind,
    }


def next_in(given: Texts, *, now: datetime, zone: ZoneInfo, calendar: Calendar) -> date | None:
    """The day to come back that a form names; None where it names none."""
    problems: list[FieldProblem] = []
    found = _due("next", given, problems, today=local_day(now, zone), calendar=calendar)
    if problems:
        raise Invalid(problems[0].message, problems=problems)
    return found


def _due(name: str, given: Texts, problems: list[FieldProblem], *, today: date, calendar: Calendar) -> date | None:
    by_date = _day(f"{name}_on", given.get(f"{name}_on", ""), problems)
    counted = given.get(f"{name}_in", "").strip()
    if not counted:
        return by_date
    try:
        by_count = due_in(int(counted) if counted.isdecimal() else -1, today=today, calendar=calendar)
    except ValueError:
        said = Message("Give a number of business days from 0 to %(most)s.", most=FARTHEST)
        problems.append(FieldProblem(f"{name}_in", "range", said))
        return None
    if by_date is not None and by_date != by_count:
        said = Message("Give either a day or a number of business days.")
        problems.append(FieldProblem(f"{name}_in", "contradiction", said))
    return by_count


def _day(name: str, text: str, problems: list[FieldProblem]) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        problems.append(FieldProblem(name, "unreadable", Message("Choose a day that exists.")))
        return None
