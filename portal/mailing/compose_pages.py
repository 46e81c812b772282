"""Writing to a selection: choose template and recipients, look at each mail, confirm the number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.visits import ActsForCustomers
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.kit.errors import Invalid, by_field
from portal.kit.i18n import Locale, Message
from portal.kit.secrets import new_token
from portal.kit.web import Site, SiteDep, locale_of, page_router, redirect, render
from portal.mailing import batches
from portal.mailing.batch_pages import next_open
from portal.mailing.batches import CountChanged, Sender
from portal.mailing.choice import Choice, chosen, sent, worded
from portal.mailing.composing import Composed, compose
from portal.mailing.rules import WHOM_WORDS
from portal.mailing.selection import (
    Recipient,
    accounts_of,
    recipients,
)
from portal.mailing.templates import Template, Words, list_templates, template_by_key
from portal.mailing.wording import HELD, why_held
from portal.mailing.written import Filled

router = page_router(prefix="/staff/mails")
Text = Annotated[str, Query(max_length=200)]
Said = Annotated[str, Form(max_length=200)]
SHOWN = 100
LOOKED_AT = 100
"""Up to so many, each mail is put together beforehand: what lacks something is then no part of the number."""


@dataclass(frozen=True)
class Preview:
    """One of the mails as its reader will get it."""

    number: int
    recipient: Recipient
    filled: Filled
    locale: Locale
    previous_href: str
    next_href: str


@dataclass(frozen=True)
class ComposePage:
    """For `mailing/compose.html`. `going` get a mail, `held` do not; `later` is when it goes out, None for at once.
    `words` are those that would be sent, `is_reworded`: other than the template's; `errors` what is wrong with them."""

    choice: Choice
    customers: int
    templates: Sequence[tuple[str, Message | str]]
    whoms: Sequence[tuple[str, Message]]
    checklists: Sequence[tuple[str, str]]
    going: int
    held: Sequence[tuple[Recipient, Message]]
    held_count: int
    preview: Preview | None
    key: str
    later: datetime | None
    changed: int | None
    words: Mapping[Locale, Words]
    is_reworded: bool
    errors: Mapping[str, Sequence[Message]]


@router.get("/new")
async def new(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    choice: Annotated[Choice, Depends(chosen)],
    show: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    """Choose, and look at each mail."""
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _page(session, site, choice, show, locale, viewer.name, None))
    return render(request, "mailing/compose.html", page, viewer=viewer, nav="mails")


@router.post("/new")
async def send(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    choice: Annotated[Choice, Depends(sent)],
    key: Annotated[str, Form(pattern=f"^{batches.KEY.pattern}$")],
    count: Annotated[int, Form(ge=0, le=10_000_000)] = 0,
    at_once: Said = "",
    show: Annotated[int, Form(ge=-1, le=1_000_000)] = -1,
) -> Response:
    """Send to exactly as many as were confirmed; else show the page with the new number. With `show` look at a mail in
    the words that were written for this time, and send nothing."""
    now, locale = site.clock(), locale_of(request, viewer)

    async def look(number: int, *, changed: int | None = None, status: int = 200) -> Response:
        page = await site.database.report(
            lambda session: _page(session, site, choice, number, locale, viewer.name, changed)
        )
        status = 422 if page.errors else status
        return render(request, "mailing/compose.html", page, viewer=viewer, nav="mails", status=status)

    if show >= 0:
        return await look(show)

    def work(session: Session) -> int:
        template = worded(template_by_key(session, choice.template), choice)
        batch = batches.send_batch(
            session,
            template,
            _recipients(session, site, choice, template, now),
            key=key,
            confirmed=count,
            whom=choice.whom,
            checklist=choice.checklist or None,
            at_once=bool(at_once),
            by=Sender(viewer.email_key, viewer.name),
            locale=locale,
            now=now,
        )
        return batch.id or 0

    try:
        batch_id = await site.database.write(work)
    except CountChanged as changed:
        return await look(0, changed=changed.count, status=409)
    except Invalid:
        return await look(0)
    return redirect(f"/staff/mails/batches/{batch_id}")


def _recipients(session: Session, site: Site, choice: Choice, template: Template, now: datetime) -> list[Recipient]:
    accounts = accounts_of(session, choice.selection, now=now, zone=site.zone)
    found = recipients(
        session,
        accounts,
        whom=choice.whom,
        checklist=choice.checklist or None,
        needs_run=batches.needs_run(template),
        now=now,
    )
    if sum(one.reason is None for one in found) > LOOKED_AT:
        return found
    return [
        replace(one, reason="gap", detail=", ".join(missing))
        if one.reason is None and (missing := _composed(session, site, choice, template, one, "", now).filled.missing)
        else one
        for one in found
    ]


def _composed(
    session: Session, site: Site, choice: Choice, template: Template, one: Recipient, sender: str, now: datetime
) -> Composed:
    assert one.someone is not None
    return compose(
        session,
        site,
        template,
        session.get_one(Account, one.account_id),
        name=one.someone.name,
        locale=one.someone.locale,
        now=now,
        checklist=choice.checklist or None,
        sender=sender,
    )


def _page(
    session: Session, site: Site, choice: Choice, show: int, locale: Locale, sender: str, changed: int | None
) -> ComposePage:
    now = site.clock()
    known = list_templates(session)
    stored = next((one for one in known if one.key == choice.template), None)
    errors: Mapping[str, Sequence[Message]] = {}
    template = stored
    try:
        template = worded(stored, choice) if stored is not None else None
    except Invalid as wrong:
        errors = by_field(wrong.problems)
    live = [(one.key, in_words(one.definition.title, locale)) for one in catalog(session).live]
    if choice.checklist not in dict(live):
        choice = replace(choice, checklist=live[0][0] if live else "")
    accounts = accounts_of(session, choice.selection, now=now, zone=site.zone)
    found = _recipients(session, site, choice, template, now) if template is not None else []
    going = [one for one in found if one.reason is None]
    held = [(one, why_held(one.reason, one.detail) or HELD["gone"]) for one in found if one.reason is not None]
    preview = None
    if going and template is not None:
        preview = _preview(session, site, choice, template, going, min(show, len(going) - 1), sender, now)
    return ComposePage(
        choice=choice,
        customers=len(accounts),
        templates=[(one.key, one.title) for one in known],
        whoms=tuple(WHOM_WORDS.items()),
        checklists=live,
        going=len(going),
        held=held[:SHOWN],
        held_count=len(held),
        preview=preview,
        key=new_token(size=18),
        later=next_open(session, site),
        changed=changed,
        words={} if stored is None else {one: choice.words.get(one, words) for one, words in stored.texts.items()},
        is_reworded=bool(choice.words),
        errors=errors,
    )


def _preview(
    session: Session,
    site: Site,
    choice: Choice,
    template: Template,
    going: Sequence[Recipient],
    number: int,
    sender: str,
    now: datetime,
) -> Preview:
    one = going[number]
    composed = _composed(session, site, choice, template, one, sender, now)

    def address(other: int) -> str:
        return f"/staff/mails/new?{urlencode([*choice.fields(), ('show', str(other))])}#preview"

    return Preview(
        number=number,
        recipient=one,
        filled=composed.filled,
        locale=composed.locale,
        previous_href=address(number - 1) if number else "",
        next_href=address(number + 1) if number + 1 < len(going) else "",
    )
