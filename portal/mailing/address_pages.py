"""Addresses that get no more mails: who they are of, why, and how they get mails again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ActsForCustomers, SeesCustomers
from portal.kit.errors import Invalid
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.mailing.addresses import WHY, clear, list_stopped, stop_by_hand
from portal.mailing.models import StoppedAddress
from portal.mailing.wording import STOPPED

router = page_router(prefix="/staff/mails/addresses")
HOME = "/staff/mails/addresses"
PER_PAGE = 50


@dataclass(frozen=True)
class AddressesPage:
    """For `mailing/addresses.html`. Each with its customers, as (id, name)."""

    found: Sequence[tuple[StoppedAddress, Sequence[tuple[str, str]]]]
    total: int
    why: str
    words: Mapping[str, tuple[Message, str]]
    first: int
    last: int
    previous_href: str
    next_href: str
    may_act: bool


@router.get("")
async def addresses(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    why: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """All that stand, newest first."""
    wanted = why if why in WHY else ""

    def work(session: Session) -> AddressesPage:
        found, total = list_stopped(session, why=wanted or None, page=page, limit=PER_PAGE)
        first = (page - 1) * PER_PAGE

        def address(number: int) -> str:
            return f"{HOME}?{urlencode([*([('why', wanted)] if wanted else []), ('page', number)])}"

        return AddressesPage(
            found=found,
            total=total,
            why=wanted,
            words=STOPPED,
            first=min(first + 1, total),
            last=first + len(found),
            previous_href=address(page - 1) if page > 1 else "",
            next_href=address(page + 1) if first + PER_PAGE < total else "",
            may_act=viewer.may("act_for_customers"),
        )

    shown = await site.database.report(work)
    return render(request, "mailing/addresses.html", shown, viewer=viewer, nav="mails")


@router.post("")
async def add(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    address: Annotated[str, Form(max_length=300)] = "",
    detail: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Staff know that nobody is reached there: a notice came to the relay's mailbox, or somebody said so."""
    now = site.clock()
    try:
        await site.database.write(
            lambda session: stop_by_hand(session, address, now=now, by=viewer.email_key, detail=detail)
        )
    except Invalid as wrong:
        return _back(request, wrong.message, kind="bad")
    return _back(request, Message("Nothing is sent there any more."))


@router.post("/{stopped_id}/clearance")
async def send_again(request: Request, site: SiteDep, viewer: ActsForCustomers, stopped_id: int) -> Response:
    """Send there again."""
    now = site.clock()
    await site.database.write(lambda session: clear(session, stopped_id, by=viewer.email_key, now=now))
    return _back(request, Message("Mails go there again."))


def _back(request: Request, said: Message, *, kind: str = "good") -> Response:
    response = redirect(HOME)
    flash(request, response, said, kind=kind)
    return response
