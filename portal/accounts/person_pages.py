"""People of customers, kept by staff in the browser: added, described, leaving and coming back, and how they get in."""

from dataclasses import replace
from datetime import datetime

from fastapi import Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts import described
from portal.accounts.described import PERSON_FIELDS, Texts
from portal.accounts.description import (
    CUSTOMER,
    Day,
    DescriptionPage,
    EntryPart,
    customer_at,
    day_in,
    given_in,
    identifier_in,
    said_of,
    save,
    show,
    told,
)
from portal.accounts.invitations import STATE_WORDS, history, state_of
from portal.accounts.models import Account, Member
from portal.accounts.one_person import survivors_of
from portal.accounts.paths import customer_path
from portal.accounts.people import describe_member, mark_member_left, mark_member_returned, member_by_id, upsert_member
from portal.accounts.rules import is_shared_address
from portal.accounts.service import id_of
from portal.accounts.visits import ActsForCustomers
from portal.kit.clock import day_end
from portal.kit.errors import NotFound
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, page_router, redirect

router = page_router()
SHOWN_WAYS = 10
ROLES = (("admin", ""), ("member", ""))
"""What a role mostly is; a vendor may have words of its own."""


@router.get(f"{CUSTOMER}/people/new")
async def new_person(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """An empty form."""
    account = await site.database.read(lambda session: customer_at(session, external_id))
    return show(request, viewer, _person_form(account, None, {"role": "member"}))


@router.post(f"{CUSTOMER}/people/new")
async def add_person(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """A person of the customer that was not there."""
    given = await given_in(request, PERSON_FIELDS)
    now = site.clock()
    account = await site.database.read(lambda session: customer_at(session, external_id))
    theirs, wrong = identifier_in(given, required=False, zone_of=site)
    reading = described.read_person(given, {}, zone=site.zone)

    def work(session: Session) -> None:
        upsert_member(
            session, customer_at(session, external_id), external_id=theirs or None, changes=said_of(reading), now=now
        )

    return await save(
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
    """The person as a form; the address of an entry that became one with another leads to that."""

    def work(session: Session) -> DescriptionPage | int:
        account = customer_at(session, external_id)
        member = member_by_id(session, id_of(account), member_id)
        if member is None:
            survivor = survivors_of(session, [member_id]).get((id_of(account), member_id))
            if survivor is None:
                raise NotFound
            return survivor
        page = _person_form(account, member, described.person_texts(member, site.zone))
        return replace(page, entry=_entry(session, member, now=site.clock()))

    found = await site.database.read(work)
    if isinstance(found, int):
        return redirect(f"{customer_path(external_id)}/people/{found}")
    return show(request, viewer, found)


@router.post(f"{CUSTOMER}/people/{{member_id:int}}")
async def save_person(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """What was changed in the form, and nothing else."""
    given = await given_in(request, PERSON_FIELDS)
    now = site.clock()

    def find(session: Session) -> tuple[Account, Member]:
        account = customer_at(session, external_id)
        return account, _person(session, account, member_id)

    account, member = await site.database.read(find)
    reading = described.read_person(given, described.person_texts(member, site.zone), zone=site.zone)

    def work(session: Session) -> None:
        describe_member(session, find(session)[1], changes=reading.changes, now=now)

    return await save(
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
        member = _person(session, customer_at(session, external_id), member_id)
        mark_member_left(session, member, left_at=day_end(day_in(day), site.zone), now=now)
        return Message("%(name)s leaves at the end of that day.", name=_name(member))

    return await told(request, site, work, f"{customer_path(external_id)}/people/{member_id}")


@router.post(f"{CUSTOMER}/people/{{member_id:int}}/return")
async def person_returns(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """The person is there after all."""
    now = site.clock()

    def work(session: Session) -> Message:
        member = _person(session, customer_at(session, external_id), member_id)
        mark_member_returned(session, member, now=now)
        return Message("%(name)s is there as before.", name=_name(member))

    return await told(request, site, work, f"{customer_path(external_id)}/people/{member_id}")


def _entry(session: Session, member: Member, *, now: datetime) -> EntryPart:
    ways = [(one, *STATE_WORDS[state_of(one, now=now)]) for one in history(session, member)]
    return EntryPart(
        has_address=bool(member.email),
        is_shared=is_shared_address(member.email or ""),
        is_open=any(state_of(one, now=now) in ("invited", "opened") for one, _, _ in ways if one.how == "mail"),
        ways=ways[:SHOWN_WAYS],
        look=f"/staff/members/{member.id}/look" if member.left_at is None or member.left_at > now else "",
    )


def _person_form(account: Account, member: Member | None, texts: Texts) -> DescriptionPage:
    home = customer_path(account.external_id)
    if member is None:
        action, title = f"{home}/people/new", Message("Add a person")
        return DescriptionPage(
            title,
            account.name,
            PERSON_FIELDS,
            texts,
            action,
            home,
            asks_id=True,
            id_required=False,
            offered={"role": ROLES},
        )
    here = f"{home}/people/{member.id}"
    title = Message("Edit the person")
    return DescriptionPage(
        title,
        account.name,
        PERSON_FIELDS,
        texts,
        here,
        home,
        leaving=here,
        left_at=member.left_at,
        offered={"role": ROLES},
    )


def _person(session: Session, account: Account, member_id: int) -> Member:
    member = member_by_id(session, id_of(account), member_id)
    if member is None:
        raise NotFound
    return member


def _name(member: Member) -> str:
    return member.name or member.email or member.external_id or ""
