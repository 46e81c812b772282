"""The two pages a customer's people begin on: home, and for admins the team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import MaybeViewer, MemberViewer, SignedInAdmin, StaffViewer
from portal.checklists.shown import ChecklistView, view_of
from portal.checklists.state import states_of
from portal.checklists.wording import called
from portal.content.readers import reader_of
from portal.content.service import shelves
from portal.desk import check_pages, day_pages, team_acts
from portal.desk.team import Person, Team, team_of
from portal.kit.i18n import Locale, Message
from portal.kit.paging import page_at
from portal.kit.templating import in_locale
from portal.kit.web import SiteDep, locale_of, page_router, redirect, render
from portal.tutorials.service import in_progress

router = page_router()
router.include_router(check_pages.router)
router.include_router(team_acts.router)
router.include_router(day_pages.router)

NEWEST = 5
GOING_ON = 3
PEOPLE_A_PAGE = 100
GREETINGS = (
    (4, Message("Hello, %(name)s")),
    (11, Message("Good morning, %(name)s")),
    (18, Message("Hello, %(name)s")),
    (24, Message("Good evening, %(name)s")),
)
"""Until which hour each is said; the small hours are no morning."""


@dataclass(frozen=True)
class Lesson:
    """A tutorial in progress. `href` is the step to go on with."""

    title: str
    href: str
    done: int
    total: int


@dataclass(frozen=True)
class Fresh:
    """A document that is new or was changed."""

    title: str
    href: str
    lang: Locale | None
    changed_at: datetime


@dataclass(frozen=True)
class HomePage:
    """For `desk/home.html`: the one checklist that matters now, the others, what to go on with, what is new."""

    greeting: Message
    account_name: str
    checklist: ChecklistView | None
    others: Sequence[ChecklistView]
    lessons: Sequence[Lesson]
    fresh: Sequence[Fresh]


@dataclass(frozen=True)
class TeamStep:
    """A step as the head of a column. `people` of `needed` have done it."""

    key: str
    title: str
    is_done: bool
    people: int
    needed: int


@dataclass(frozen=True)
class TeamRow:
    """One colleague. `cells` are true, false, or None where the step asks nothing of them; `is_invited`: they have an
    invitation they may still take."""

    id: int
    name: str
    is_admin: bool
    cells: Sequence[bool | None]
    done: int
    total: int
    last_seen: datetime | None
    is_invited: bool


@dataclass(frozen=True)
class TeamPage:
    """For `desk/team.html`; without a checklist all but `account_name` is empty.

    `shared` are the steps done once for the whole company. `tabs` are (title, address, is this one, none). `successors`
    are the colleagues to whom the viewer can hand the administrator's role.
    """

    account_name: str
    title: str
    href: str
    tabs: Sequence[tuple[str, str, bool, None]]
    done: int
    total: int
    ring: Message | None
    steps: Sequence[TeamStep]
    shared: Sequence[TeamStep]
    rows: Sequence[TeamRow]
    people: int
    asked: int
    finished: int
    missing: int
    range: tuple[int, int]
    previous: str
    following: str
    successors: Sequence[tuple[int, str]] = ()


@router.get("/")
async def home(request: Request, site: SiteDep, viewer: MaybeViewer) -> Response:
    """Where everybody begins: members here, staff at their desk, strangers at the door."""
    if viewer is None:
        return redirect("/sign-in")
    if isinstance(viewer, StaffViewer):
        return redirect("/staff")
    locale, now = locale_of(request, viewer), site.clock()
    opened = request.query_params.get("step", "")
    page = await site.database.read(
        partial(_home, viewer=viewer, locale=locale, now=now, zone=site.zone, opened=opened)
    )
    return render(request, "desk/home.html", page, viewer=viewer, nav="home")


@router.get("/team")
async def team(request: Request, site: SiteDep, viewer: SignedInAdmin, checklist: str = "", page: int = 1) -> Response:
    """How everyone of the customer is getting on."""
    now = site.clock()
    found = await site.database.read(
        partial(team_of, account_id=viewer.account_id, key=checklist, now=now, zone=site.zone)
    )
    shown = _team_page(found, viewer, locale_of(request, viewer), page)
    return render(request, "desk/team.html", shown, viewer=viewer, nav="team")


# --- home -------------------------------------------------------------------------------------------------------------


def _home(
    session: Session, viewer: MemberViewer, locale: Locale, now: datetime, zone: ZoneInfo, opened: str
) -> HomePage:
    states = states_of(session, account_id=viewer.account_id, now=now, zone=zone, member_id=viewer.member_id)
    views = [
        view_of(session, state, viewer, locale=locale, now=now, zone=zone, opened=opened)
        for state in states
        if state.status != "excluded"
    ]
    # What is under way comes first; where all is done, what was finished last is celebrated.
    finished = sorted((view for view in views if view.completed_at), key=lambda view: view.completed_at or now)[::-1]
    ordered = [view for view in views if not view.completed_at] + finished
    reader = reader_of(viewer)
    lessons = in_progress(session, reader, now=now, zone=zone)[:GOING_ON]
    return HomePage(
        greeting=_greeting(viewer, locale, now, zone),
        account_name=viewer.account_name,
        checklist=ordered[0] if ordered else None,
        others=ordered[1:],
        lessons=[
            Lesson(
                title=in_locale(one.tutorial.title, locale=locale),
                href=f"/tutorials/{one.tutorial.key}"
                + (f"/{one.progress.next_step}" if one.progress.next_step else ""),
                done=one.progress.count,
                total=len(one.progress.steps),
            )
            for one in lessons
        ],
        fresh=_fresh(session, viewer, locale, now, zone),
    )


def _greeting(viewer: MemberViewer, locale: Locale, now: datetime, zone: ZoneInfo) -> Message:
    hour = now.astimezone(zone).hour
    said = next(message for until, message in GREETINGS if hour < until)
    return Message(said.msgid, name=called(viewer.name, locale))


def _fresh(session: Session, viewer: MemberViewer, locale: Locale, now: datetime, zone: ZoneInfo) -> list[Fresh]:
    found = shelves(session, reader_of(viewer), locale=locale, now=now, zone=zone)
    items = sorted(
        (item for shelf in found for item in shelf.items), key=lambda item: item.variant.changed_at, reverse=True
    )
    return [
        Fresh(
            title=item.variant.title,
            href=item.path,
            lang=None if item.variant.locale == locale else item.variant.locale,
            changed_at=item.variant.changed_at,
        )
        for item in items[:NEWEST]
    ]


# --- team -------------------------------------------------------------------------------------------------------------


def _team_page(found: Team | None, viewer: MemberViewer, locale: Locale, wanted: int) -> TeamPage:
    if found is None:
        return _no_team(viewer)
    state = found.state
    views = {
        one.step.key: TeamStep(
            key=one.step.key,
            title=in_locale(one.step.title, locale=locale),
            is_done=one.done is not None,
            people=one.people[0] if one.people else 0,
            needed=one.people[1] if one.people else 0,
        )
        for one in state.steps
    }
    place = page_at(wanted, total=len(found.people), limit=PEOPLE_A_PAGE)
    shown = found.people[place.skip : place.skip + PEOPLE_A_PAGE]
    return TeamPage(
        account_name=viewer.account_name,
        title=in_locale(state.title, locale=locale),
        href=f"/checklists/{state.key}",
        tabs=[
            (in_locale(one.title, locale=locale), _address(key), key == state.key, None) for key, one in found.choices
        ]
        if len(found.choices) > 1
        else (),
        done=state.progress.done,
        total=state.progress.total,
        ring=Message("%(done)s of %(total)s done", done=state.progress.done, total=state.progress.total),
        steps=[views[step.key] for step in found.steps],
        shared=[views[one.step.key] for one in state.steps if one.people is None],
        rows=[_row(found, person) for person in shown],
        people=place.total,
        asked=sum(bool(person.asked) for person in found.people),
        finished=sum(bool(person.asked) and person.asked <= person.done for person in found.people),
        missing=found.missing,
        range=(place.skip + 1, place.skip + len(shown)),
        previous=_address(state.key, place.page - 1) if place.page > 1 else "",
        following=_address(state.key, place.page + 1) if place.page < place.pages else "",
        successors=[(one.id, one.name) for one in found.people if one.id != viewer.member_id],
    )


def _row(found: Team, person: Person) -> TeamRow:
    return TeamRow(
        id=person.id,
        name=person.name,
        is_admin=person.role == "admin",
        cells=[
            True if step.key in person.done else False if step.key in person.asked else None for step in found.steps
        ],
        done=len(person.asked & person.done),
        total=len(person.asked),
        last_seen=person.last_seen,
        is_invited=person.is_invited,
    )


def _address(key: str, page: int = 1) -> str:
    return "/team?" + urlencode({"checklist": key, **({"page": page} if page > 1 else {})})


def _no_team(viewer: MemberViewer) -> TeamPage:
    return TeamPage(
        account_name=viewer.account_name,
        title="",
        href="",
        tabs=(),
        done=0,
        total=0,
        ring=None,
        steps=(),
        shared=(),
        rows=(),
        people=0,
        asked=0,
        finished=0,
        missing=0,
        range=(0, 0),
        previous="",
        following="",
    )
