"""Onboarding in figures: the report of one checklist, and who is stuck in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import SeesCustomers
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.checklists.report import Report, completion_report
from portal.checklists.stuck import WHYS, Stuck, StuckPage, Why, stuck_accounts
from portal.insights import drawings
from portal.insights import figures as figuring
from portal.insights.asked import Asked, asked_for, known_checklist
from portal.insights.rate_file import rate_file
from portal.kit import charts
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, render

router = page_router(prefix="/staff/onboarding")
HERE = "/staff/onboarding"
BY_WORDS = {
    "month": Message("Start month"),
    "plan": Message("Plan"),
    "tier": Message("Tier"),
    "owner": Message("Owner"),
    "none": Message("All together"),
}
WHY_WORDS: Mapping[Why, Message] = {"overdue": Message("Overdue"), "quiet": Message("Quiet")}
SHOWN = 25
Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class Lacking:
    """A stuck account as lists show it: the checklist in words, and what it lacks, each with whether it is ours."""

    stuck: Stuck
    checklist: str
    lacks: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class Choice:
    """A link that changes one thing about the page; `count` is how many it leads to, if it counts any."""

    word: Message
    href: str
    current: bool
    count: int | None = None


@dataclass(frozen=True)
class Figures:
    """A report, written and drawn."""

    report: Report
    large: Sequence[figuring.Figure]
    lines: Sequence[figuring.Line]
    total: figuring.Line
    bars: charts.BarChart
    curve: charts.CurveChart
    curve_table: Sequence[tuple[int, float, int]]
    steps: Sequence[drawings.StepLine]
    funnel: Sequence[charts.FunnelRow]


@dataclass(frozen=True)
class StuckList:
    """Who is stuck: one page of it, and the ways to the others. `among` is the list by its address."""

    checklist: str
    among: str
    found: StuckPage
    rows: Sequence[Lacking]
    choices: Sequence[Choice]
    previous_href: str
    next_href: str


@dataclass(frozen=True)
class OnboardingPage:
    """For `insights/onboarding.html`. `figures` is None where there is no checklist yet."""

    checklist: str
    title: str
    choices: Sequence[tuple[str, str]]
    asked: Asked
    tabs: Sequence[Choice]
    units: Sequence[Choice]
    columns: Sequence[tuple[Message, Message]]
    figures: Figures | None
    stuck: StuckList | None
    csv_href: str


@router.get("")
async def onboarding(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    checklist: Text = "",
    by: Text = "month",
    unit: Text = "account",
    as_of: Text = "",
    why: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Both rates, the curve, the funnel, and who is stuck."""
    now = site.clock()
    asked = asked_for(checklist=checklist, by=by, unit=unit, as_of=as_of, now=now, zone=site.zone)
    reason: Why | None = next((one for one in WHYS if one == why), None)
    locale = locale_of(request, viewer)
    shown = await site.database.report(lambda session: _page(session, site, asked, reason, page, locale, now))
    return render(request, "insights/onboarding.html", shown, viewer=viewer, nav="onboarding")


@router.get("/rate.csv")
async def rate_csv(
    site: SiteDep,
    viewer: SeesCustomers,
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


def _page(
    session: Session, site: Site, asked: Asked, why: Why | None, page: int, locale: Locale, now: datetime
) -> OnboardingPage:
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    key = known_checklist(asked.checklist, list(titles))
    query = {"checklist": key, "by": asked.by, "unit": asked.unit, "as_of": asked.as_of_text, "why": why or ""}

    def address(path: str = HERE, **changed: object) -> str:
        asks = {name: str(value) for name, value in {**query, **changed}.items() if value}
        return f"{path}?{urlencode(asks)}"

    return OnboardingPage(
        checklist=key,
        title=titles.get(key, ""),
        choices=tuple(titles.items()),
        asked=asked,
        tabs=[Choice(word, address(by=one), one == asked.by) for one, word in BY_WORDS.items()],
        units=[
            Choice(Message("By customer"), address(unit="account"), asked.unit == "account"),
            Choice(Message("By person"), address(unit="member"), asked.unit == "member"),
        ],
        columns=[(figuring.BOXES[one], figuring.MEANINGS[one]) for one in figuring.COLUMNS],
        figures=_figures(session, site, asked, key, locale) if key else None,
        stuck=_stuck(session, site, key, why, page, locale, now, address) if key else None,
        csv_href=address(f"{HERE}/rate.csv", why=""),
    )


def _figures(session: Session, site: Site, asked: Asked, key: str, locale: Locale) -> Figures:
    report = completion_report(session, key, by=asked.by, unit=asked.unit, as_of=asked.as_of, zone=site.zone)
    steps = {one.key: in_words(one.title, locale) for one in catalog(session).live_of(key).definition.steps}
    link = figuring.linker(key, asked.by, asked.unit, asked.as_of_text)
    lines = drawings.steps_of(report, steps, link)
    return Figures(
        report=report,
        large=figuring.figures_of(report, link, locale),
        lines=figuring.lines_of(report, link, locale),
        total=figuring.total_of(report, link),
        bars=drawings.bars_of(report, link, locale),
        curve=drawings.curve_of(report, locale),
        curve_table=drawings.curve_table(report),
        steps=lines,
        funnel=drawings.funnel_of(lines, report, locale),
    )


def _stuck(
    session: Session,
    site: Site,
    key: str,
    why: Why | None,
    page: int,
    locale: Locale,
    now: datetime,
    address: figuring.Link,
) -> StuckList:
    found = stuck_accounts(session, now=now, zone=site.zone, checklist=key, why=why, page=page, limit=SHOWN)
    everybody = Choice(Message("All"), f"{address(why='')}#stuck", why is None, sum(found.counts.values()))
    reasons = [Choice(WHY_WORDS[one], f"{address(why=one)}#stuck", one == why, found.counts[one]) for one in WHYS]
    return StuckList(
        checklist=key,
        among=f"stuck?{urlencode({'checklist': key, 'why': why or ''})}",
        found=found,
        rows=lacking(session, found.rows, locale),
        choices=[everybody, *reasons],
        previous_href=f"{address(page=found.page - 1)}#stuck" if found.page > 1 else "",
        next_href=f"{address(page=found.page + 1)}#stuck" if found.page < found.pages else "",
    )


def lacking(session: Session, rows: Sequence[Stuck], locale: Locale) -> list[Lacking]:
    """Stuck accounts with the titles of what they lack."""
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    return [
        Lacking(
            stuck=one,
            checklist=titles.get(one.checklist, one.checklist),
            lacks=[(in_words(step.title, locale), step.by == "staff") for step in one.lacks],
        )
        for one in rows
    ]
