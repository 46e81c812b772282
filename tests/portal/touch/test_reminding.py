"""Reminders: on the morning of a business day, once for a task, to whoever has it then."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from portal.accounts.service import id_of
from portal.accounts.staff import add_staff
from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.web import Site
from portal.touch import tasks
from portal.touch.models import Task
from portal.touch.reminding import queue_reminders
from portal.touch.rules import Colleague, Wanted
from tests.factories import NOW, make_account, make_staff
from tests.library import TOKYO, Clock, portal_with

pytestmark = pytest.mark.anyio
SATO = Colleague(None, "sato@vendor.example", "佐藤")
FRIDAY = datetime(2026, 6, 5, 8, 30, tzinfo=TOKYO)


async def test_each_task_is_mailed_once_on_a_business_day(db: Database) -> None:
    site: Site = portal_with(db, Clock()).state.site

    def mails(session: Session) -> list[tuple[str, str]]:
        rows = session.exec(select(Job).where(col(Job.kind) == "mail").order_by(col(Job.id)))
        return [(row.payload["to"], row.payload["subject"]) for row in rows]

    def work(session: Session) -> None:
        account = id_of(make_account(session, name="<b>あおば</b>"))
        one, other, gone = (make_staff(session) for _ in range(3))
        editor = make_staff(session, role="editor")
        english = add_staff(session, email="smith@vendor.example", name="Smith", now=NOW)
        english.locale = "en"
        for staff, title, day in (
            (one, "金曜の件", FRIDAY.date()),
            (one, "土曜の件", FRIDAY.date() + timedelta(days=1)),
            (other, "月曜の件", FRIDAY.date() + timedelta(days=3)),
            (english, "call", FRIDAY.date()),
            (editor, "x", FRIDAY.date()),
            (gone, "x", FRIDAY.date()),
            (one, "期限なし", None),
        ):
            wanted = Wanted(title, staff.id or 0, due_on=day, remind_on=day)
            tasks.make_task(session, account_id=account, wanted=wanted, by=SATO, now=NOW)
        gone.removed_at = NOW
        finished = tasks.make_task(
            session, account_id=account, wanted=Wanted("済", one.id or 0, remind_on=FRIDAY.date()), by=SATO, now=NOW
        )
        tasks.finish_task(session, finished, outcome="", by=SATO, now=NOW)

        assert queue_reminders(session, site, now=NOW) == 0
        assert queue_reminders(session, site, now=FRIDAY) == 2
        assert mails(session) == [(one.email, "今日のタスク：1件"), ("smith@vendor.example", "Tasks for today: 1")]
        (first, *_) = session.exec(select(Job).where(col(Job.kind) == "mail").order_by(col(Job.id)))
        assert "金曜の件（<b>あおば</b>）" in first.payload["text"]
        assert "&lt;b&gt;あおば" in first.payload["html"]
        assert queue_reminders(session, site, now=FRIDAY) == 0  # told once
        assert queue_reminders(session, site, now=FRIDAY + timedelta(days=1)) == 0  # nobody works on Saturday
        assert queue_reminders(session, site, now=FRIDAY + timedelta(days=3)) == 2  # Saturday's, and Monday's own
        told = session.exec(select(col(Task.title)).where(col(Task.reminded_at).is_not(None)).order_by(col(Task.id)))
        assert list(told) == ["金曜の件", "土曜の件", "月曜の件", "call"]

    await db.write(work)
