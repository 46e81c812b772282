"""Reminding colleagues of what they promised: one mail on the morning of a business day, and none where nothing is due.

A task says on which day its owner wants to hear of it. That it was told is written down in the transaction that queues
the mail, so nobody hears of a task twice; a reminder that falls on a day off waits for the next that is worked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from portal.accounts.models import Account, Staff
from portal.accounts.roles import rights_of
from portal.kit import mail
from portal.kit.clock import local_day
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.web import Site
from portal.touch.models import Task
from portal.workdays.service import calendar_of

JOB = "touch.remind"


@dataclass(frozen=True)
class Reminder:
    """For `mails/tasks.txt` and `.html`. `lines`: (title, customer, due day, address)."""

    locale: Locale
    subject: Message
    salutation: Message
    lines: Sequence[tuple[str, str, date | None, str]]
    vendor_name: str
    url: str


async def remind(site: Site) -> None:
    """Queue this morning's reminders."""
    now = site.clock()
    await site.database.write(lambda session: queue_reminders(session, site, now=now))


def queue_reminders(session: Session, site: Site, *, now: datetime) -> int:
    """One mail to everybody who wanted to be reminded of a task by today; how many mails. On a day off, none."""
    today = local_day(now, site.zone)
    if not calendar_of(session).is_business_day(today):
        return 0
    rows = session.exec(
        select(Task, Account, Staff)
        .join(Account, col(Account.id) == col(Task.account_id))
        .join(Staff, col(Staff.id) == col(Task.staff_id))
        .where(
            col(Task.done_at).is_(None),
            col(Task.removed_at).is_(None),
            col(Task.remind_on) <= today,
            col(Task.reminded_at).is_(None),
            col(Staff.removed_at).is_(None),
        )
        .order_by(col(Task.due_on), col(Task.id))
    )
    whose: defaultdict[int, list[tuple[Task, Account]]] = defaultdict(list)
    people: dict[int, Staff] = {}
    for task, account, staff in rows:
        if "see_customers" in rights_of(staff.role):
            whose[task.staff_id].append((task, account))
            people[task.staff_id] = staff
    for staff_id, theirs in whose.items():
        mail.queue(session, _letter(site, people[staff_id], theirs), now=now)
        for task, _ in theirs:
            task.reminded_at = now
            session.add(task)
    return len(whose)


def _letter(site: Site, staff: Staff, tasks: Sequence[tuple[Task, Account]]) -> mail.Mail:
    locale = as_locale(staff.locale, site.locale)
    letter = Reminder(
        locale=locale,
        subject=Message("Tasks for today: %(count)s", count=len(tasks)),
        salutation=Message("Hello %(name)s,", name=staff.name) if staff.name else Message("Hello,"),
        lines=[
            (task.title, account.name, task.due_on, f"{site.base_url}/staff/tasks/{task.id}") for task, account in tasks
        ],
        vendor_name=site.vendor_name,
        url=f"{site.base_url}/staff/tasks",
    )
    text, html = (site.templates.render(locale, f"mails/tasks.{kind}", {"mail": letter}) for kind in ("txt", "html"))
    return mail.Mail(to=staff.email, subject=letter.subject.into(locale), text=text, html=html)
