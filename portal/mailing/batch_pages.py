"""What was sent together: what became of each mail, holding back what waits, and when to come back to whom it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ActsForCustomers, SeesCustomers
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render
from portal.mailing import batches, log
from portal.mailing.configured import terms
from portal.mailing.log import Entry, Wanted, list_letters
from portal.mailing.models import MailBatch
from portal.mailing.wording import STATES, why_held
from portal.touch import compose
from portal.touch.compose import told

router = page_router(prefix="/staff/mails")
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class BatchPage:
    """For `mailing/batch.html`. `later` is when those that wait go out, None where that is now."""

    batch: MailBatch
    counts: Mapping[str, int]
    words: Mapping[str, tuple[Message, str]]
    letters: Sequence[tuple[Entry, Message | None]]
    state: str
    older_href: str
    under_way: bool
    later: datetime | None


@router.get("/batches/{batch_id}")
async def batch(
    request: Request, site: SiteDep, viewer: SeesCustomers, batch_id: int, state: Text = "", before: Text = ""
) -> HTMLResponse:
    """What became of the mails that were sent together."""

    def work(session: Session) -> BatchPage:
        found = batches.batch_by_id(session, batch_id)
        wanted = Wanted(batch_id=batch_id, state=state if state in STATES else "")
        letters, older = list_letters(session, wanted, before=log.place_of(before))
        counts = batches.states_of(session, batch_id)
        query = urlencode([*([("state", wanted.state)] if wanted.state else []), ("before", older)])
        later = None if found.at_once else next_open(session, site)
        return BatchPage(
            batch=found,
            counts=counts,
            words=STATES,
            letters=[(one, why_held(one.letter.reason, one.letter.detail)) for one in letters],
            state=wanted.state,
            older_href=f"?{query}" if older else "",
            under_way=bool(counts.get("waiting") or counts.get("sending")),
            later=later if counts.get("waiting") else None,
        )

    page = await site.database.report(work)
    return render(request, "mailing/batch.html", page, viewer=viewer, nav="mails")


@router.post("/batches/{batch_id}/withdrawal")
async def withdraw(request: Request, site: SiteDep, viewer: ActsForCustomers, batch_id: int) -> Response:
    """Hold back what was not begun yet."""
    now = site.clock()

    def work(session: Session) -> int:
        batches.batch_by_id(session, batch_id)
        return batches.take_back(session, batch_id, now=now)

    count = await site.database.write(work)
    response = redirect(f"/staff/mails/batches/{batch_id}")
    flash(request, response, Message("%(count)s mails were held back.", count=count))
    return response


@router.post("/batches/{batch_id}/next-date")
async def come_back(request: Request, site: SiteDep, viewer: ActsForCustomers, batch_id: int) -> Response:
    """The form for when to come back to those who were written to."""
    here = f"/staff/mails/batches/{batch_id}"

    def work(session: Session) -> list[int]:
        batches.batch_by_id(session, batch_id)
        return batches.accounts_of_batch(session, batch_id)

    ids = await site.database.read(work)
    if not ids:
        return told(request, here, Message("None of these mails goes to anybody."), kind="bad")
    return await compose.compose(request, viewer, "next", ids, back=here)


def next_open(session: Session, site: Site) -> datetime | None:
    """When mails go out again; None within the hours for them."""
    hours, now = terms(session).hours, site.clock()
    return None if hours.is_open(now, site.zone) else hours.next_open(now, site.zone)
