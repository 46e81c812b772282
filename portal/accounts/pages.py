"""Signing in and out, as pages: an address, then a code or the button behind a mailed link. No password anywhere.

Every answer to an address is the same whether or not anyone has it: same status, same page, same headers.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import orjson
from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts import (
    customer_pages,
    field_pages,
    invitation_pages,
    looking_pages,
    me_pages,
    person_pages,
    plan_pages,
    staff_pages,
)
from portal.accounts.client import client_of
from portal.accounts.mails import span_in_words
from portal.accounts.paths import local_path
from portal.accounts.rules import is_email
from portal.accounts.sessions import device_of, end_by_token, open_visit, switch_to
from portal.accounts.sign_in import Entry, LinkState, ask_for_link, look_at_link, use_code, use_link
from portal.accounts.visits import AnyViewer, MaybeViewer, SignedInMember, StaffViewer
from portal.kit.i18n import Message
from portal.kit.web import (
    YEAR,
    Site,
    SiteDep,
    delete_cookie,
    flash,
    locale_of,
    page_router,
    redirect,
    render,
    session_cookie,
    set_cookie,
)

router = page_router()
router.include_router(looking_pages.router)
router.include_router(me_pages.router)
router.include_router(staff_pages.router)
router.include_router(invitation_pages.router)
# An id may hold a slash: a customer's `…/leave` would take a person's `…/people/7/leave` for its own, if it came first.
router.include_router(person_pages.router)
router.include_router(customer_pages.router)
router.include_router(field_pages.router)
router.include_router(plan_pages.router)

ASKED = "banso-asked"
STATUS_OF_LINK: dict[LinkState, int] = {"good": 200, "used": 410, "expired": 410, "unknown": 404}
NOT_AN_ADDRESS = Message("This does not look like a mail address. Please check it, for example name@example.com.")
WRONG_CODE = Message(
    "This code is not right, or it no longer works. After five wrong codes, or when its time is up, ask for a new mail."
)


@dataclass(frozen=True)
class SignInPage:
    """For `accounts/sign_in.html`."""

    address: str
    next_path: str
    problem: Message | None


@dataclass(frozen=True)
class SentPage:
    """For `accounts/sent.html`. Without an address it asks for one: the mail was asked for in another browser."""

    address: str
    next_path: str
    lasts: Message
    problem: Message | None


@dataclass(frozen=True)
class LinkPage:
    """For `accounts/link.html`. `signed_in`: a used link is no trouble to someone who is in already."""

    state: LinkState
    token: str
    signed_in: bool


@dataclass(frozen=True)
class Asked:
    """What this browser asked for, as its own cookie says."""

    address: str
    next_path: str


@router.get("/sign-in")
async def ask(request: Request, viewer: MaybeViewer, next_path: Annotated[str, Query(alias="next")] = "") -> Response:
    """Where one says who one is."""
    onward = local_path(next_path)
    if viewer is not None:
        return redirect(home_of(viewer, onward))
    return render(request, "accounts/sign_in.html", SignInPage("", onward, None))


@router.post("/sign-in")
async def send(
    request: Request,
    site: SiteDep,
    email: Annotated[str, Form()] = "",
    next_path: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Have a mail sent, should anyone have the address."""
    address, onward = email.strip(), local_path(next_path)
    if not is_email(address):
        page = SignInPage(address[:254], onward, NOT_AN_ADDRESS)
        return render(request, "accounts/sign_in.html", page, status=422)
    client, locale, now = _client(request, site), locale_of(request), site.clock()

    def work(session: Session) -> None:
        ask_for_link(
            session,
            site.secrets,
            address=address,
            client=client,
            next_path=onward,
            locale=locale,
            now=now,
            minutes=site.link_minutes,
        )

    await site.database.write(work)
    response = redirect("/sign-in/sent")
    kept = site.secrets.encrypt(orjson.dumps([address, onward]).decode())
    set_cookie(site, response, ASKED, kept, max_age=site.link_minutes * 60)
    return response


@router.get("/sign-in/sent")
async def sent(request: Request, site: SiteDep, viewer: MaybeViewer) -> Response:
    """Where one types the code."""
    asked = _asked(request, site)
    if viewer is not None:
        return redirect(home_of(viewer, asked.next_path))
    return _sent_page(request, site, asked)


@router.post("/sign-in/code")
async def enter_by_code(
    request: Request, site: SiteDep, email: Annotated[str, Form()] = "", code: Annotated[str, Form()] = ""
) -> Response:
    """Sign in with a code."""
    asked = _asked(request, site)
    address = email.strip() or asked.address
    client, now = _client(request, site), site.clock()
    if not is_email(address):
        return _sent_page(request, site, Asked("", asked.next_path), problem=NOT_AN_ADDRESS)

    def work(session: Session) -> tuple[Entry, str] | None:
        entry = use_code(session, site.secrets, address=address, code=code, client=client, now=now)
        return _open(session, request, site, entry, now=now)

    opened = await site.database.write(work)
    if opened is None:
        return _sent_page(request, site, Asked(address, asked.next_path), problem=WRONG_CODE)
    return _welcome(site, *opened)


@router.api_route("/sign-in/link/{token}", methods=["GET", "HEAD"])
async def look(request: Request, site: SiteDep, viewer: MaybeViewer, token: str) -> HTMLResponse:
    """What a mailed link opens: a page with a button. Opening it changes nothing, however often and by whatever."""
    now = site.clock()
    state = await site.database.read(lambda session: look_at_link(session, token, now=now))
    return _link_page(request, state, token, signed_in=viewer is not None)


@router.post("/sign-in/link/{token}")
async def enter_by_link(request: Request, site: SiteDep, viewer: MaybeViewer, token: str) -> Response:
    """Sign in with the link, which is then used up."""
    now = site.clock()
    opened = await site.database.write(
        lambda session: _open(session, request, site, use_link(session, token, now=now), now=now)
    )
    if opened is not None:
        return _welcome(site, *opened)
    state = await site.database.read(lambda session: look_at_link(session, token, now=now))
    return _link_page(request, "unknown" if state == "good" else state, token, signed_in=viewer is not None)


@router.post("/sign-out")
async def sign_out(request: Request, site: SiteDep) -> Response:
    """End this browser's session."""
    token, now = session_cookie(request), site.clock()
    if token:
        await site.database.write(lambda session: end_by_token(session, token, now=now))
    response = redirect("/sign-in")
    delete_cookie(site, response, "banso")
    flash(request, response, Message("You are signed out."))
    return response


@router.post("/switch")
async def switch(request: Request, site: SiteDep, viewer: SignedInMember, member: Annotated[int, Form()]) -> Response:
    """Go on as a member of another customer."""
    now = site.clock()
    await site.database.write(lambda session: switch_to(session, viewer, member, now=now))
    account_name = next(name for member_id, name in viewer.memberships if member_id == member)
    response = redirect("/")
    flash(request, response, Message("You are now with %(account)s.", account=account_name))
    return response


def home_of(viewer: AnyViewer, next_path: str = "/") -> str:
    """Where someone goes who is signed in: on to where they wanted, else to their own home."""
    return "/staff" if next_path == "/" and isinstance(viewer, StaffViewer) else next_path


def _open(
    session: Session, request: Request, site: Site, entry: Entry | None, *, now: datetime
) -> tuple[Entry, str] | None:
    if entry is None:
        return None
    token = open_visit(
        session,
        member_id=entry.person.member_id,
        staff_id=entry.person.staff_id,
        now=now,
        days=site.session_days,
        device=device_of(request.headers.get("user-agent", "")),
        replacing=session_cookie(request),
    )
    return entry, token


def _welcome(site: Site, entry: Entry, token: str) -> Response:
    to_staff = entry.person.staff_id is not None and entry.next_path == "/"
    response = redirect("/staff" if to_staff else entry.next_path)
    # How long the session really lasts is decided on the server; the cookie only has to outlast it.
    set_cookie(site, response, "banso", token, max_age=YEAR)
    delete_cookie(site, response, ASKED)
    return response


def _sent_page(request: Request, site: Site, asked: Asked, *, problem: Message | None = None) -> HTMLResponse:
    page = SentPage(asked.address, asked.next_path, span_in_words(site.link_minutes), problem)
    return render(request, "accounts/sent.html", page, status=422 if problem else 200)


def _link_page(request: Request, state: LinkState, token: str, *, signed_in: bool) -> HTMLResponse:
    page = LinkPage(state, token, signed_in)
    headers = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
    return render(request, "accounts/link.html", page, status=STATUS_OF_LINK[state], headers=headers)


def _asked(request: Request, site: Site) -> Asked:
    try:
        address, next_path = orjson.loads(site.secrets.decrypt(request.cookies.get(site.cookie(ASKED), "")))
    except ValueError:
        return Asked("", "/")
    return Asked(str(address), local_path(str(next_path)))


def _client(request: Request, site: Site) -> str:
    peer = request.client.host if request.client else ""
    return client_of(peer, request.headers.get("x-forwarded-for", ""), site.trusted_proxies)
