"""Who belongs to the vendor: invited by an owner, given a role, removed with their next click, brought back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.invitation_mails import staff_invitation
from portal.accounts.models import Staff
from portal.accounts.roles import ROLE_MEANINGS, ROLE_WORDS, ROLES, Role
from portal.accounts.staff import (
    add_staff,
    last_visits,
    list_staff,
    remove_staff,
    staff_by_email,
    staff_by_id,
)
from portal.accounts.visits import ManagesStaff
from portal.kit import mail
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render

router = page_router(prefix="/staff/people")
HERE = "/staff/people"
Typed = Annotated[str, Form(max_length=254)]


@dataclass(frozen=True)
class Person:
    """One line of the list."""

    id: int
    name: str
    email: str
    role: Role
    is_me: bool
    last_seen: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True)
class StaffPage:
    """For `accounts/staff.html`. `typed` and `errors` are those of the form, by field."""

    people: Sequence[Person]
    removed: Sequence[Person]
    roles: Sequence[tuple[Role, Message, Message]]
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


@router.get("")
async def people(request: Request, site: SiteDep, viewer: ManagesStaff) -> Response:
    """Everyone of the vendor's."""
    page = await site.database.read(lambda session: _page(session, viewer.staff_id))
    return render(request, "accounts/staff.html", page, viewer=viewer, nav="staff")


@router.post("")
async def invite(
    request: Request, site: SiteDep, viewer: ManagesStaff, email: Typed = "", name: Typed = "", role: Typed = "cs"
) -> Response:
    """Add somebody, and tell them by mail how to get in."""
    now = site.clock()

    def work(session: Session) -> Staff:
        known = staff_by_email(session, email)
        if known is not None and known.removed_at is None:
            raise Conflict(Message("%(email)s is on the list already.", email=known.email))
        added = add_staff(session, email=email, name=name.strip(), role=role, now=now)
        mail.queue(session, _letter(site, added, viewer.name), now=now)
        return added

    try:
        added = await site.database.write(work)
    except (Invalid, Conflict) as wrong:
        problems = {one.field: [one.message] for one in wrong.problems} or {"email": [wrong.message]}
        typed = {"email": email, "name": name, "role": role}
        page = await site.database.read(lambda session: _page(session, viewer.staff_id, typed, problems))
        return render(request, "accounts/staff.html", page, viewer=viewer, nav="staff", status=wrong.status)
    return _back(request, Message("%(email)s was added, and told by mail how to sign in.", email=added.email))


@router.post("/{staff_id}/role")
async def change_role(
    request: Request, site: SiteDep, viewer: ManagesStaff, staff_id: int, role: Typed = ""
) -> Response:
    """Give somebody another role; it holds from their next click."""
    now = site.clock()

    def work(session: Session) -> Message:
        staff = _known(session, staff_id)
        if staff.removed_at is not None:
            raise NotFound
        add_staff(session, email=staff.email, role=role, now=now)
        return Message("%(name)s now has the role “%(role)s”.", name=_name(staff), role=ROLE_WORDS[_role(staff)])

    return await _told(request, site, work)


@router.post("/{staff_id}/remove")
async def remove(request: Request, site: SiteDep, viewer: ManagesStaff, staff_id: int) -> Response:
    """Take somebody off; every browser of theirs is signed out."""
    now = site.clock()

    def work(session: Session) -> Message:
        staff = _known(session, staff_id)
        remove_staff(session, staff, now=now)
        return Message("%(name)s was removed, and is signed out everywhere.", name=_name(staff))

    return await _told(request, site, work)


@router.post("/{staff_id}/return")
async def bring_back(request: Request, site: SiteDep, viewer: ManagesStaff, staff_id: int) -> Response:
    """Undo a removal: the same role as before."""
    now = site.clock()

    def work(session: Session) -> Message:
        staff = _known(session, staff_id)
        add_staff(session, email=staff.email, now=now)
        return Message("%(name)s is back, with the same role as before.", name=_name(staff))

    return await _told(request, site, work)


def _page(
    session: Session,
    me: int,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, Sequence[Message]] | None = None,
) -> StaffPage:
    seen = last_visits(session)

    def line(staff: Staff) -> Person:
        number = staff.id or 0
        return Person(
            id=number,
            name=_name(staff),
            email=staff.email,
            role=_role(staff),
            is_me=number == me,
            last_seen=seen.get(number),
            removed_at=staff.removed_at,
        )

    return StaffPage(
        people=[line(one) for one in list_staff(session)],
        removed=[line(one) for one in list_staff(session, removed=True)],
        roles=[(role, ROLE_WORDS[role], ROLE_MEANINGS[role]) for role in ROLES],
        typed=typed or {},
        errors=errors or {},
    )


def _letter(site: Site, staff: Staff, invited_by: str) -> mail.Mail:
    return staff_invitation(
        site.templates,
        to=staff.email,
        name=staff.name,
        invited_by=invited_by,
        role=_role(staff),
        locale=site.locale,
        vendor_name=site.vendor_name,
        url=f"{site.base_url.rstrip('/')}/sign-in",
    )


async def _told(request: Request, site: Site, work: Callable[[Session], Message]) -> Response:
    try:
        return _back(request, await site.database.write(work))
    except Conflict as wrong:
        return _back(request, wrong.message, kind="bad")


def _known(session: Session, staff_id: int) -> Staff:
    staff = staff_by_id(session, staff_id)
    if staff is None:
        raise NotFound
    return staff


def _name(staff: Staff) -> str:
    return staff.name or staff.email


def _role(staff: Staff) -> Role:
    return next(role for role in ROLES if role == staff.role)


def _back(request: Request, said: Message, *, kind: str = "good") -> Response:
    response = redirect(HERE)
    flash(request, response, said, kind=kind)
    return response
