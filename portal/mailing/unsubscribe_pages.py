"""The link below each mail: a page that asks, and one POST that takes the address off.

Mail scanners open every link, so looking changes nothing. The POST is made by mail programs too (RFC 8058), which have
no form of ours: what is in the link proves that we wrote it to that very address, and nothing else can be done with it.
"""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from portal.kit.web import Site, SiteDep, page_router, render
from portal.mailing.addresses import letter_of, resume, stop, stopped_among
from portal.mailing.composing import SAMPLE

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
checked = page_router()
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


@dataclass(frozen=True)
class UnsubscribePage:
    """For `mailing/unsubscribe.html`. `state`: asks, done, again, sample or unknown; `address` is veiled."""

    token: str
    state: str
    address: str


@router.get("/unsubscribe/{token}")
async def ask(request: Request, site: SiteDep, token: str) -> HTMLResponse:
    """Ask whether no more mails are wanted. Nothing changes by looking."""

    def work(session: Session) -> tuple[str, str]:
        letter = letter_of(session, site.secrets, token)
        if letter is None:
            return "unknown", ""
        off = stopped_among(session, [letter.to_key]).get(letter.to_key) == "unsubscribed"
        return ("done" if off else "asks"), letter.to

    state, address = ("sample", "") if token == SAMPLE else await site.database.read(work)
    return _page(request, token, state, address)


@router.post("/unsubscribe/{token}")
async def unsubscribe(request: Request, site: SiteDep, token: str) -> HTMLResponse:
    """Send this address no more mails, at once: by the button of the page, or by one click in a mail program."""
    now = site.clock()

    def work(session: Session) -> str | None:
        letter = letter_of(session, site.secrets, token)
        if letter is None:
            return None
        stop(session, letter.to_key, "unsubscribed", now=now)
        return letter.to

    address = await site.database.write(work)
    return _page(request, token, "done" if address else "unknown", address or "")


@checked.post("/unsubscribe/{token}/undo")
async def undo(request: Request, site: SiteDep, token: str) -> HTMLResponse:
    """The address gets mails again."""
    address = await site.database.write(lambda session: _resume(session, site, token))
    return _page(request, token, "again" if address else "unknown", address or "")


router.include_router(checked)


def _resume(session: Session, site: Site, token: str) -> str | None:
    letter = letter_of(session, site.secrets, token)
    if letter is None:
        return None
    resume(session, letter.to_key, now=site.clock())
    return letter.to


def _page(request: Request, token: str, state: str, address: str) -> HTMLResponse:
    page = UnsubscribePage(token, state, veiled(address))
    status = 404 if state == "unknown" else 200
    return render(request, "mailing/unsubscribe.html", page, status=status, headers=HEADERS)


def veiled(address: str) -> str:
    """`t***@example.com`: enough for its owner to know it, and no more."""
    name, mark, host = address.partition("@")
    return f"{name[:1]}***@{host}" if mark else ""
