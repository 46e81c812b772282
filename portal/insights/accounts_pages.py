"""Customers as staff see them: a list to look through, and everything about one, with what staff may do for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.listing import SORTS, STATUSES, AccountPage, Filters, Sort, facets, list_accounts
from portal.accounts.models import Account, Member
from portal.accounts.people import members_of
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import SignedInStaff, StaffViewer
from portal.checklists.actors import Actor
from portal.checklists.definition import in_words
from portal.checklists.exceptions import Change, make_exception
from portal.checklists.models import EnrollmentException
from portal.checklists.state import RunState, exceptions_of, states_of
from portal.checklists.steps import complete_step, undo_step
from portal.events import reads
from portal.events.reads import Cursor, Happening
from portal.insights.enrolled import enrollment_ids
from portal.kit.clock import day_start
from portal.kit.errors import Invalid, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render

router = page_router(prefix="/staff/accounts")
PER_PAGE = 50
EVENTS_SHOWN = 40
STATUS_WORDS = {
    "active": Message("Active"),
    "leaving": Message("Leaving"),
    "left": Message("Departed"),
    "unknown": Message("Known by events only"),
}
RUN_WORDS = {
    "in_progress": (Message("In progress"), ""),
    "completed": (Message("Completed"), "good"),
    "overdue": (Message("Overdue"), "bad"),
    "paused": (Message("Paused"), "warn"),
    "excluded": (Message("Excluded"), ""),
}
EXCEPTION_WORDS = {
    "start": Message("Start moved"),
    "due": Message("Deadline changed"),
    "pause": Message("Paused"),
    "resume": Message("Resumed"),
    "exclude": Message("Excluded"),
    "include": Message("Included again"),
    "withdraw": Message("No longer in the audience"),
    "return": Message("In the audience again"),
}
ACT_WORDS = {
    "start": Message("Move the start"),
    "due": Message("Change the deadline"),
    "pause": Message("Pause"),
    "resume": Message("Resume"),
    "exclude": Message("Exclude from the figures"),
    "include": Message("Include again"),
}
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class AccountsPage:
    """For `insights/accounts.html`. Links are ready: sorting by column, removing a filter, pages."""

    found: AccountPage
    filters: Filters
    sort: str
    descending: bool
    facets: dict[str, tuple[str, ...]]
    statuses: Sequence[tuple[str, Message]]
    sort_links: dict[str, str]
    chips: Sequence[tuple[Message | str, str]]
    previous_href: str
    next_href: str
    first: int
    last: int


@dataclass(frozen=True)
class StepLine:
    """One step of a run, with what staff may do about it."""

    key: str
    title: str
    by_staff: bool
    is_done: bool
    at: datetime | None
    who: str
    how: str
    due_at: datetime | None
    is_late: bool
    people: tuple[int, int] | None


@dataclass(frozen=True)
class RunPart:
    """One checklist of the account."""

    state: RunState
    title: str
    word: Message
    tone: str
    steps: Sequence[StepLine]
    exceptions: Sequence[tuple[EnrollmentException, Message]]
    acts: Sequence[tuple[str, Message]]


@dataclass(frozen=True)
class AccountPageOf:
    """For `insights/account.html`."""

    account: Account
    members: Sequence[Member]
    names: dict[int, str]
    last_seen: datetime | None
    runs: Sequence[RunPart]
    events: Sequence[Happening]
    older_href: str
    base: str


@router.get("")
async def accounts(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    q: Text = "",
    plan: Text = "",
    tier: Text = "",
    owner: Text = "",
    status: Text = "",
    sort: Text = "name",
    order: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """All customers, as filtered and sorted by the address."""
    now = site.clock()
    filters = Filters(
        q=q, plan=plan, tier=tier, owner=owner, status=next((one for one in STATUSES if one == status), None)
    )
    by: Sort = next((one for one in SORTS if one == sort), "name")

    def work(session: Session) -> AccountsPage:
        found = list_accounts(
            session, filters=filters, now=now, sort=by, descending=order == "desc", page=page, limit=PER_PAGE
        )
        return _list_page(found, filters, by, order == "desc", facets(session))

    shown = await site.database.report(work)
    return render(request, "insights/accounts.html", shown, viewer=viewer, nav="accounts")


@router.get("/{external_id:path}")
async def account(
    request: Request, site: SiteDep, viewer: SignedInStaff, external_id: str, before: Text = ""
) -> Response:
    """One customer: contract, people, checklists, and what happened."""
    locale = locale_of(request, viewer)
    page = await site.database.read(lambda session: _account_page(session, site, external_id, before, locale))
    return render(request, "insights/account.html", page, viewer=viewer, nav="accounts")


@router.post("/{external_id:path}/checklists/{key}/steps/{step}/{act}")
async def act_on_step(
    request: Request, site: SiteDep, viewer: SignedInStaff, external_id: str, key: str, step: str, act: str
) -> Response:
    """Staff tick a step, or take a completion back."""
    doing: dict[str, Callable[..., None]] = {"complete": complete_step, "undo": undo_step}
    if act not in doing:
        raise NotFound
    now = site.clock()

    def work(session: Session) -> None:
        doing[act](
            session,
            account_id=_id(session, external_id),
            key=key,
            step_key=step,
            actor=_actor(viewer),
            now=now,
            zone=site.zone,
        )

    await site.database.write(work)
    said = Message("The step is done.") if act == "complete" else Message("The step is open again.")
    return _back(request, external_id, key, said)


@router.post("/{external_id:path}/checklists/{key}/exception")
async def except_from_rule(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    external_id: str,
    key: str,
    act: Annotated[str, Form(max_length=10)],
    reason: Annotated[str, Form(max_length=1000)] = "",
    day: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Move the start, change the deadline, pause, exclude, and back: each with its reason."""
    now = site.clock()
    change = _change(act, reason, day, site)

    def work(session: Session) -> None:
        make_exception(
            session,
            account_id=_id(session, external_id),
            key=key,
            change=change,
            actor=_actor(viewer),
            now=now,
            zone=site.zone,
        )

    await site.database.write(work)
    return _back(request, external_id, key, Message("Done, and kept on record with its reason."))


def _change(act: str, reason: str, day: str, site: Site) -> Change:
    """The exception a form asks for; a day is one of the vendor's zone."""
    if act in ("start", "due"):
        try:
            at = day_start(date.fromisoformat(day), site.zone)
        except ValueError as error:
            raise Invalid(Message("Choose a day that exists.")) from error
        return Change(reason, started_at=at) if act == "start" else Change(reason, due_at=at)
    if act in ("pause", "resume"):
        return Change(reason, paused=act == "pause")
    if act in ("exclude", "include"):
        return Change(reason, excluded=act == "exclude")
    raise NotFound


def _list_page(
    found: AccountPage, filters: Filters, sort: str, descending: bool, known: dict[str, tuple[str, ...]]
) -> AccountsPage:
    asked = {
        "q": filters.q,
        "plan": filters.plan,
        "tier": filters.tier,
        "owner": filters.owner,
        "status": filters.status or "",
        "sort": sort if sort != "name" else "",
        "order": "desc" if descending else "",
    }

    def address(**changed: object) -> str:
        query = {name: str(value) for name, value in {**asked, **changed}.items() if value}
        return f"/staff/accounts?{urlencode(query)}" if query else "/staff/accounts"

    chips: list[tuple[Message | str, str]] = [
        (asked[name], address(**{name: ""})) for name in ("q", "plan", "tier", "owner") if asked[name]
    ]
    if filters.status:
        chips.append((STATUS_WORDS[filters.status], address(status="")))
    first = (found.page - 1) * found.limit + 1
    return AccountsPage(
        found=found,
        filters=filters,
        sort=sort,
        descending=descending,
        facets=known,
        statuses=tuple(STATUS_WORDS.items()),
        sort_links={one: address(sort=one, order="desc" if one == sort and not descending else "") for one in SORTS},
        chips=chips,
        previous_href=address(page=found.page - 1) if found.page > 1 else "",
        next_href=address(page=found.page + 1) if found.page < found.pages else "",
        first=min(first, found.total),
        last=min(first + len(found.accounts) - 1, found.total),
    )


def _account_page(session: Session, site: Site, external_id: str, before: str, locale: Locale) -> AccountPageOf:
    now, zone = site.clock(), site.zone
    account_id = _id(session, external_id)
    account = account_by_external_id(session, external_id)
    assert account is not None
    members = members_of(session, account_id)
    runs = states_of(session, account_id=account_id, now=now, zone=zone)
    ids = enrollment_ids(session, account_id=account_id)
    happened = reads.timeline(session, account_id=account_id, limit=EVENTS_SHOWN + 1, before=_cursor(before))
    older = ""
    if len(happened) > EVENTS_SHOWN:
        last = happened[EVENTS_SHOWN - 1]
        older = f"?{urlencode({'before': f'{last.at.isoformat()}~{last.id}'})}#timeline"
    return AccountPageOf(
        account=account,
        members=members,
        names={one.id or 0: one.name or one.email or one.external_id or "" for one in members},
        last_seen=reads.last_seen(session, account_ids=[account_id]).get(account_id),
        runs=[_part(session, one, ids.get(one.key, 0), locale) for one in runs],
        events=happened[:EVENTS_SHOWN],
        older_href=older,
        base=_address(external_id),
    )


def _part(session: Session, state: RunState, enrollment_id: int, locale: Locale) -> RunPart:
    word, tone = RUN_WORDS[state.status]
    kept = exceptions_of(session, enrollment_id)
    acts = ["start", "due"]
    acts.append("resume" if state.status == "paused" else "pause")
    acts.append("include" if state.status == "excluded" else "exclude")
    return RunPart(
        state=state,
        title=in_words(state.title, locale),
        word=word,
        tone=tone,
        steps=[
            StepLine(
                key=one.step.key,
                title=in_words(one.step.title, locale),
                by_staff=one.step.by == "staff",
                is_done=one.done is not None,
                at=one.done.at if one.done else None,
                who=(one.done.by_name or one.done.by) if one.done else "",
                how=one.done.how if one.done else "",
                due_at=one.due_at,
                is_late=one.is_late,
                people=one.people,
            )
            for one in state.steps
        ],
        exceptions=[(one, EXCEPTION_WORDS[one.kind]) for one in kept],
        acts=[(one, ACT_WORDS[one]) for one in acts],
    )


def _cursor(text: str) -> Cursor | None:
    moment, _, number = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return Cursor(at, int(number)) if number.isdigit() and len(number) < 19 and at.tzinfo else None


def _id(session: Session, external_id: str) -> int:
    account = account_by_external_id(session, external_id)
    if account is None:
        raise NotFound
    return id_of(account)


def _actor(viewer: StaffViewer) -> Actor:
    return Actor(kind="staff", key=viewer.email_key, name=viewer.name)


def _address(external_id: str) -> str:
    return f"/staff/accounts/{quote(external_id, safe='')}"


def _back(request: Request, external_id: str, key: str, said: Message) -> Response:
    response = redirect(f"{_address(external_id)}#checklist-{quote(key)}")
    flash(request, response, said)
    return response
