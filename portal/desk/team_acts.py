"""What an admin of a customer does for the team: invite a colleague, invite again, hand the role over."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.fields import MEMBER_FIELDS, read_fields
from portal.accounts.invitations import Inviter, invite
from portal.accounts.models import Account, Member
from portal.accounts.people import describe_member, member_by_email, member_by_id, upsert_member
from portal.accounts.rules import is_shared_address
from portal.accounts.visits import MemberViewer, SignedInAdmin
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect

router = page_router(prefix="/team")
Typed = Annotated[str, Form(max_length=254)]
Lines = Annotated[str, Form(max_length=10_000)]
SEPARATOR = re.compile(r"[\s,;、，]+")
MOST_AT_ONCE = 50


@router.post("/people")
async def invite_colleagues(
    request: Request, site: SiteDep, viewer: SignedInAdmin, email: Lines = "", name: Typed = ""
) -> Response:
    """One or several of the same company, known already or not, get an invitation: all of them or nobody."""
    now = site.clock()
    addresses = dict.fromkeys(SEPARATOR.split(email.strip()))

    def work(session: Session) -> Message:
        if len(addresses) > MOST_AT_ONCE:
            raise Invalid(Message("At most %(count)s colleagues at once, please.", count=MOST_AT_ONCE))
        invited = [_invited(session, site, viewer, one, name if len(addresses) == 1 else "", now) for one in addresses]
        if shared := [one for one in invited if is_shared_address(one)]:
            return Message(
                "Invited. As several people seem to read %(email)s, they will count as one person.",
                email=", ".join(shared),
            )
        if len(invited) > 1:
            return Message("%(count)s invitations are on their way.", count=len(invited))
        return Message("An invitation is on its way to %(email)s.", email=invited[0])

    return await _told(request, site, work)


@router.post("/people/{member_id}/invitation")
async def invite_again(request: Request, site: SiteDep, viewer: SignedInAdmin, member_id: int) -> Response:
    """The same person once more: a new link, and the old one is no longer good."""
    now = site.clock()

    def work(session: Session) -> Message:
        member = _colleague(session, viewer, member_id)
        invite(session, site.secrets, _account(session, viewer), member, by=_inviter(viewer), now=now)
        return Message("An invitation is on its way to %(email)s.", email=member.email)

    return await _told(request, site, work)


@router.post("/admin")
async def hand_over(
    request: Request, site: SiteDep, viewer: SignedInAdmin, member: Annotated[int, Form()], stay: Typed = ""
) -> Response:
    """A colleague becomes admin; unless the viewer is to `stay` one too, their own role ends with it."""
    now = site.clock()

    def work(session: Session) -> Message:
        colleague = _colleague(session, viewer, member)
        if colleague.id == viewer.member_id:
            raise Conflict(Message("You are an administrator already."))
        describe_member(session, colleague, changes={"role": "admin"}, now=now)
        if not stay:
            me = _colleague(session, viewer, viewer.member_id)
            describe_member(session, me, changes={"role": "member"}, now=now)
        return Message("%(name)s is an administrator now.", name=colleague.name or colleague.email or "")

    return await _told(request, site, work, onward="/team" if stay else "/")


def _invited(session: Session, site: Site, viewer: MemberViewer, email: str, name: str, now: datetime) -> str:
    """Invite whoever has this address, and give it back as it is kept."""
    reading = read_fields({"email": email, "name": name}, MEMBER_FIELDS, zone=site.zone)
    address = reading.changes.get("email")
    if reading.problems or not isinstance(address, str):
        said = Message("“%(value)s” is not a mail address", value=email[:60])
        raise Invalid(reading.problems[0].message if reading.problems else said)
    account = _account(session, viewer)
    member = member_by_email(session, viewer.account_id, address)
    if member is None:
        changes = {key: value for key, value in reading.changes.items() if value is not None}
        member = upsert_member(session, account, external_id=None, changes=changes, now=now)
    invite(session, site.secrets, account, member, by=_inviter(viewer), now=now)
    return address


def _account(session: Session, viewer: MemberViewer) -> Account:
    return session.get_one(Account, viewer.account_id)


def _colleague(session: Session, viewer: MemberViewer, member_id: int) -> Member:
    member = member_by_id(session, viewer.account_id, member_id)
    if member is None:
        raise NotFound
    return member


def _inviter(viewer: MemberViewer) -> Inviter:
    return Inviter(key=viewer.email_key or viewer.external_id or "", name=viewer.name)


async def _told(request: Request, site: Site, work: Callable[[Session], Message], *, onward: str = "/team") -> Response:
    try:
        said, kind = await site.database.write(work), "good"
    except (Invalid, Conflict) as wrong:
        said, kind, onward = wrong.message, "bad", "/team"
    response = redirect(onward)
    flash(request, response, said, kind=kind)
    return response
