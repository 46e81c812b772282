"""For those who read summaries: the page of progress behind a link, and who is told, for a customer's own admin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import ActsForCustomers, AnyViewer, SignedInAdmin
from portal.checklists.definition import in_words
from portal.checklists.state import RunState, states_of
from portal.kit.errors import Invalid, NotFound, by_field
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.mailing import unsubscribe_pages
from portal.mailing.models import SummaryReader
from portal.mailing.summaries import name_reader, note_seen, open_link, readers_of, take_off, week_of_account
from portal.mailing.variables import Week

router = APIRouter()
checked = page_router()
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
HERE = "/team/summary"
Text = Annotated[str, Form(max_length=300)]


@dataclass(frozen=True)
class StepLine:
    """One step of a checklist."""

    title: str
    done_at: datetime | None
    by_staff: bool


@dataclass(frozen=True)
class RunPart:
    """One checklist of the customer."""

    title: str
    done: int
    total: int
    due_at: datetime | None
    completed_at: datetime | None
    status: str
    steps: Sequence[StepLine]


@dataclass(frozen=True)
class ProgressPage:
    """For `mailing/progress.html`."""

    account: str
    runs: Sequence[RunPart]
    week: Week
    until: datetime
    as_of: datetime


@dataclass(frozen=True)
class ReadersPage:
    """For `mailing/readers.html`; `here` is where its forms go, with `query` behind it."""

    account: str
    readers: Sequence[SummaryReader]
    here: str
    back: str
    query: str
    is_staff: bool
    name: str = ""
    email: str = ""
    errors: Mapping[str, Sequence[Message]] | None = None


@checked.get("/progress/{token}")
async def progress(request: Request, site: SiteDep, token: str) -> HTMLResponse:
    """A customer's progress, for somebody who was named; read-only, and for as long as the link is good."""
    now, locale = site.clock(), locale_of(request)

    def work(session: Session) -> tuple[ProgressPage, int] | None:
        opened = open_link(session, site.secrets, token, now=now)
        account = session.get(Account, opened.account_id) if opened is not None else None
        if opened is None or account is None or (account.left_at is not None and account.left_at <= now):
            return None
        states = states_of(session, account_id=opened.account_id, now=now, zone=site.zone)
        week = week_of_account(session, opened.account_id, locale=locale, url="", now=now)
        runs = [_part(one, locale) for one in states if one.status != "excluded"]
        return ProgressPage(account.name, runs, week, opened.until, now), opened.reader_id

    found = await site.database.report(work)
    if found is None:
        return render(request, "mailing/progress_gone.html", None, status=404, headers=HEADERS)
    page, reader_id = found
    await site.database.write(lambda session: note_seen(session, reader_id, now=now))
    return render(request, "mailing/progress.html", page, headers=HEADERS)


@checked.get(HERE)
async def readers(request: Request, site: SiteDep, viewer: SignedInAdmin) -> HTMLResponse:
    """Who outside the portal is told of this customer's progress each week."""
    found = await site.database.read(lambda session: readers_of(session, viewer.account_id))
    page = ReadersPage(viewer.account_name, found, HERE, "/team", "", is_staff=False)
    return render(request, "mailing/readers.html", page, viewer=viewer, nav="team")


@checked.post(HERE)
async def name(
    request: Request, site: SiteDep, viewer: SignedInAdmin, name: Text = "", email: Text = "", locale: Text = ""
) -> Response:
    """Name somebody."""
    return await _name(request, site, viewer, viewer.account_id, HERE, "/team", "", name, email, locale)


@checked.post(HERE + "/{reader_id}/remove")
async def remove(request: Request, site: SiteDep, viewer: SignedInAdmin, reader_id: int) -> Response:
    """Take somebody off; their links end."""
    return await _take_off(request, site, viewer.account_id, reader_id, HERE)


@checked.get("/staff/mails/readers")
async def readers_for_staff(request: Request, site: SiteDep, viewer: ActsForCustomers, account: str) -> HTMLResponse:
    """The same for staff, of one customer."""

    def work(session: Session) -> ReadersPage:
        found = _account(session, account)
        return ReadersPage(
            found.name,
            readers_of(session, id_of(found)),
            "/staff/mails/readers",
            f"/staff/accounts/{quote(account, safe='')}",
            f"?account={quote(account, safe='')}",
            is_staff=True,
        )

    page = await site.database.read(work)
    return render(request, "mailing/readers.html", page, viewer=viewer, nav="accounts")


@checked.post("/staff/mails/readers")
async def name_by_staff(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    account: str,
    name: Text = "",
    email: Text = "",
    locale: Text = "",
) -> Response:
    """Staff name somebody for a customer."""
    account_id = await site.database.read(lambda session: id_of(_account(session, account)))
    back, query = f"/staff/accounts/{quote(account, safe='')}", f"?account={quote(account, safe='')}"
    return await _name(request, site, viewer, account_id, "/staff/mails/readers", back, query, name, email, locale)


@checked.post("/staff/mails/readers/{reader_id}/remove")
async def remove_by_staff(
    request: Request, site: SiteDep, viewer: ActsForCustomers, reader_id: int, account: str
) -> Response:
    """Staff take somebody off."""
    account_id = await site.database.read(lambda session: id_of(_account(session, account)))
    here = f"/staff/mails/readers?account={quote(account, safe='')}"
    return await _take_off(request, site, account_id, reader_id, here)


# Apart: a mail program that unsubscribes somebody has no form of ours.
router.include_router(checked)
router.include_router(unsubscribe_pages.router)


async def _name(
    request: Request,
    site: Site,
    viewer: AnyViewer,
    account_id: int,
    here: str,
    back: str,
    query: str,
    name: str,
    email: str,
    locale: str,
) -> Response:
    now = site.clock()

    def work(session: Session) -> None:
        chosen = locale if locale in LOCALES else None
        name_reader(
            session,
            account_id,
            name=name,
            email=email,
            locale=chosen,
            by=viewer.email_key or "",
            by_name=viewer.name,
            now=now,
        )

    try:
        await site.database.write(work)
    except Invalid as wrong:
        errors = by_field(wrong.problems)
        found = await site.database.read(lambda session: readers_of(session, account_id))
        title = await site.database.read(lambda session: session.get_one(Account, account_id).name)
        page = ReadersPage(title, found, here, back, query, viewer.kind == "staff", name, email, errors)
        return render(request, "mailing/readers.html", page, viewer=viewer, nav="team", status=422)
    response = redirect(here + query)
    flash(request, response, Message("They get the next summary, with a link of their own."))
    return response


async def _take_off(request: Request, site: Site, account_id: int, reader_id: int, here: str) -> Response:
    now = site.clock()
    await site.database.write(lambda session: take_off(session, account_id, reader_id, now=now))
    response = redirect(here)
    flash(request, response, Message("They get nothing more, and their links have ended."))
    return response


def _account(session: Session, external_id: str) -> Account:
    found = account_by_external_id(session, external_id)
    if found is None:
        raise NotFound
    return found


def _part(one: RunState, locale: Locale) -> RunPart:
    return RunPart(
        title=in_words(one.title, locale),
        done=one.progress.done,
        total=one.progress.total,
        due_at=one.due_at,
        completed_at=one.completed_at,
        status=one.status,
        steps=[
            StepLine(in_words(step.step.title, locale), step.done.at if step.done else None, step.step.by == "staff")
            for step in one.steps
        ],
    )
