"""Getting in: what an invitation's link opens, and what staff do so that somebody gets in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.errors import CannotInvite
from portal.accounts.invitations import (
    PHONE_MINUTES,
    Inviter,
    State,
    accept,
    invite,
    invite_absent,
    look_at,
    read_out,
    revoke,
)
from portal.accounts.models import Account, Member
from portal.accounts.paths import customer_path
from portal.accounts.people import member_by_id
from portal.accounts.rules import is_shared_address
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.sessions import device_of, open_visit
from portal.accounts.visits import ActsForCustomers, MaybeViewer, StaffViewer, is_customer
from portal.kit.errors import NotFound
from portal.kit.i18n import Message
from portal.kit.web import YEAR, Site, SiteDep, flash, page_router, redirect, render, session_cookie, set_cookie

router = page_router()
PERSON = "/staff/accounts/{external_id:path}/people/{member_id:int}"
STATUS: dict[State | None, int] = {
    "invited": 200,
    "opened": 200,
    "joined": 410,
    "expired": 410,
    "revoked": 410,
    None: 404,
}
SHARED = Message(
    "%(email)s looks like an address that several people read. Each of them can sign in as this person, and what they "
    "do counts as one."
)


@dataclass(frozen=True)
class InvitationPage:
    """For `accounts/invitation.html`; `state` is None for a link that never was."""

    state: State | None
    token: str
    signed_in: bool


@dataclass(frozen=True)
class CodePage:
    """For `accounts/code.html`: shown once, and stored nowhere. `url` is where it is typed."""

    name: str
    url: str
    address: str
    code: str
    until: datetime
    back: str


# --- the invited ------------------------------------------------------------------------------------------------------


@router.api_route("/invitation/{token}", methods=["GET", "HEAD"])
async def look(request: Request, site: SiteDep, viewer: MaybeViewer, token: str) -> Response:
    """A page with a button. Opening it uses nothing up, however often and by whatever."""
    now, note = site.clock(), request.method == "GET" and is_customer(viewer)
    state = await site.database.write(lambda session: look_at(session, token, now=now, note=note))
    return _page(request, InvitationPage(state, token, viewer is not None))


@router.post("/invitation/{token}")
async def enter(request: Request, site: SiteDep, viewer: MaybeViewer, token: str) -> Response:
    """Sign in with the link, which is then used up."""
    now = site.clock()

    def work(session: Session) -> str | None:
        member_id = accept(session, token, now=now)
        if member_id is None:
            return None
        return open_visit(
            session,
            member_id=member_id,
            now=now,
            days=site.session_days,
            device=device_of(request.headers.get("user-agent", "")),
            replacing=session_cookie(request),
        )

    opened = await site.database.write(work)
    if opened is None:
        state = await site.database.read(lambda session: look_at(session, token, now=now, note=False))
        # Open, and yet nobody may come in: the person has left, or has another address now.
        state = "revoked" if state in ("invited", "opened") else state
        return _page(request, InvitationPage(state, token, viewer is not None))
    response = redirect("/")
    set_cookie(site, response, "banso", opened, max_age=YEAR)
    return response


# --- staff ------------------------------------------------------------------------------------------------------------


@router.post(f"{PERSON}/invitation")
async def invite_one(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """Invite somebody, or invite them again."""
    now = site.clock()

    def work(session: Session, account: Account, member: Member) -> Message:
        invite(session, site.secrets, account, member, by=inviter(viewer), now=now)
        if is_shared_address(member.email or ""):
            return Message(SHARED.msgid, email=member.email)
        return Message("An invitation is on its way to %(email)s.", email=member.email)

    return await _told(request, site, external_id, member_id, work)


@router.post(f"{PERSON}/invitation/revoke")
async def take_back(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """The link that was sent lets nobody in any more."""
    now = site.clock()

    def work(session: Session, _account: Account, member: Member) -> Message:
        revoke(session, member, now=now)
        return Message("The invitation was taken back.")

    return await _told(request, site, external_id, member_id, work)


@router.post(f"{PERSON}/code")
async def tell_code(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, member_id: int
) -> Response:
    """A code to read out on the phone."""
    now = site.clock()

    def work(session: Session) -> CodePage:
        account, member = _found(session, external_id, member_id)
        code = read_out(session, site.secrets, account, member, by=inviter(viewer), now=now)
        return CodePage(
            name=member.name or member.email or "",
            url=f"{site.base_url.rstrip('/')}/sign-in",
            address=member.email or "",
            code=code,
            until=now + timedelta(minutes=PHONE_MINUTES),
            back=f"{customer_path(external_id)}/people/{member_id}",
        )

    try:
        page = await site.database.write(work)
    except CannotInvite as wrong:
        return _back(request, f"{customer_path(external_id)}/people/{member_id}", wrong.message, kind="bad")
    return render(request, "accounts/code.html", page, viewer=viewer, nav="accounts")


@router.post("/staff/accounts/{external_id:path}/invitations")
async def invite_everybody(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """Invite whoever of a customer was never here."""
    now = site.clock()

    def work(session: Session) -> int:
        account = account_by_external_id(session, external_id)
        if account is None:
            raise NotFound
        return invite_absent(session, site.secrets, account, by=inviter(viewer), now=now)

    invited = await site.database.write(work)
    said = Message("%(count)s invitations are on their way.", count=invited)
    return _back(request, customer_path(external_id), said)


def inviter(viewer: StaffViewer) -> Inviter:
    """The viewer, as whom they invite."""
    return Inviter(key=viewer.email_key, name=viewer.name)


def _page(request: Request, page: InvitationPage) -> Response:
    headers = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
    return render(request, "accounts/invitation.html", page, status=STATUS[page.state], headers=headers)


def _found(session: Session, external_id: str, member_id: int) -> tuple[Account, Member]:
    account = account_by_external_id(session, external_id)
    member = member_by_id(session, id_of(account), member_id) if account is not None else None
    if account is None or member is None:
        raise NotFound
    return account, member


async def _told(
    request: Request,
    site: Site,
    external_id: str,
    member_id: int,
    work: Callable[[Session, Account, Member], Message],
) -> Response:
    back = f"{customer_path(external_id)}/people/{member_id}"
    try:
        said = await site.database.write(lambda session: work(session, *_found(session, external_id, member_id)))
    except CannotInvite as wrong:
        return _back(request, back, wrong.message, kind="bad")
    return _back(request, back, said, kind="warn" if said.msgid == SHARED.msgid else "good")


def _back(request: Request, path: str, said: Message, *, kind: str = "good") -> Response:
    response = redirect(path)
    flash(request, response, said, kind=kind)
    return response
