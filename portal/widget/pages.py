"""What the widget has for browsers: its script, and the door that a ticket opens.

The script is one file at an address that never changes, so that a snippet pasted once stays right: kept for a few
minutes, then asked about by its validator. Everything else of the widget is the machine door's.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.sessions import device_of, open_visit
from portal.accounts.visits import AnyViewer, MaybeViewer, MemberViewer, is_customer
from portal.kit.errors import NotFound
from portal.kit.web import (
    YEAR,
    Site,
    SiteDep,
    page_router,
    redirect,
    render,
    session_cookie,
    set_cookie,
)
from portal.widget import staff_pages
from portal.widget.tickets import Bearer, look_at, use

FILES = {"banso.js": "text/javascript; charset=utf-8", "banso.d.ts": "text/plain; charset=utf-8"}
KEEP = "public, max-age=300, stale-while-revalidate=86400"
ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
    "Cache-Control": KEEP,
    "Vary": "Accept-Encoding",
}
TICKET_CHARS = 100
UNSEEN = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}

files = APIRouter(include_in_schema=False)
router = page_router()


@dataclass(frozen=True)
class Built:
    """A built file, plain and packed, with its validator."""

    plain: bytes
    packed: bytes
    tag: str


@dataclass(frozen=True)
class EnterPage:
    """For `widget/enter.html`. `bearer` None: the ticket lets nobody in. `instead_of` is who is signed in here now."""

    bearer: Bearer | None
    ticket: str
    instead_of: str


@files.api_route("/widget/{name}", methods=["GET", "HEAD"])
async def file(request: Request, site: SiteDep, name: str) -> Response:
    """The widget, or its types: for pages of anybody, since what they may do is decided elsewhere."""
    if name not in FILES:
        raise NotFound
    built = _built(site.templates.assets.folder / site.templates.assets(name).rpartition("/")[2])
    headers = {**ANYWHERE, "ETag": built.tag}
    if built.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    if takes_gzip:
        headers["Content-Encoding"] = "gzip"
    return Response(built.packed if takes_gzip else built.plain, media_type=FILES[name], headers=headers)


@router.api_route("/enter", methods=["GET", "HEAD"])
async def enter(
    request: Request,
    site: SiteDep,
    viewer: MaybeViewer,
    ticket: Annotated[str, Query(max_length=TICKET_CHARS)] = "",
) -> Response:
    """In, without a second sign-in. A browser that only looks ahead uses nothing up, and whoever is signed in here as
    somebody else is asked first: a link must not turn one person into another behind their back."""
    now = site.clock()
    bearer = await site.database.read(lambda session: look_at(session, ticket, now=now))
    if bearer is None:
        return _page(request, None, "", viewer, status=410)
    if request.method == "HEAD" or "prefetch" in _purpose(request):
        return Response(status_code=503, headers={"Retry-After": "1", "Cache-Control": "no-store"})
    if isinstance(viewer, MemberViewer) and is_customer(viewer) and viewer.member_id == bearer.member_id:
        used = await site.database.write(lambda session: use(session, ticket, now=now))
        return redirect(bearer.next_path) if used else _page(request, None, "", viewer, status=410)
    if viewer is not None:
        return _page(request, bearer, ticket, viewer)
    return await _enter(request, site, ticket)


@router.post("/enter")
async def change_over(
    request: Request, site: SiteDep, ticket: Annotated[str, Form(max_length=TICKET_CHARS)] = ""
) -> Response:
    """In, in place of who was signed in here."""
    return await _enter(request, site, ticket)


async def _enter(request: Request, site: Site, ticket: str) -> Response:
    now = site.clock()

    def work(session: Session) -> tuple[Bearer, str] | None:
        bearer = use(session, ticket, now=now)
        if bearer is None:
            return None
        visit = open_visit(
            session,
            member_id=bearer.member_id,
            now=now,
            days=site.session_days,
            device=device_of(request.headers.get("user-agent", "")),
            replacing=session_cookie(request),
        )
        return bearer, visit

    entered = await site.database.write(work)
    if entered is None:
        return _page(request, None, "", None, status=410)
    bearer, visit = entered
    response = redirect(bearer.next_path)
    response.headers.update({**UNSEEN, "Cache-Control": "no-store"})
    set_cookie(site, response, "banso", visit, max_age=YEAR)
    return response


def _page(
    request: Request, bearer: Bearer | None, ticket: str, viewer: AnyViewer | None, *, status: int = 200
) -> Response:
    page = EnterPage(bearer, ticket, viewer.name if viewer else "")
    return render(request, "widget/enter.html", page, status=status, headers=UNSEEN)


def _purpose(request: Request) -> str:
    return f"{request.headers.get('sec-purpose', '')} {request.headers.get('purpose', '')}".lower()


@cache
def _built(path: Path) -> Built:
    plain = path.read_bytes()
    return Built(plain, gzip.compress(plain, 9, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:24]}"')


router.include_router(files)
router.include_router(staff_pages.router)
