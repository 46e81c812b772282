"""The staff desk: home as a work list, the library as it stands, and the pages of onboarding and customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.visits import SignedInStaff
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.checklists.models import Enrollment
from portal.checklists.stuck import stuck_accounts
from portal.content import service as content
from portal.content.readers import reader_of
from portal.content.service import ShelfView
from portal.insights import accounts_pages, onboarding_pages
from portal.insights.onboarding_pages import Lacking
from portal.kit.i18n import Locale
from portal.kit.web import Site, SiteDep, locale_of, page_router, render

router = page_router()
router.include_router(onboarding_pages.router)
router.include_router(accounts_pages.router)
SHOWN = 12
LATELY = timedelta(days=7)


@dataclass(frozen=True)
class Finished:
    """A customer that completed a checklist lately."""

    external_id: str
    name: str
    checklist: str
    at: datetime


@dataclass(frozen=True)
class StaffHomePage:
    """For `insights/home.html`. `is_fresh`: nothing has been set up yet."""

    is_fresh: bool
    stuck: Sequence[Lacking]
    stuck_total: int
    finished: Sequence[Finished]
    fresh: Sequence[Account]


@dataclass(frozen=True)
class LibraryPage:
    """For `insights/library.html`."""

    shelves: Sequence[ShelfView]


@router.get("/staff")
async def home(request: Request, site: SiteDep, viewer: SignedInStaff) -> Response:
    """Who needs attention, and why."""
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _home(session, site, locale))
    return render(request, "insights/home.html", page, viewer=viewer, nav="home")


@router.get("/staff/content")
async def library(request: Request, site: SiteDep, viewer: SignedInStaff) -> Response:
    """Every document there is, by collection."""
    locale, now = locale_of(request, viewer), site.clock()
    shelves = await site.database.read(
        lambda session: content.shelves(session, reader_of(viewer), locale=locale, now=now, zone=site.zone)
    )
    return render(request, "insights/library.html", LibraryPage(shelves), viewer=viewer, nav="content")


def _home(session: Session, site: Site, locale: Locale) -> StaffHomePage:
    now = site.clock()
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    stuck = stuck_accounts(session, now=now, zone=site.zone)
    finished = session.exec(
        select(Enrollment, Account)
        .join(Account, col(Account.id) == col(Enrollment.account_id))
        .where(col(Enrollment.completed_at) > now - LATELY, col(Enrollment.withdrawn_at).is_(None))
        .order_by(col(Enrollment.completed_at).desc())
        .limit(SHOWN)
    )
    fresh = session.exec(
        select(Account)
        .where(col(Account.started_at) > now - 2 * LATELY, col(Account.started_at) <= now)
        .order_by(col(Account.started_at).desc())
        .limit(SHOWN)
    ).all()
    any_account = session.exec(select(col(Account.id)).limit(1)).first() is not None
    return StaffHomePage(
        is_fresh=not any_account,
        stuck=[Lacking(one, [in_words(step.title, locale) for step in one.lacks]) for one in stuck[:SHOWN]],
        stuck_total=len(stuck),
        finished=[
            Finished(
                account.external_id,
                account.name,
                titles.get(enrollment.checklist_key, enrollment.checklist_key),
                enrollment.completed_at or now,
            )
            for enrollment, account in finished
        ],
        fresh=fresh,
    )
