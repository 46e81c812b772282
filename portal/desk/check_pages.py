"""`/check`: what works here, for whoever looks after a customer's network, and what has to be let through.

Each check is made by the browser it is about; what cannot be checked without scripts says so. Nothing is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from fastapi import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from portal.accounts.visits import MaybeViewer
from portal.desk.check import Allowed, allow_list
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, locale_of, page_router, render, site_of

router = page_router(prefix="/check")
COOKIES = ("banso-form", "banso", "banso-lang")
APART_SECONDS = 1.0
"""Between the two words of the stream: who gets both at once has something in between that holds answers back."""
Cookies = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class Check:
    """One line: what is checked, what it is for, and what to do where it does not work."""

    key: str
    title: Message
    why: Message
    remedy: Message


CHECKS = (
    Check(
        "script",
        Message("JavaScript"),
        Message("Makes pages quicker; everything works without it."),
        Message("Allow scripts of this address. Until then pages work, only less quickly."),
    ),
    Check(
        "secure",
        Message("Encrypted connection"),
        Message("Nobody on the way can read along."),
        Message(
            "Open the portal by https://. If a proxy takes the encryption off, let this address through unchanged."
        ),
    ),
    Check(
        "cookies",
        Message("Cookies"),
        Message("Keep people signed in. The portal has no cookies but its own."),
        Message("Allow cookies of this address, also when the browser is closed."),
    ),
    Check(
        "forms",
        Message("Forms"),
        Message("Sign in, tick steps, send answers."),
        Message("Let POST requests to this address through with their headers and cookies."),
    ),
    Check(
        "stream",
        Message("Updates while a page is open"),
        Message("A step that was just done shows at once."),
        Message(
            "The proxy holds answers back. Exempt this address from buffering and virus scanning of "
            "text/event-stream. Without it everything works, but shows after reloading."
        ),
    ),
    Check(
        "video",
        Message("Playing a video"),
        Message("Films in manuals and recordings."),
        Message("Let video/webm and video/mp4 from this address through, with requests for parts (Range)."),
    ),
    Check(
        "mp4",
        Message("Videos in MP4 (H.264)"),
        Message("Most films are made this way."),
        Message("This browser cannot play MP4. A current Edge, Chrome, Safari or Firefox can."),
    ),
)


@dataclass(frozen=True)
class CheckPage:
    """For `desk/check.html`. `cookies` is what this request itself has shown; `text` the list to copy."""

    checks: Sequence[Check]
    allowed: Sequence[Allowed]
    cookies: Cookies
    text: str


@router.get("")
async def check(request: Request, site: SiteDep, viewer: MaybeViewer, again: str = "") -> Response:
    """What works, and what to let through."""
    locale = locale_of(request, viewer)
    allowed = await site.database.read(
        lambda session: allow_list(session, base_url=site.base_url, sender=site.mail_sender)
    )
    lines = [f"{one.what}\t{one.port or 'SMTP (From)'}\t{one.why.into(locale)}" for one in allowed]
    page = CheckPage(CHECKS, allowed, _cookies(request, asked_again=bool(again)), "\n".join(lines))
    return render(request, "desk/check.html", page, viewer=viewer)


@router.get("/cookie")
async def cookie(request: Request) -> Response:
    """Whether the browser has sent a cookie of ours back."""
    return JSONResponse({"cookie": _cookies(request, asked_again=True) == "yes"}, headers={"Cache-Control": "no-store"})


@router.post("/form")
async def form() -> Response:
    """That a form has arrived, with its token and its cookie; nothing is done."""
    return Response(status_code=204)


@router.get("/stream")
async def stream() -> Response:
    """Two words, a second apart."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_two_words(), media_type="text/event-stream", headers=headers)


async def _two_words() -> AsyncIterator[bytes]:
    yield b"data: 1\n\n"
    await asyncio.sleep(APART_SECONDS)
    yield b"data: 2\n\n"


def _cookies(request: Request, *, asked_again: bool) -> Cookies:
    site = site_of(request)
    if any(site.cookie(name) in request.cookies for name in COOKIES):
        return "yes"
    return "no" if asked_again else "unknown"
