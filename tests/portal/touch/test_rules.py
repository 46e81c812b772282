"""What may be written down, and when a task is due and reminded of."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from portal.kit.errors import Invalid
from portal.touch.forms import contact_in, next_in, task_in
from portal.touch.rules import Said, due_in, due_of, remind_day, wrong_with_contact
from portal.workdays.rules import Calendar
from tests.factories import NOW
from tests.library import TOKYO

CALENDAR = Calendar()
TODAY = date(2026, 6, 3)


def fields(wrong: Invalid) -> list[tuple[str, str]]:
    return [(one.field, one.code) for one in wrong.problems]


@pytest.mark.parametrize(
    ("due", "before", "day"),
    [
        ("2026-06-10", 0, "2026-06-10"),
        ("2026-06-10", 1, "2026-06-09"),
        ("2026-06-08", 1, "2026-06-05"),  # a Monday's eve is the Friday before
        ("2026-06-07", 0, "2026-06-05"),  # nobody reads mails on a Sunday
        ("2027-01-04", 3, "2026-12-24"),  # over the end of the year
        ("2026-06-10", None, None),
        (None, 1, None),
    ],
)
def test_the_day_of_the_reminder(due: str | None, before: int | None, day: str | None) -> None:
    found = remind_day(date.fromisoformat(due) if due else None, before, calendar=CALENDAR)
    assert found == (date.fromisoformat(day) if day else None)


def test_how_urgent() -> None:
    days = (TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1), None)
    assert [due_of(one, TODAY) for one in days] == ["overdue", "today", "later", "someday"]
    assert due_in(3, today=TODAY, calendar=CALENDAR) == date(2026, 6, 8)
    for count in (-1, 251):
        with pytest.raises(ValueError, match=str(count)):
            due_in(count, today=TODAY, calendar=CALENDAR)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (Said("phone", NOW, "x"), []),
        (Said("phone", NOW + timedelta(minutes=5), "x"), []),
        (Said("phone", NOW + timedelta(days=1), "x"), [("at", "future")]),
        (Said("note", NOW, "  "), [("text", "missing")]),
        (Said("mail", NOW, "x" * 4001, "y" * 201), [("text", "length"), ("with_whom", "length")]),
        (Said("chat", NOW, "x", next_on=TODAY), []),
        (Said("chat", NOW, "x", next_on=TODAY - timedelta(days=1)), [("next_on", "past")]),
        (Said("chat", NOW, "x", next_on=date(2100, 1, 1)), [("next_on", "past")]),
    ],
)
def test_what_is_no_contact(said: Said, wrong: list[tuple[str, str]]) -> None:
    assert [(one.field, one.code) for one in wrong_with_contact(said, now=NOW, today=TODAY)] == wrong


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({"kind": "phone"}, NOW),
        ({"kind": "phone", "day": "2026-06-03"}, NOW),
        ({"kind": "phone", "day": "2026-06-03", "clock": "09:30"}, datetime(2026, 6, 3, 9, 30, tzinfo=TOKYO)),
        ({"kind": "phone", "day": "2026-06-01"}, datetime(2026, 6, 1, 12, tzinfo=TOKYO)),
    ],
)
def test_when_it_was(given: dict[str, str], at: datetime) -> None:
    assert contact_in(given, now=NOW, zone=TOKYO, calendar=CALENDAR).at == at


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, [("kind", "unknown")]),
        (
            {"kind": "smoke", "day": "tomorrow", "clock": "25:00", "next_in": "-1"},
            [("day", "unreadable"), ("clock", "unreadable"), ("kind", "unknown"), ("next_in", "range")],
        ),
        ({"kind": "note", "next_on": "2026-06-05", "next_in": "1"}, [("next_in", "contradiction")]),
        ({"kind": "note", "day": "0001-01-01", "clock": "00:00"}, [("day", "range")]),
        ({"kind": "note", "next_in": "²"}, [("next_in", "range")]),
    ],
)
def test_a_form_of_a_contact_that_cannot_be_read(given: dict[str, str], wrong: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as error:
        contact_in(given, now=NOW, zone=TOKYO, calendar=CALENDAR)
    assert fields(error.value) == wrong


def test_a_day_is_given_by_date_or_counted() -> None:
    def day(**given: str) -> date | None:
        return next_in(given, now=NOW, zone=TOKYO, calendar=CALENDAR)

    assert day() is None
    assert day(next_on="2026-06-06") == date(2026, 6, 6)
    assert day(next_in="3") == day(next_in="3", next_on="2026-06-08") == date(2026, 6, 8)
    wanted = task_in(
        {"title": "x", "staff_id": "1", "due_in": "3", "remind": "1"}, now=NOW, zone=TOKYO, calendar=CALENDAR
    )
    assert (wanted.due_on, wanted.remind_on) == (date(2026, 6, 8), date(2026, 6, 5))
    with pytest.raises(Invalid) as error:
        task_in({"title": "x", "staff_id": "me", "due_on": "2026-02-30"}, now=NOW, zone=TOKYO, calendar=CALENDAR)
    assert fields(error.value) == [("due_on", "unreadable"), ("staff_id", "unknown")]
