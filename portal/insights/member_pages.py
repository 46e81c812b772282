"""One person's data: what is held of them as one file, and erasing them, for owners."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import orjson
from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.models import Account, Member
from portal.accounts.owners import owners_only
from portal.accounts.paths import customer_path
from portal.accounts.people import memberships_by_external_id
from portal.accounts.personal import erase_member, everything_about
from portal.accounts.visits import SeesCustomers, StaffViewer
from portal.events.export import as_file
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.mailing.addresses import stopped_among

router = page_router(prefix="/staff/members")
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class MemberPage:
    """For `insights/member.html`. `to_type` is what confirms an erasure; `elsewhere` are the person's other customers,
    which an erasure here leaves alone."""

    member: Member
    account: Account
    name: str
    account_href: str
    elsewhere: Sequence[tuple[str, str]]
    to_type: str
    may_manage: bool
    has_left: bool
    stopped: str = ""
    reason: str = ""
    problems: Sequence[Message] = ()


@router.get("/{member_id}")
async def member(request: Request, site: SiteDep, viewer: SeesCustomers, member_id: int) -> Response:
    """What is known of a person, and what can be done about it."""
    now = site.clock()
    page = await site.database.read(lambda session: _page(session, member_id, viewer, now=now))
    return render(request, "insights/member.html", page, viewer=viewer, nav="accounts")


@router.get("/{member_id}/export.json")
async def export(site: SiteDep, viewer: SeesCustomers, member_id: int) -> Response:
    """Everything held of the person, as one JSON file."""
    owners_only(viewer)

    def work(session: Session) -> bytes:
        everything = everything_about(session, _member(session, member_id), now=site.clock())
        return orjson.dumps(everything, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)

    body = await site.database.report(work)
    return Response(body, media_type="application/json", headers=as_file(f"member-{member_id}", "json"))


@router.post("/{member_id}/erase")
async def erase(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    member_id: int,
    typed: Annotated[str, Form(max_length=1000)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Erase the person, once their id has been typed and a reason given."""
    owners_only(viewer)

    def work(session: Session) -> str:
        person = _member(session, member_id)
        problems = []
        if typed.strip() != to_type(person):
            said = Message("Type “%(text)s” exactly, so that nobody else is erased.", text=to_type(person))
            problems.append(FieldProblem("typed", "mismatch", said))
        if not reason.strip():
            problems.append(FieldProblem("reason", "missing", Message("Say why: it stays on record.")))
        if problems:
            raise Invalid(Message("Nothing was erased."), problems=problems)
        account = session.get_one(Account, person.account_id)
        erase_member(session, person, by=viewer.email_key, reason=reason, now=site.clock())
        return account.external_id

    try:
        external_id = await site.database.write(work)
    except Invalid as error:
        wrong, now = [one.message for one in error.problems], site.clock()
        page = await site.database.read(lambda session: _page(session, member_id, viewer, reason, wrong, now=now))
        return render(request, "insights/member.html", page, viewer=viewer, nav="accounts", status=422)
    response = redirect(customer_path(external_id))
    flash(request, response, Message("The person is erased. What they did still counts, without a name."))
    return response


def to_type(member: Member) -> str:
    """What confirms the erasure of this person: the product's id for them, else their address, else their number."""
    return member.external_id or member.email or str(member.id)


def _member(session: Session, member_id: int) -> Member:
    found: Member | None = session.get(Member, member_id) if member_id <= LARGEST else None
    if found is None:
        raise NotFound
    return found


def _page(
    session: Session,
    member_id: int,
    viewer: StaffViewer,
    reason: str = "",
    problems: Sequence[Message] = (),
    *,
    now: datetime,
) -> MemberPage:
    found = _member(session, member_id)
    others = memberships_by_external_id(session, found.external_id) if found.external_id else ()
    elsewhere = [session.get_one(Account, one.account_id) for one in others if one.id != found.id]
    account = session.get_one(Account, found.account_id)
    return MemberPage(
        member=found,
        account=account,
        name=found.name or to_type(found),
        account_href=customer_path(account.external_id),
        elsewhere=[(one.name, customer_path(one.external_id)) for one in elsewhere],
        to_type=to_type(found),
        may_manage=viewer.is_admin,
        has_left=any(left is not None and left <= now for left in (found.left_at, account.left_at)),
        stopped=stopped_among(session, [found.email_key or ""]).get(found.email_key or "", ""),
        reason=reason,
        problems=problems,
    )
