"""Onboarding in figures: the report of one checklist, and the accounts behind each of its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from portal.accounts.models import Account, Member
from portal.accounts.visits import SignedInStaff
from portal.checklists import funnel
from portal.checklists.catalog import catalog, step_of
from portal.checklists.counting import whole_second
from portal.checklists.definition import in_words
from portal.checklists.rate import FIGURES, box_of
from portal.checklists.report import Report, completion_report, counted_runs
from portal.checklists.stuck import Stuck, stuck_accounts
from portal.insights import figures as figuring
from portal.insights.asked import Asked, asked_for, known_checklist
from portal.insights.rate_file import rate_file
from portal.kit import charts
from portal.kit.db import chunks
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, render

router = page_router(prefix="/staff/onboarding")
BY_WORDS = {
    "month": Message("Start month"),
    "plan": Message("Plan"),
    "tier": Message("Tier"),
    "owner": Message("Owner"),
    "none": Message("All together"),
}
SHOWN = 50
Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class Lacking:
    """A stuck account as the list shows it."""

    stuck: Stuck
    lacks: Sequence[str]


@dataclass(frozen=True)
class OnboardingPage:
    """For `insights/onboarding.html`. `report` is None where there is no checklist yet."""

    checklist: str
    title: str
    choices: Sequence[tuple[str, str]]
    tabs: Sequence[tuple[Message, str, bool]]
    units: Sequence[tuple[Message, str, bool]]
    as_of: datetime
    as_of_text: str
    report: Report | None
    figures: Sequence[figuring.Figure]
    lines: Sequence[figuring.Line]
    columns: Sequence[tuple[Message, Message]]
    bars: charts.BarChart | None
    curve: charts.CurveChart | None
    funnel: Sequence[charts.FunnelRow]
    steps: Sequence[tuple[str, int, int, int | None]]
    stuck: Sequence[Lacking]
    stuck_total: int
    csv_href: str


@dataclass(frozen=True)
class Behind:
    """One account (or one person of it) behind a figure."""

    account_id: str
    name: str
    person: str
    plan: str | None
    started_at: datetime
    completed_at: datetime | None
    due_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True)
class BehindPage:
    """For `insights/behind.html`."""

    title: Message
    meaning: Message
    checklist: str
    group: str
    back: str
    rows: Sequence[Behind]


@router.get("")
async def onboarding(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    checklist: Text = "",
    by: Text = "month",
    unit: Text = "account",
    as_of: Text = "",
) -> Response:
    """Both rates, the curve, the funnel, and who is stuck."""
    now = site.clock()
    asked = asked_for(checklist=checklist, by=by, unit=unit, as_of=as_of, now=now, zone=site.zone)
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _page(session, site, asked, locale, now))
    return render(request, "insights/onboarding.html", page, viewer=viewer, nav="onboarding")


@router.get("/accounts")
async def behind(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    checklist: Text = "",
    box: Text = "started",
    by: Text = "none",
    group: Annotated[str | None, Query(max_length=200)] = None,
    unit: Text = "account",
    as_of: Text = "",
) -> Response:
    """The accounts a figure counts: as many as the figure says."""
    now = site.clock()
    asked = asked_for(checklist=checklist, by=by, unit=unit, as_of=as_of, now=now, zone=site.zone)
    locale = locale_of(request, viewer)
    whole = "group" not in request.query_params
    page = await site.database.report(lambda session: _behind(session, site, asked, box, group, whole, locale, now))
    return render(request, "insights/behind.html", page, viewer=viewer, nav="onboarding")


@router.get("/rate.csv")
async def rate_csv(
    site: SiteDep,
    viewer: SignedInStaff,
    checklist: Text = "",
    by: Text = "month",
    unit: Text = "account",
    as_of: Text = "",
) -> Response:
    """The table as a file that Excel opens."""
    now = site.clock()
    asked = asked_for(checklist=checklist, by=by, unit=unit, as_of=as_of, now=now, zone=site.zone)
    report = await site.database.report(
        lambda session: completion_report(
            session, asked.checklist, by=asked.by, unit=asked.unit, as_of=asked.as_of, zone=site.zone
        )
    )
    return rate_file(report)


def _page(session: Session, site: Site, asked: Asked, locale: Locale, now: datetime) -> OnboardingPage:
    known = catalog(session)
    titles = {one.key: in_words(one.definition.title, locale) for one in known.live}
    key = known_checklist(asked.checklist, list(titles))
    link = figuring.linker(key, asked.by, asked.unit, asked.as_of_text)
    report = None
    if key:
        report = completion_report(session, key, by=asked.by, unit=asked.unit, as_of=asked.as_of, zone=site.zone)
    definition = known.live_of(key).definition if key else None
    stuck = stuck_accounts(session, now=now, zone=site.zone, checklist=key) if key else []
    steps = {step.key: in_words(step.title, locale) for step in definition.steps} if definition else {}

    def address(**changed: str) -> str:
        query = {"checklist": key, "by": asked.by, "unit": asked.unit, "as_of": asked.as_of_text, **changed}
        return f"/staff/onboarding?{urlencode({name: value for name, value in query.items() if value})}"

    return OnboardingPage(
        checklist=key,
        title=titles.get(key, ""),
        choices=tuple(titles.items()),
        tabs=[(BY_WORDS[one], address(by=one), one == asked.by) for one in ("month", "plan", "tier", "owner", "none")],
        units=[
            (Message("By customer"), address(unit="account"), asked.unit == "account"),
            (Message("By person"), address(unit="member"), asked.unit == "member"),
        ],
        as_of=asked.as_of,
        as_of_text=asked.as_of_text,
        report=report,
        figures=figuring.figures_of(report, figuring.linker(key, "none", asked.unit, asked.as_of_text), locale)
        if report
        else (),
        lines=figuring.lines_of(report, link, locale) if report else (),
        columns=[(figuring.BOXES[one], figuring.MEANINGS[one]) for one in figuring.COLUMNS],
        bars=figuring.bars_of(report, link, locale) if report else None,
        curve=figuring.curve_of(report, locale) if report else None,
        funnel=figuring.funnel_of(report, definition, figuring.linker(key, "none", "account", asked.as_of_text), locale)
        if report and definition
        else (),
        steps=[(steps.get(one.key, one.key), one.reached, one.completed, one.median_days) for one in report.steps]
        if report
        else (),
        stuck=[Lacking(one, [in_words(step.title, locale) for step in one.lacks]) for one in stuck[:SHOWN]],
        stuck_total=len(stuck),
        csv_href=address().replace("/staff/onboarding?", "/staff/onboarding/rate.csv?"),
    )


def _behind(
    session: Session,
    site: Site,
    asked: Asked,
    box: str,
    group: str | None,
    whole: bool,
    locale: Locale,
    now: datetime,
) -> BehindPage:
    known = catalog(session)
    live = known.live_of(asked.checklist)
    at = whole_second(asked.as_of)
    counted = counted_runs(session, live.key, by=asked.by, unit=asked.unit, as_of=asked.as_of, zone=site.zone)
    kind, _, step = box.partition(":")
    if kind == "step":
        title = Message("Completed: %(step)s", step=in_words(step_of(live.definition, step).title, locale))
        done = funnel.who_completed(session, live, step, as_of=at)
        chosen = [one for one in counted if one.account_id in done]
        meaning = Message("Accounts for which this step is done.")
    elif box in FIGURES:
        title, meaning = figuring.BOXES[box], figuring.MEANINGS[box]
        boxes = FIGURES[box]
        chosen = [one for one in counted if (whole or one.run.group == group) and box_of(one.run, as_of=at) in boxes]
    else:
        raise NotFound
    names = _names(session, [one.account_id for one in chosen])
    people = _people(session, [one.member_id for one in chosen if one.member_id is not None])
    rows = [
        Behind(
            account_id=names[one.account_id].external_id,
            name=names[one.account_id].name,
            person=people.get(one.member_id or 0, ""),
            plan=names[one.account_id].plan_key,
            started_at=_instant(one.run.started_at, site) or now,
            completed_at=_instant(one.run.completed_at, site),
            due_at=_instant(one.run.due_at, site),
            left_at=_instant(one.run.left_at, site),
        )
        for one in chosen
        if one.account_id in names
    ]
    rows.sort(key=lambda row: (row.started_at, row.name), reverse=True)
    back = {"checklist": asked.checklist, "by": asked.by, "unit": asked.unit, "as_of": asked.as_of_text}
    return BehindPage(
        title=title,
        meaning=meaning,
        checklist=in_words(live.definition.title, locale),
        group="" if whole else figuring.group_name(group, asked.by, locale),
        back=f"/staff/onboarding?{urlencode({name: value for name, value in back.items() if value})}",
        rows=rows,
    )


def _names(session: Session, ids: Sequence[int]) -> dict[int, Account]:
    found: dict[int, Account] = {}
    for some in chunks(sorted(set(ids))):
        found |= {row.id or 0: row for row in session.exec(select(Account).where(col(Account.id).in_(some)))}
    return found


def _people(session: Session, ids: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for some in chunks(sorted(set(ids))):
        for row in session.exec(select(Member).where(col(Member.id).in_(some))):
            found[row.id or 0] = row.name or row.email or row.external_id or ""
    return found


def _instant(seconds: int | None, site: Site) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=site.zone)
