"""The staff desk: home as a work list, and the pages of onboarding and customers."""

from collections.abc import Mapping, Sequence
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
from portal.checklists.stuck import Why, stuck_accounts
from portal.content.library import current
from portal.events.models import Source
from portal.events.sources import PORTAL
from portal.insights import (
    account_acts,
    account_pages,
    accounts_pages,
    audit_pages,
    behind_pages,
    member_pages,
    onboarding_pages,
    report_pages,
)
from portal.insights.onboarding_pages import Lacking, lacking
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, redirect, render

router = page_router()
router.include_router(audit_pages.router)
router.include_router(behind_pages.router)
router.include_router(onboarding_pages.router)
router.include_router(report_pages.router)
router.include_router(accounts_pages.router)
router.include_router(member_pages.router)
router.include_router(account_acts.router)
router.include_router(account_pages.router)
SHOWN = 12
LATELY = timedelta(days=7)
NEW = timedelta(days=14)
GUIDE = "staff-first-day"


@dataclass(frozen=True)
class Finished:
    """A customer that completed a checklist lately."""

    external_id: str
    name: str
    checklist: str
    at: datetime


@dataclass(frozen=True)
class FirstAct:
    """One of the acts that set an installation up; `command` does it."""

    title: Message
    why: Message
    command: str
    is_done: bool


@dataclass(frozen=True)
class StaffHomePage:
    """For `insights/home.html`. `acts` are there until all are done; `guide` tells how, once it is published."""

    acts: Sequence[FirstAct]
    guide: str
    stuck: Sequence[Lacking]
    counts: Mapping[Why, int]
    stuck_total: int
    has_accounts: bool
    finished: Sequence[Finished]
    leaving: Sequence[Account]
    fresh: Sequence[Account]


@router.get("/staff")
async def home(request: Request, site: SiteDep, viewer: SignedInStaff) -> Response:
    """Who needs attention, and why; for whoever sees no customer, the library."""
    if not viewer.may("see_customers"):
        return redirect("/staff/content")
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _home(session, site, locale))
    return render(request, "insights/home.html", page, viewer=viewer, nav="home")


def _home(session: Session, site: Site, locale: Locale) -> StaffHomePage:
    now = site.clock()
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    found = stuck_accounts(session, now=now, zone=site.zone, limit=SHOWN)
    acts = _first_acts(session, has_checklist=bool(titles))
    finished = session.exec(
        select(Enrollment, Account)
        .join(Account, col(Account.id) == col(Enrollment.account_id))
        .where(
            col(Enrollment.completed_at) > now - LATELY,
            col(Enrollment.completed_at) <= now,
            col(Enrollment.excluded_at).is_(None),
            col(Enrollment.withdrawn_at).is_(None),
            col(Enrollment.checklist_key).in_(list(titles)),
        )
        .order_by(col(Enrollment.completed_at).desc())
        .limit(SHOWN)
    )
    fresh = select(Account).where(col(Account.started_at) > now - NEW, col(Account.started_at) <= now)
    leaving = select(Account).where(
        col(Account.notice_at).is_not(None) | col(Account.left_at).is_not(None),
        col(Account.left_at).is_(None) | (col(Account.left_at) > now),
    )
    return StaffHomePage(
        acts=acts if not all(act.is_done for act in acts) else (),
        guide=f"/manuals/{GUIDE}" if current(session).find(GUIDE) else "",
        stuck=lacking(session, found.rows, locale),
        counts=found.counts,
        stuck_total=found.total,
        has_accounts=acts[1].is_done,
        finished=[
            Finished(account.external_id, account.name, titles[run.checklist_key], run.completed_at or now)
            for run, account in finished
        ],
        leaving=session.exec(leaving.order_by(col(Account.left_at), col(Account.id)).limit(SHOWN)).all(),
        fresh=session.exec(fresh.order_by(col(Account.started_at).desc(), col(Account.id)).limit(SHOWN)).all(),
    )


def _first_acts(session: Session, *, has_checklist: bool) -> list[FirstAct]:
    has_account = session.exec(select(col(Account.id)).limit(1)).first() is not None
    heard = select(col(Source.id)).where(col(Source.name) != PORTAL, col(Source.revoked_at).is_(None)).limit(1)
    return [
        FirstAct(
            Message("Publish manuals, tutorials and a checklist"),
            Message("They are files in content/ and tutorials/. A checklist is what completion is measured by."),
            "banso publish",
            has_checklist,
        ),
        FirstAct(
            Message("Import your customers"),
            Message("From a CSV file, first with --dry-run. Those who started lately are enrolled at once."),
            "banso import accounts customers.csv",
            has_account,
        ),
        FirstAct(
            Message("Connect your product"),
            Message("It gets keys to send events with; from then on steps are ticked by what people do."),
            "banso source add product",
            session.exec(heard).first() is not None,
        ),
    ]
