"""What staff learn from the search: what customers ask for, whether they find it, and what to do where they do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import SignedInStaff
from portal.kit.clock import day_start, local_day
from portal.kit.i18n import Message
from portal.kit.intervals import wilson
from portal.kit.web import SiteDep, page_router, render
from portal.search.log import Asked, Overview, Period, most_asked, overview, unanswered

router = page_router(prefix="/staff/search")
PERIODS = (7, 28, 90)
DEFAULT_DAYS = 28
SHOWN = 25


@dataclass(frozen=True)
class QuestionLine:
    """A question with what can be done about it: look at what is found, or say what it means."""

    asked: Asked
    found_href: str
    synonym_href: str


@dataclass(frozen=True)
class ReportPage:
    """For `finding/report.html`. `rate` is the share of searches without a result and `interval` its Wilson 95 %;
    both None where nobody searched. `reciprocal` is the mean of 1 ÷ the place opened first."""

    periods: Sequence[tuple[Message, str, bool, None]]
    days: int
    overview: Overview
    rate: float | None
    interval: tuple[float, float] | None
    unanswered: Sequence[QuestionLine]
    most_asked: Sequence[QuestionLine]


@router.get("")
async def report(
    request: Request, site: SiteDep, viewer: SignedInStaff, days: Annotated[int, Query(ge=1, le=400)] = DEFAULT_DAYS
) -> Response:
    """The searches of the last days, today included."""
    now = site.clock()
    wanted = days if days in PERIODS else DEFAULT_DAYS
    since = day_start(local_day(now, site.zone) - timedelta(days=wanted - 1), site.zone)
    period = Period(since, now + timedelta(hours=1))

    def work(session: Session) -> ReportPage:
        found = overview(session, period)
        return ReportPage(
            periods=[
                (Message("%(count)s days", count=one), f"/staff/search?days={one}", one == wanted, None)
                for one in PERIODS
            ],
            days=wanted,
            overview=found,
            rate=found.unanswered / found.searches if found.searches else None,
            interval=wilson(found.unanswered, found.searches),
            unanswered=[_line(one) for one in unanswered(session, period, limit=SHOWN)],
            most_asked=[_line(one) for one in most_asked(session, period, limit=SHOWN)],
        )

    shown = await site.database.report(work)
    return render(request, "finding/report.html", shown, viewer=viewer, nav="search")


def _line(asked: Asked) -> QuestionLine:
    return QuestionLine(
        asked=asked,
        found_href="/search?" + urlencode({"q": asked.query, "lang": asked.locale}),
        synonym_href="/staff/search/synonyms?" + urlencode({"words": asked.query}),
    )
