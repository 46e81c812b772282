"""What the demo vendor's people have said to customers and promised them lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.staff import staff_by_email
from portal.checklists.stuck import stuck_accounts
from portal.kit.clock import local_day
from portal.touch.contacts import record_contact
from portal.touch.rules import Colleague, Kind, Said, Wanted
from portal.touch.tasks import finish_task, make_task
from portal.workdays.service import calendar_of

CONTACTS: tuple[tuple[Kind, int, str, int], ...] = (
    ("phone", 6, "担当の方が異動されたとのこと。後任の方が決まったら連絡をいただく。", 0),
    ("mail", 9, "招待の手順をお送りした。", -2),
    ("meeting", 13, "月次の締めまでに請求先を登録したい、とのご希望。", 3),
    ("chat", 4, "ログインできない方がいたので、招待を送り直した。", 5),
)
"""(kind, days ago, text, business days until the next date, from today)"""
TASKS = (
    ("後任の方に使い方の資料を送る", -1),
    ("請求先の登録を一緒に行う", 0),
    ("招待の状況を確認する", 2),
)


def touch_customers(session: Session, *, now: datetime, zone: ZoneInfo) -> None:
    """A few contacts with those who are stuck, and what was promised to them."""
    calendar, today = calendar_of(session), local_day(now, zone)
    rows = stuck_accounts(session, now=now, zone=zone, limit=len(CONTACTS)).rows
    for number, (row, (kind, days, text, ahead)) in enumerate(zip(rows, CONTACTS, strict=False)):
        account = account_by_external_id(session, row.external_id)
        staff = staff_by_email(session, row.owner or "")
        if account is None or staff is None or staff.id is None:
            continue
        by = Colleague(staff.id, staff.email_key, staff.name)
        then = now - timedelta(days=days)
        next_on = max(calendar.add_business_days(today, ahead), local_day(then, zone))
        record_contact(
            session, account_id=id_of(account), said=Said(kind, then, text, next_on=next_on), by=by, now=then
        )
        if number < len(TASKS):
            title, due = TASKS[number]
            wanted = Wanted(title, staff.id, due_on=calendar.add_business_days(today, due))
            make_task(session, account_id=id_of(account), wanted=wanted, by=by, now=then)
            finish = Wanted("議事録を送る", staff.id, due_on=local_day(then, zone))
            done = make_task(session, account_id=id_of(account), wanted=finish, by=by, now=then)
            finish_task(session, done, outcome="お送りした", by=by, now=then + timedelta(hours=2))
