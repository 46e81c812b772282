"""Customers and their people, kept by staff in the browser: added, described, leaving and coming back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts import described
from portal.accounts.described import CUSTOMER_FIELDS, PERSON_FIELDS, FormField, Texts
from portal.accounts.fields import Reading, Unreadable, identifier
from portal.accounts.invitations import State, history, state_of
from portal.accounts.models import Account, Invitation, Member
from portal.accounts.paths import customer_path
from portal.accounts.people import (
    describe_member,
    mark_member_left,
    mark_member_returned,
    member_by_id,
    upsert_member,
)
from portal.accounts.rules import is_shared_address
from portal.accounts.service import account_by_external_id, id_of, mark_left, mark_returned, upsert_account
from portal.accounts.visits import ActsForCustomers, StaffViewer
from portal.kit.clock import day_end
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render

router = page_router()
CUSTOMER = "/staff/accounts/{external_id:path}"
Day = Annotated[str, Form(max_length=10)]
SHOWN_WAYS = 10


@dataclass(frozen=True)
class EntryPart:
    """How somebody gets in. `ways` are the invitations and codes given so far, newest first, and how each stands."""

    has_address: bool
    is_shared: bool
    is_open: bool
    ways: Sequence[tuple[Invitation, Message, str]]


ENTRY_WORDS: Mapping[State, tuple[Message, str]] = {
    "invited": (Message("Invited"), ""),
    "opened": (Message("Opened"), "accent"),
    "joined": (Message("Joined"), "good"),
    "expired": (Message("Expired"), "warn"),
    "revoked": (Message("Taken back"), ""),
}


@dataclass(frozen=True)
class DescriptionPage:
    """For `accounts/describe.html`: a form of `fields`. `action` is where it goes, `back` the page it came from.

    `asks_id`: it is new, and its id in the vendor's systems is asked for; `id_required` whether it must be given.
    `leaving` is there for what exists: the address that takes the day of leaving, and the day already set, if any.
    """

    title: Message
    of: str
    fields: Sequence[FormField]
    texts: Texts
    action: str
    back: str
    asks_id: bool = False
    id_required: bool = True
    leaving: str = ""
    left_at: datetime | None = None
    entry: EntryPart | None = None
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


# --- people -----------------------------------------------------------------------------------------------------------
# They come first: an id may hold a slash, so a customer's `…/leave` would take `…/people/7/leave` for its own.


@router.get(f"{CUSTOMER}/people/new")
async def new_person(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """An empty form."""
    account = await site.database.read(lambda session: _customer(session, external_id))
    return _shown(request, viewer, _person_form(account, None, {"role": "member"}))


@router.post(f"{CUSTOMER}/people/new")
async def add_person(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """A person of the customer that was not there."""
    given = await _given(request, PERSON_FIELDS)
    now = site.clock()
    account = await site.database.read(lambda session: _customer(session, external_id))
    theirs, wrong = _identifier(given, required=False, zone_of=site)
    reading = described.read_person(given, {}, zone=site.zone)

    def work(session: Session) -> None:
        upsert_member(
            session, _customer(session, external_id), external_id=theirs or None, changes=_said(reading), now=now
        )

    return await _save(
        request,
        site,
        viewer,
        work,
        problems=[*wrong, *reading.problems],
        page=_person_form(account, None, given),
        onward=customer_path(external_id),
        said=Message("The person was added."),
    )


@router.get(f"{CUSTOMER}/people/{{member_id:int}}")
async def describe_person(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """The person as a form."""

    def work(session: Session) -> DescriptionPage:
        account = _customer(session, external_id)
        member = _person(session, account, member_id)
        page = _person_form(account, member, described.person_texts(member, site.zone))
        return replace(page, entry=_entry(session, member, now=site.clock()))

    return _shown(request, viewer, await site.database.read(work))


@router.post(f"{CUSTOMER}/people/{{member_id:int}}")
async def save_person(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """What was changed in the form, and nothing else."""
    given = await _given(request, PERSON_FIELDS)
    now = site.clock()

    def find(session: Session) -> tuple[Account, Member]:
        account = _customer(session, external_id)
        return account, _person(session, account, member_id)

    account, member = await site.database.read(find)
    reading = described.read_person(given, described.person_texts(member, site.zone), zone=site.zone)

    def work(session: Session) -> None:
        describe_member(session, find(session)[1], changes=reading.changes, now=now)

    return await _save(
        request,
        site,
        viewer,
        work,
        problems=reading.problems,
        page=_person_form(account, member, given),
        onward=customer_path(external_id),
        said=Message("Saved."),
    )


@router.post(f"{CUSTOMER}/people/{{member_id:int}}/leave")
async def person_leaves(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int, day: Day = ""
) -> Response:
    """The person leaves at the end of a day: from then on they cannot sign in."""
    now = site.clock()

    def work(session: Session) -> Message:
        member = _person(session, _customer(session, external_id), member_id)
        mark_member_left(session, member, left_at=day_end(_day(day), site.zone), now=now)
        return Message("%(name)s leaves at the end of that day.", name=_name(member))

    return await _told(request, site, work, f"{customer_path(external_id)}/people/{member_id}")


@router.post(f"{CUSTOMER}/people/{{member_id:int}}/return")
async def person_returns(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """The person is there after all."""
    now = site.clock()

    def work(session: Session) -> Message:
        member = _person(session, _customer(session, external_id), member_id)
        mark_member_returned(session, member, now=now)
        return Message("%(name)s is there as before.", name=_name(member))

    return await _told(request, site, work, f"{customer_path(external_id)}/people/{member_id}")


# --- customers --------------------------------------------------------------------------------------------------------


@router.get("/staff/new-customer")
async def new_customer(request: Request, viewer: ActsForCustomers) -> Response:
    """An empty form."""
    return _shown(request, viewer, _customer_form(None, {"currency": "JPY"}))


@router.post("/staff/new-customer")
async def add_customer(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """A customer that was not there."""
    given = await _given(request, CUSTOMER_FIELDS)
    now = site.clock()
    external_id, wrong = _identifier(given, required=True, zone_of=site)
    reading = described.read_customer(given, {}, zone=site.zone)
    problems = [*wrong, *reading.problems, *_missing_name(given)]

    def work(session: Session) -> None:
        if account_by_external_id(session, external_id) is not None:
            raise Conflict(Message("There is a customer with this id already."))
        upsert_account(session, external_id=external_id, changes=_said(reading), now=now)

    return await _save(
        request,
        site,
        viewer,
        work,
        problems=problems,
        page=_customer_form(None, given),
        onward=customer_path(external_id),
        said=Message("The customer was added."),
    )


@router.get(f"{CUSTOMER}/edit")
async def describe_customer(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """The customer as a form."""

    def work(session: Session) -> DescriptionPage:
        account = _customer(session, external_id)
        return _customer_form(account, described.customer_texts(account, site.zone))

    return _shown(request, viewer, await site.database.read(work))


@router.post(f"{CUSTOMER}/edit")
async def save_customer(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """What was changed in the form, and nothing else."""
    given = await _given(request, CUSTOMER_FIELDS)
    now = site.clock()
    account = await site.database.read(lambda session: _customer(session, external_id))
    shown = described.customer_texts(account, site.zone)
    reading = described.read_customer(given, shown, zone=site.zone)

    def work(session: Session) -> None:
        _customer(session, external_id)
        upsert_account(session, external_id=external_id, changes=reading.changes, now=now)

    return await _save(
        request,
        site,
        viewer,
        work,
        problems=[*reading.problems, *_missing_name(given)],
        page=_customer_form(account, given),
        onward=customer_path(external_id),
        said=Message("Saved."),
    )


@router.post(f"{CUSTOMER}/leave")
async def leave(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, day: Day = "", notice: Day = ""
) -> Response:
    """The customer leaves at the end of a day; `notice` is the day it said so."""
    now = site.clock()

    def work(session: Session) -> Message:
        account = _customer(session, external_id)
        last = day_end(_day(day), site.zone)
        said = day_end(_day(notice), site.zone) if notice else None
        if last < account.started_at:
            raise Invalid(Message("That day lies before the customer's start. Nothing was changed."))
        mark_left(session, account, left_at=last, notice_at=said, now=now)
        return Message("%(name)s leaves at the end of that day.", name=account.name)

    return await _told(request, site, work, f"{customer_path(external_id)}/edit")


@router.post(f"{CUSTOMER}/return")
async def come_back(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """The customer stays, or is back."""
    now = site.clock()

    def work(session: Session) -> Message:
        account = _customer(session, external_id)
        mark_returned(session, account, now=now)
        return Message("%(name)s is a customer as before.", name=account.name)

    return await _told(request, site, work, f"{customer_path(external_id)}/edit")


# --- forms ------------------------------------------------------------------------------------------------------------


def _entry(session: Session, member: Member, *, now: datetime) -> EntryPart:
    ways = [(one, *ENTRY_WORDS[state_of(one, now=now)]) for one in history(session, member)]
    return EntryPart(
        has_address=bool(member.email),
        is_shared=is_shared_address(member.email or ""),
        is_open=any(state_of(one, now=now) in ("invited", "opened") for one, _, _ in ways if one.how == "mail"),
        ways=ways[:SHOWN_WAYS],
    )


def _customer_form(account: Account | None, texts: Texts) -> DescriptionPage:
    if account is None:
        title = Message("Add a customer")
        return DescriptionPage(
            title, "", CUSTOMER_FIELDS, texts, "/staff/new-customer", "/staff/accounts", asks_id=True
        )
    here = customer_path(account.external_id)
    title = Message("Edit the customer")
    return DescriptionPage(
        title, account.name, CUSTOMER_FIELDS, texts, f"{here}/edit", here, leaving=here, left_at=account.left_at
    )


def _person_form(account: Account, member: Member | None, texts: Texts) -> DescriptionPage:
    home = customer_path(account.external_id)
    if member is None:
        action, title = f"{home}/people/new", Message("Add a person")
        return DescriptionPage(title, account.name, PERSON_FIELDS, texts, action, home, asks_id=True, id_required=False)
    here = f"{home}/people/{member.id}"
    title = Message("Edit the person")
    return DescriptionPage(title, account.name, PERSON_FIELDS, texts, here, home, leaving=here, left_at=member.left_at)


async def _given(request: Request, fields: Sequence[FormField]) -> dict[str, str]:
    form = await request.form()
    names = ("external_id", *(one.name for one in fields))
    return {name: text for name in names if isinstance(text := form.get(name), str)}


def _identifier(given: Texts, *, required: bool, zone_of: Site) -> tuple[str, list[FieldProblem]]:
    text = given.get("external_id", "").strip()
    if not text:
        said = Message("this is empty")
        return "", [FieldProblem("external_id", "missing", said)] if required else []
    try:
        return str(identifier(text, zone_of.zone)), []
    except Unreadable as error:
        return "", [FieldProblem("external_id", error.code, error.message)]


def _missing_name(given: Texts) -> list[FieldProblem]:
    return [] if given.get("name", "").strip() else [FieldProblem("name", "missing", Message("this is empty"))]


def _said(reading: Reading) -> dict[str, object]:
    """Of something new: an empty field says nothing."""
    return {name: value for name, value in reading.changes.items() if value is not None}


async def _save(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    work: Callable[[Session], None],
    *,
    problems: Sequence[FieldProblem],
    page: DescriptionPage,
    onward: str,
    said: Message,
) -> Response:
    """Do `work` and go on, or show the form again as it was filled in, with what is wrong beside each field."""
    errors: dict[str, list[Message]] = {}
    for problem in problems:
        errors.setdefault(problem.field, []).append(problem.message)
    status = 422
    if not errors:
        try:
            await site.database.write(work)
        except (Conflict, Invalid) as wrong:
            status = wrong.status
            errors = {"email" if page.fields is PERSON_FIELDS else "external_id": [wrong.message]}
        else:
            response = redirect(onward)
            flash(request, response, said)
            return response
    return _shown(request, viewer, replace(page, errors=errors), status=status)


def _shown(request: Request, viewer: StaffViewer, page: DescriptionPage, *, status: int = 200) -> Response:
    return render(request, "accounts/describe.html", page, viewer=viewer, nav="accounts", status=status)


async def _told(request: Request, site: Site, work: Callable[[Session], Message], back: str) -> Response:
    """Do `work` and go back, with a word on how it went."""
    try:
        said, kind = await site.database.write(work), "good"
    except Invalid as wrong:
        said, kind = wrong.message, "bad"
    response = redirect(back)
    flash(request, response, said, kind=kind)
    return response


def _customer(session: Session, external_id: str) -> Account:
    account = account_by_external_id(session, external_id)
    if account is None:
        raise NotFound
    return account


def _person(session: Session, account: Account, member_id: int) -> Member:
    member = member_by_id(session, id_of(account), member_id)
    if member is None:
        raise NotFound
    return member


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(Message("Choose a day that exists.")) from error


def _name(member: Member) -> str:
    return member.name or member.email or member.external_id or ""
