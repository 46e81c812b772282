"""What may be written down as a contact or a task, and when it is due and reminded of: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, get_args

from portal.kit.clock import FIRST_DAY, LAST_DAY
from portal.kit.errors import FieldProblem
from portal.kit.i18n import Message
from portal.workdays.rules import Calendar

Kind = Literal["mail", "phone", "meeting", "chat", "note"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KIND_WORDS = {
    "mail": Message("Mail"),
    "phone": Message("Phone"),
    "meeting": Message("Meeting"),
    "chat": Message("Chat"),
    "note": Message("Note"),
}
Due = Literal["overdue", "today", "later", "someday"]
LONGEST_TEXT, LONGEST_TITLE, LONGEST_WITH, LONGEST_OUTCOME = 4000, 200, 200, 2000
SLACK = timedelta(minutes=10)
"""By how much a clock of somebody's may be ahead of ours."""
FARTHEST = 250


@dataclass(frozen=True)
class Colleague:
    """One of the vendor's people who does something: `key` names them on record, `name` is shown."""

    id: int | None
    key: str
    name: str


@dataclass(frozen=True)
class Said:
    """A contact, or a note, as somebody writes it down. `sets_next`: it decides when to come back."""

    kind: Kind
    at: datetime
    text: str
    with_whom: str = ""
    next_on: date | None = None
    clears_next: bool = False

    @property
    def sets_next(self) -> bool:
        """A contact always says when to come back, or that nobody need; a note only where it says so."""
        return self.kind != "note" or self.next_on is not None or self.clears_next


@dataclass(frozen=True)
class Wanted:
    """A task as somebody wants it done."""

    title: str
    staff_id: int
    note: str = ""
    due_on: date | None = None
    remind_on: date | None = None


def wrong_with_contact(said: Said, *, now: datetime, today: date) -> list[FieldProblem]:
    """Everything that is wrong with it, by field."""
    problems = []
    if not said.text.strip():
        problems.append(FieldProblem("text", "missing", Message("Write in a few words what it was about.")))
    problems += _too_long("text", said.text, LONGEST_TEXT) + _too_long("with_whom", said.with_whom, LONGEST_WITH)
    if said.at > now + SLACK:
        problems.append(FieldProblem("at", "future", Message("That lies ahead. What is still to be done is a task.")))
    problems += wrong_with_next(said.next_on, today=today)
    return problems


def wrong_with_next(next_on: date | None, *, today: date) -> list[FieldProblem]:
    """What is wrong with a day to come back."""
    if next_on is not None and not today <= next_on <= LAST_DAY:
        return [FieldProblem("next_on", "past", Message("The next date lies in the past, or too far ahead."))]
    return []


def wrong_with_task(wanted: Wanted) -> list[FieldProblem]:
    """Everything that is wrong with it, by field."""
    problems = []
    if not wanted.title.strip():
        problems.append(FieldProblem("title", "missing", Message("Say what is to be done.")))
    problems += _too_long("title", wanted.title, LONGEST_TITLE) + _too_long("note", wanted.note, LONGEST_TEXT)
    if wanted.due_on is not None and not FIRST_DAY <= wanted.due_on <= LAST_DAY:
        problems.append(FieldProblem("due_on", "range", Message("Choose days between 2000 and 2099.")))
    return problems


def due_in(count: int, *, today: date, calendar: Calendar) -> date:
    """The day `count` business days from `today`; `ValueError` for fewer than none or more than a year of them."""
    if not 0 <= count <= FARTHEST:
        raise ValueError(count)
    return calendar.add_business_days(today, count)


def remind_day(due_on: date | None, before: int | None, *, calendar: Calendar) -> date | None:
    """The business day `before` business days ahead of the deadline (0: that day itself, or the last one worked before
    it); None where nobody wants to be reminded, or nothing is due."""
    if due_on is None or before is None:
        return None
    if before == 0 and calendar.is_business_day(due_on):
        return due_on
    return calendar.add_business_days(due_on, -max(before, 1))


def end_of_week(today: date) -> date:
    """The Sunday of the week of `today`."""
    return today + timedelta(days=6 - today.weekday())


def due_of(due_on: date | None, today: date) -> Due:
    """How urgent it is."""
    if due_on is None:
        return "someday"
    return "overdue" if due_on < today else "today" if due_on == today else "later"


def _too_long(field: str, text: str, limit: int) -> list[FieldProblem]:
    said = Message("At most %(limit)s characters.", limit=limit)
    return [FieldProblem(field, "length", said)] if len(text) > limit else []
