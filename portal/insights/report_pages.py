"""The monthly report: a month as it was closed beside what is known of it today, as a page, a file and on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from babel.dates import format_date
from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.checklists.catalog import catalog
from portal.events.export import as_file
from portal.insights import closing, dimensions, live
from portal.insights.closing_rules import first_day, fiscal_year, is_month, month_end, month_of, months_between, shifted
from portal.insights.models import MonthlyClose
from portal.insights.report_table import (
    COLUMNS,
    FIGURES,
    OF_GROUPS,
    Figure,
    GroupLine,
    Line,
    file_rows,
    group_lines,
    lines_of,
)
from portal.kit.clock import local_day
from portal.kit.csvout import export_csv
from portal.kit.errors import Invalid, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.templating import in_locale
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render

router = page_router(prefix="/staff")
HERE = "/staff/report"
MONTHS_BACK = 35
Text = Annotated[str, Query(max_length=100)]
Typed = Annotated[str, Form(max_length=100)]


@dataclass(frozen=True)
class ReportPage:
    """For `insights/report.html`. `close` is the month as it was closed, None while it is not; `is_over`: it could be.

    `previous_is_closed`: the month before is shown as it was closed, else as known today. `counted_at` is when what is
    known today was counted, None for just now.
    """

    month: str
    title: str
    months: Sequence[tuple[str, str]]
    checklist: str
    checklists: Sequence[tuple[str, str]]
    by: str
    tabs: Sequence[tuple[str, str, bool, None]]
    close: MonthlyClose | None
    is_over: bool
    lines: Sequence[Line]
    groups: Sequence[GroupLine]
    group_columns: Sequence[Figure]
    figures: Sequence[Figure]
    target: float | None
    target_missed: bool | None
    previous_is_closed: bool
    fiscal_year: int
    fiscal_start: int
    start_months: Sequence[tuple[str, str]]
    may_act: bool
    csv_href: str
    counted_at: datetime | None


@dataclass(frozen=True)
class WaitingPage:
    """For `insights/report_waiting.html`."""

    title: str


@router.get("/report")
async def report(
    request: Request, site: SiteDep, viewer: SeesCustomers, month: Text = "", checklist: Text = "", by: Text = "plan"
) -> Response:
    """One month; without a month the last that is over. What must be counted first is, and the page looks again."""
    locale, now = locale_of(request, viewer), site.clock()
    asked = _month(month, site)
    stale = await site.database.read(lambda session: live.to_count(session, _needed(session, asked), now=now))
    if stale:
        await site.database.write(lambda session: live.ask(session, stale, now=now))
    page = await site.database.report(lambda session: _page(session, site, viewer, asked, checklist, by, locale))
    if page is None:
        waiting = render(
            request, "insights/report_waiting.html", WaitingPage(_written(asked, locale)), viewer=viewer, nav="report"
        )
        waiting.headers["refresh"] = "3"
        return waiting
    return render(request, "insights/report.html", page, viewer=viewer, nav="report")


@router.get("/report.csv")
async def report_csv(site: SiteDep, _viewer: SeesCustomers, month: Text = "") -> Response:
    """One month as a file that Excel opens: as it was closed, and as known today."""

    def work(session: Session) -> bytes:
        asked = _month(month, site)
        close, known = closing.closed(session, asked), live.known_of(session, [asked], now=site.clock())
        today = known[asked].figures if asked in known else live.count(session, asked, now=site.clock())
        targets = {key: closing.target_of(session, key, asked) for key in today["checklists"]}
        rows = file_rows(asked, "closed", close.figures, targets) if close else []
        return export_csv(COLUMNS, [*rows, *file_rows(asked, "live", today, targets)])

    body = await site.database.report(work)
    return Response(body, media_type="text/csv; charset=utf-8", headers=as_file(f"report-{_month(month, site)}", "csv"))


@router.post("/report/{month}/close")
async def close_now(request: Request, site: SiteDep, viewer: ActsForCustomers, month: str) -> Response:
    """Close a month that is over without waiting for the night."""
    if not is_month(month) or month_end(month, site.zone) >= site.clock():
        raise NotFound
    done = await closing.close_month(site, month, by=viewer.email_key)
    said = Message("The month is closed.") if done else Message("The month was closed already.")
    return _back(request, month, "", said)


@router.post("/report/target")
async def aim(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    month: Typed = "",
    checklist: Typed = "",
    target: Typed = "",
) -> Response:
    """Aim at a share completed in time from a month on."""
    now = site.clock()

    def work(session: Session) -> None:
        catalog(session).live_of(checklist)
        closing.set_target(session, checklist=checklist, month=month, percent=target, by=viewer.email_key, now=now)

    try:
        await site.database.write(work)
    except Invalid as wrong:
        return _back(request, month, checklist, wrong.message, kind="bad")
    return _back(request, month, checklist, Message("The target is set, for this month and those after it."))


@router.post("/report/fiscal-year")
async def begin_year(
    request: Request, site: SiteDep, viewer: ActsForCustomers, month: Typed = "", start: Annotated[int, Form()] = 0
) -> Response:
    """In which month the fiscal year begins."""
    now = site.clock()
    try:
        await site.database.write(
            lambda session: closing.set_fiscal_start(session, month=start, by=viewer.email_key, now=now)
        )
    except Invalid as wrong:
        return _back(request, month, "", wrong.message, kind="bad")
    said = Message("The fiscal year is set. Months that were closed stay as they were closed.")
    return _back(request, month, "", said)


def _page(
    session: Session, site: Site, viewer: StaffViewer, asked: str, checklist: str, by: str, locale: Locale
) -> ReportPage | None:
    """None while what is known today must be counted first."""
    now = site.clock()
    close, before = closing.closed(session, asked), closing.closed(session, shifted(asked, -1))
    needed = _needed(session, asked)
    known_today = live.known_of(session, needed, now=now)
    if not known_today.keys() >= set(needed):
        return None
    today = known_today[asked].figures
    base = close.figures if close else today
    titles: Mapping[str, Mapping[str, str]] = {**today["titles"], **base["titles"]}
    keys = [key for key in base["checklists"] if key in titles]
    key = checklist if checklist in keys else next(iter(keys), "")
    known = dimensions.known()
    dimension = by if by in {one.key for one in known} else known[0].key
    target = closing.target_of(session, key, asked) if key else None
    rate = base["checklists"][key]["month"]["rate"] if key else None
    figures = {one.key: one for one in FIGURES}
    start = closing.fiscal_start(session)
    last = month_of(local_day(now, site.zone))
    oldest = min([*closing.closed_months(session), shifted(last, -MONTHS_BACK)])
    previous = before.figures if before else known_today[shifted(asked, -1)].figures

    def address(**changed: str) -> str:
        return f"{HERE}?{urlencode({'month': asked, 'checklist': key, 'by': dimension, **changed})}"

    return ReportPage(
        month=asked,
        title=_written(asked, locale),
        months=[(one, _written(one, locale)) for one in reversed([*months_between(oldest, last)])],
        checklist=key,
        checklists=[(one, in_locale(titles[one], locale=locale)) for one in keys],
        by=dimension,
        tabs=[(one.word.into(locale), address(by=one.key) + "#groups", one.key == dimension, None) for one in known],
        close=close,
        is_over=month_end(asked, site.zone) < now,
        lines=lines_of(close.figures if close else None, today, previous, checklist=key, locale=locale),
        groups=group_lines(base, today, by=dimension, checklist=key, locale=locale),
        group_columns=[figures[one] for one in OF_GROUPS],
        figures=FIGURES,
        target=target,
        target_missed=None if target is None or rate is None else rate < target,
        previous_is_closed=before is not None,
        fiscal_year=fiscal_year(asked, base["fiscal_start"])[0],
        fiscal_start=start,
        start_months=[
            (str(one), format_date(first_day(f"2026-{one:02}"), "LLLL", locale=locale)) for one in range(1, 13)
        ],
        may_act=viewer.may("act_for_customers"),
        csv_href=f"{HERE}.csv?{urlencode({'month': asked})}",
        counted_at=known_today[asked].counted_at,
    )


def _needed(session: Session, month: str) -> list[str]:
    """The months of which the page shows what is known today."""
    before = shifted(month, -1)
    return [month] if closing.closed(session, before) else [month, before]


def _month(asked: str, site: Site) -> str:
    """The month asked for, else the last that is over; `NotFound` for one that lies ahead."""
    now = month_of(local_day(site.clock(), site.zone))
    if not asked:
        return shifted(now, -1)
    if not is_month(asked) or asked > now:
        raise NotFound
    return asked


def _written(month: str, locale: Locale) -> str:
    return str(format_date(first_day(month), "y年M月" if locale == "ja" else "MMMM y", locale=locale))


def _back(request: Request, month: str, checklist: str, said: Message, *, kind: str = "good") -> Response:
    kept = {"month": month, "checklist": checklist}
    query = urlencode({name: value for name, value in kept.items() if value})
    response = redirect(f"{HERE}?{query}" if query else HERE)
    flash(request, response, said, kind=kind)
    return response
