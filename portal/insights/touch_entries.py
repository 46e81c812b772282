"""Contacts and tasks as entries of a customer's timeline."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.insights.entries import Entry, Place, earlier
from portal.kit.dates import day
from portal.kit.i18n import Locale, Message
from portal.touch.models import Contact, Task, TaskAct
from portal.touch.rules import KIND_WORDS, KINDS
from portal.touch.task_pages import act_words

CONTACTS, TASKS = 4, 5
"""Their ranks among what happened at the same moment."""


def contact_entries(
    session: Session, account_id: int, before: Place | None, limit: int, locale: Locale, zone: ZoneInfo
) -> list[Entry]:
    """The contacts that stand, before a place in the timeline, newest first."""
    at, number = col(Contact.at), col(Contact.id)
    rows = session.exec(
        select(Contact)
        .where(
            col(Contact.account_id) == account_id,
            col(Contact.removed_at).is_(None),
            *earlier(at, number, CONTACTS, before),
        )
        .order_by(at.desc(), number.desc())
        .limit(limit)
    )
    return [
        Entry(
            place=Place(row.at, CONTACTS, row.id or 0),
            kind="contact",
            text=_contact_words(row, locale, zone),
            who=row.by_name,
            note=row.text,
        )
        for row in rows
    ]


def task_entries(session: Session, account_id: int, before: Place | None, limit: int) -> list[Entry]:
    """What was done with tasks, before a place in the timeline, newest first."""
    at, number = col(TaskAct.at), col(TaskAct.id)
    rows = session.exec(
        select(TaskAct, Task)
        .join(Task, col(Task.id) == col(TaskAct.task_id))
        .where(col(TaskAct.account_id) == account_id, *earlier(at, number, TASKS, before))
        .order_by(at.desc(), number.desc())
        .limit(limit)
    )
    return [
        Entry(
            place=Place(act.at, TASKS, act.id or 0),
            kind="task",
            text=act_words(act, task.title),
            who=act.by_name,
            note=act.text if act.kind == "done" else "",
        )
        for act, task in rows
    ]


def _contact_words(row: Contact, locale: Locale, zone: ZoneInfo) -> Message:
    kind = KIND_WORDS[next(one for one in KINDS if one == row.kind)]
    if row.kind == "note" and not row.text:
        if row.next_on is None:
            return Message("No next date any more")
        return Message("Next date: %(day)s", day=day(row.next_on, locale=locale, zone=zone))
    if row.with_whom:
        return Message("%(kind)s with %(who)s", kind=kind, who=row.with_whom)
    return Message(kind.msgid)
