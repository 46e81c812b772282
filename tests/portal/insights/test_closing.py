"""The monthly close in the database: frozen stays, live follows, missed months are closed each as of its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete
from sqlmodel import Session, col, select

from portal.accounts.models import Account
from portal.accounts.people import stub_member
from portal.checklists import publish as checklists
from portal.checklists.definition import load
from portal.events import ingest
from portal.events.rules import Incoming, parse
from portal.events.sources import add_source
from portal.insights import closing, dimensions, live
from portal.insights.dimensions import Dimension
from portal.jobs import schedule
from portal.kit.db import Database, secrets_of
from portal.kit.i18n import Message
from portal.kit.jobs import Claim, Job
from portal.kit.web import Site
from portal.main import build, site_from
from portal.settings import Settings
from portal.touch.contacts import record_contact
from portal.touch.rules import Colleague, Said
from tests.factories import make_account, make_staff, sign_in_as
from tests.library import TOKYO, browser, csrf_in

pytestmark = pytest.mark.anyio
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
CHECKLIST = {
    "key": "start",
    "title": {"ja": "はじめ", "en": "Start"},
    "from": "2026-01-01",
    "due": "1mo",
    "steps": [
        {"key": "send", "title": {"ja": "送る", "en": "Send"}, "scope": "account", "done_when": {"event": "sent"}}
    ],
}


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO).astimezone(UTC)


@dataclass
class Office:
    """A vendor with three customers, whose clock can be moved."""

    app: FastAPI
    site: Site
    now: datetime
    token: str

    def sends(self, account: str, at: str, message: str) -> Any:
        told = {
            "type": "track",
            "event": "sent",
            "userId": f"{account}-1",
            "messageId": message,
            "timestamp": tokyo(at).isoformat(),
            "context": {"groupId": account},
        }

        def work(session: Session) -> None:
            read = parse(told, received_at=self.now)
            assert isinstance(read, Incoming), read
            ingest.ingest(session, [read], source_id=1, received_at=self.now, zone=TOKYO)

        return self.site.database.write(work)

    async def frozen(self, month: str) -> Mapping[str, Any]:
        found = await self.site.database.read(lambda session: closing.closed(session, month))
        assert found is not None, month
        return found.figures


@pytest.fixture
async def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(dimensions, "_known", dict(dimensions._known))
    settings = Settings(database_url=db.url.render_as_string(hide_password=False), secret_key="x" * 40)
    office = Office(FastAPI(), site_from(settings), tokyo("2026-12-01T09:00"), "")
    office.site = replace(office.site, clock=lambda: office.now)
    office.app = build(settings, site=office.site)

    def begin(session: Session) -> str:
        add_source(session, secrets_of(session), name="app", now=office.now)
        checklists.apply(session, [load(CHECKLIST)], by="test", now=office.now, zone=TOKYO)
        for name, plan, started in (
            ("aoba", "pro", "2026-11-10T09:00"),
            ("midori", "pro", "2026-11-12T09:00"),
            ("kita", None, "2026-12-02T09:00"),
        ):
            make_account(session, external_id=name, now=office.now, plan=plan, started_at=tokyo(started))
        return sign_in_as(session, make_staff(session, role="cs", now=office.now), now=tokyo("2026-12-20T09:00"))

    office.token = await office.site.database.write(begin)
    yield office
    await office.site.database.close()


async def run_by_the_clock(office: Office) -> None:
    timed = next(one for one in schedule.SCHEDULE if one.kind == "insights.close")
    await timed.run(office.site)


def in_month(figures: Mapping[str, Any]) -> tuple[Any, ...]:
    counts = figures["checklists"]["start"]["month"]
    return counts["started"], counts["matured"], counts["completed_in_time"], counts["rate"]


async def test_frozen_stays_while_live_follows(office: Office) -> None:
    await office.sends("aoba", "2026-12-09T12:00", "m1")
    office.now = tokyo("2026-12-31T23:59")
    await run_by_the_clock(office)
    assert await office.site.database.read(closing.closed_months) == ["2026-11"], "December is not over"
    office.now = tokyo("2027-01-01T00:20")
    await run_by_the_clock(office)
    assert in_month(await office.frozen("2026-12")) == (1, 2, 1, 0.5)
    # The event of 11 December comes three weeks late: it tells of December, and December is closed.
    await office.sends("midori", "2026-12-11T12:00", "m2")
    await run_by_the_clock(office)
    assert in_month(await office.frozen("2026-12")) == (1, 2, 1, 0.5)
    live = await office.site.database.read(lambda session: closing.frozen_figures(session, "2026-12"))
    assert in_month(live) == (1, 2, 2, 1.0)
    assert (live["fiscal_year"], live["checklists"]["start"]["year"]["started"]) == (2026, 3)
    company = live["company"]["month"]
    assert (company["customers"], company["active_customers"], company["active_members"]) == (3, 2, 2)
    assert (company["cs"], company["per_cs"]) == (1, 3.0)
    assert (company["self_help"], company["self_help_why"]) == (None, "nobody_read")


async def test_missed_months_are_closed_each_as_of_its_end(office: Office) -> None:
    await run_by_the_clock(office)
    await office.sends("aoba", "2026-12-09T12:00", "m1")
    office.now = tokyo("2027-03-05T10:00")  # no worker ran over the turn of the year
    await office.sends("kita", "2027-01-20T12:00", "m2")
    await run_by_the_clock(office)
    await run_by_the_clock(office)
    months = await office.site.database.read(closing.closed_months)
    assert months == ["2027-02", "2027-01", "2026-12", "2026-11"]
    assert [in_month(await office.frozen(month))[:3] for month in reversed(months)] == [
        (2, 0, 0),
        (1, 2, 1),
        (0, 1, 0),
        (0, 0, 0),
    ]
    ends = [(await office.frozen(month))["as_of"] for month in months]
    assert ends[2] == "2026-12-31T14:59:59+00:00"


async def test_by_plan_and_by_whatever_is_added(office: Office) -> None:
    dimensions.add(Dimension("segment", Message("Tier"), lambda _session: {1: ("big", "new"), 2: ("new",)}))
    await office.sends("aoba", "2026-12-09T12:00", "m1")
    office.now = tokyo("2027-01-02T09:00")
    figures = await office.site.database.read(lambda session: closing.frozen_figures(session, "2026-12"))

    def groups(by: str) -> dict[str, tuple[Any, ...]]:
        return {line["group"]: in_month(line)[:3] for line in figures["by"][by]}

    assert groups("plan") == {"pro": (0, 2, 1), "": (1, 0, 0)}
    assert groups("segment") == {"big": (0, 1, 1), "new": (0, 2, 1)}
    assert figures["by"]["plan"][1]["checklists"]["start"]["month"]["rate"] is None, "null, and never 0"


async def test_who_helped_themselves(office: Office) -> None:
    def read(session: Session) -> None:
        for account_id, day in ((1, "2026-12-09"), (2, "2026-12-10"), (3, "2026-12-30"), (3, "2026-11-29")):
            member = stub_member(session, session.get_one(Account, account_id), f"reader-{account_id}", now=office.now)
            at = tokyo(f"{day}T10:00")
            ingest.record(
                session,
                account_id=account_id,
                member_id=member.id,
                name="article.read",
                at=at,
                message_id=f"read:{account_id}:{day}",
                properties={},
                now=office.now,
                zone=TOKYO,
            )
        for kind, day in (("phone", "2026-12-12"), ("note", "2026-12-10")):
            said = Said(kind, tokyo(f"{day}T10:00"), "they asked")  # type: ignore[arg-type]
            record_contact(session, account_id=2, said=said, by=Colleague(None, "sato", "Sato"), now=office.now)

    office.now = tokyo("2027-01-02T09:00")
    await office.site.database.write(read)
    figures = await office.site.database.read(lambda session: closing.frozen_figures(session, "2026-12"))
    # Of 29 November, 9 and 10 December one was followed by a contact; the three days of 30 December are not over.
    assert (figures["company"]["month"]["self_help"], figures["company"]["month"]["self_help_n"]) == (2 / 3, 3)


@ON_SQLITE
async def test_for_many_customers_what_is_known_today_is_counted_in_the_background(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AT_ONCE", 2)
    await office.sends("aoba", "2026-12-09T12:00", "m1")
    office.now = tokyo("2027-01-01T09:00")

    async def work() -> list[str]:
        def waiting(session: Session) -> list[Job]:
            return list(session.exec(select(Job).where(col(Job.kind) == live.JOB, col(Job.state) == "waiting")))

        def forget(session: Session) -> None:
            session.execute(delete(Job))

        jobs = await office.site.database.read(waiting)
        for job in jobs:
            await live.run(office.site, Claim(job.id or 0, job.kind, job.payload, 1))
        await office.site.database.write(forget)
        return sorted(job.payload["month"] for job in jobs)

    async with browser(office.app, office.token) as staff:
        for _ in range(2):  # who looks twice has it counted once
            first = await staff.get("/staff/report?month=2026-12")
            assert (first.headers["refresh"], "集計しています" in first.text) == ("3", True)
        assert await work() == ["2026-11", "2026-12"]
        counted = await staff.get("/staff/report?month=2026-12")
        assert "1月1日(金) 09:00に集計したものです" in counted.text
        assert "50.0%" in counted.text
        await office.sends("midori", "2026-12-10T12:00", "m2")
        assert (await work(), (await staff.get("/staff/report?month=2026-12")).text == counted.text) == ([], True)
        office.now += live.FRESH
        assert "50.0%" in (await staff.get("/staff/report?month=2026-12")).text
        assert await work() == ["2026-11", "2026-12"]
        assert "100%" in (await staff.get("/staff/report?month=2026-12")).text
        assert "2026-12,live," in (await staff.get("/staff/report.csv?month=2026-12")).text


async def test_the_page_the_file_and_what_staff_choose(office: Office) -> None:
    await office.sends("aoba", "2026-12-09T12:00", "m1")
    office.now = tokyo("2027-01-01T09:00")
    async with browser(office.app, office.token) as staff:
        page = await staff.get("/staff/report")
        assert "2026年12月" in page.text
        assert "まだ締めていません" in page.text
        csrf = csrf_in(page)
        await staff.post("/staff/report/2026-12/close", data={"csrf": csrf})
        assert (await staff.post("/staff/report/2027-01/close", data={"csrf": csrf})).status_code == 404
        for target, said in (("101", "0から100"), ("60.5", "目標を決めました"), ("60", "目標を決めました")):
            sent = {"csrf": csrf, "month": "2026-12", "checklist": "start", "target": target}
            await staff.post("/staff/report/target", data=sent)
            shown = (await staff.get("/staff/report?month=2026-12")).text
            assert said in shown, target
        assert "未達" in shown
        assert "締め済み" in shown
        await staff.post("/staff/report/fiscal-year", data={"csrf": csrf, "month": "2026-12", "start": "1"})
        assert await office.site.database.read(closing.fiscal_start) == 1
        assert (await office.frozen("2026-12"))["fiscal_start"] == 4, "what is closed stays as it was"
        await office.site.database.write(
            lambda s: make_account(s, external_id="x", now=office.now, plan="=1+1", started_at=office.now).name
        )
        file = (await staff.get("/staff/report.csv?month=2027-01")).content
        assert file.startswith(b"\xef\xbb\xbfmonth,state,as_of,period,by,group,checklist,started")
        assert b",plan,'=1+1,start,1,0,0,," in file
        for month, status in (("2027-02", 404), ("2027-1", 404), ("2025-01", 200), ("2027-01", 200)):
            assert (await staff.get(f"/staff/report?month={month}&by=odd&lang=en")).status_code == status
