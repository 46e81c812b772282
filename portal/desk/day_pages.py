"""The first page of staff: my day, or everyone's; and on a new installation the acts that set it up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import Query, Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.visits import SignedInStaff, StaffViewer
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.checklists.wording import called
from portal.content.library import current
from portal.desk.day import Day, day_of, has_own
from portal.events.models import Source
from portal.events.sources import PORTAL
from portal.insights.stuck_pages import Lacking, lacking
from portal.kit.clock import local_day
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, redirect, render
from portal.workdays.service import calendar_of

router = page_router()
GUIDE = "staff-first-day"


@dataclass(frozen=True)
class FirstAct:
    """One of the acts that set an installation up; `act` at `href` does it, for whoever `may`."""

    title: Message
    why: Message
    act: Message
    href: str
    may: bool
    is_done: bool


@dataclass(frozen=True)
class StaffHomePage:
    """For `desk/day.html`. `acts` are there until all are done; `guide` tells how, once it is published.

    `titles` are those of the checklists by key; `whose` switches: (word, address, is this one).
    """

    acts: Sequence[FirstAct]
    guide: str
    has_accounts: bool
    everyone: bool
    whose: Sequence[tuple[Message, str, bool, None]]
    here: str
    called: str
    today: date
    is_business_day: bool
    day: Day
    stuck: Sequence[Lacking]
    titles: Mapping[str, str]
    may_act: bool


@router.get("/staff")
async def home(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    whose: Annotated[str, Query(max_length=20)] = "",
    whole: Annotated[str, Query(alias="all", max_length=20)] = "",
) -> Response:
    """What there is to do today; for whoever sees no customer, the library. `all` names a part shown whole."""
    if not viewer.may("see_customers"):
        return redirect("/staff/content")
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _home(session, site, viewer, whose, whole, locale))
    return render(request, "desk/day.html", page, viewer=viewer, nav="home")


def _home(session: Session, site: Site, viewer: StaffViewer, whose: str, whole: str, locale: Locale) -> StaffHomePage:
    now = site.clock()
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    acts = _first_acts(session, viewer, has_checklist=bool(titles))
    # Whoever nothing is written down for would find an empty page each morning.
    everyone = whose == "all" or (whose != "mine" and not has_own(session, viewer))
    day = day_of(session, viewer, everyone=everyone, now=now, zone=site.zone, whole=whole)
    today = local_day(now, site.zone)
    return StaffHomePage(
        acts=acts if not all(act.is_done for act in acts) else (),
        guide=f"/manuals/{GUIDE}" if current(session).find(GUIDE) else "",
        has_accounts=acts[1].is_done,
        everyone=everyone,
        whose=[
            (Message("My day"), "/staff?whose=mine", not everyone, None),
            (Message("Everyone's"), "/staff?whose=all", everyone, None),
        ],
        here="/staff?whose=all" if everyone else "/staff?whose=mine",
        called=called(viewer.name, locale),
        today=today,
        is_business_day=calendar_of(session).is_business_day(today),
        day=day,
        stuck=lacking(session, day.stuck.rows, locale),
        titles=titles,
        may_act=viewer.may("act_for_customers"),
    )


def _first_acts(session: Session, viewer: StaffViewer, *, has_checklist: bool) -> list[FirstAct]:
    has_account = session.exec(select(col(Account.id)).limit(1)).first() is not None
    heard = select(col(Source.id)).where(col(Source.name) != PORTAL, col(Source.revoked_at).is_(None)).limit(1)
    return [
        FirstAct(
            Message("Publish a checklist"),
            Message("It says what completion is, and is what completion is measured by. Five starters are there."),
            Message("New checklist"),
            "/staff/checklists/new",
            viewer.may("write_content"),
            has_checklist,
        ),
        FirstAct(
            Message("Import your customers"),
            Message("From a CSV file. You see what would happen first; those who started long ago are left alone."),
            Message("Import from a file"),
            "/staff/import",
            viewer.may("act_for_customers"),
            has_account,
        ),
        FirstAct(
            Message("Connect your product"),
            Message("It gets keys to send events with; from then on steps are ticked by what people do."),
            Message("Add a source"),
            "/staff/sources",
            viewer.may("connect_systems"),
            session.exec(heard).first() is not None,
        ),
    ]
