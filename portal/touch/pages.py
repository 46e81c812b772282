"""Contacts and tasks written down in the browser, for one customer or for many, and contacts taken back."""

from typing import Annotated

from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts import sent_forms
from portal.accounts.models import Account
from portal.accounts.paths import customer_path, local_path
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import ActsForCustomers
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, page_router
from portal.touch import contacts, forms, task_pages, tasks
from portal.touch.compose import WHATS, What, chosen, colleague, compose, number_in, told
from portal.touch.models import Contact
from portal.workdays.service import calendar_of

router = page_router()
router.include_router(task_pages.router)
AT_ONCE = 50
Typed = Annotated[str, Form(max_length=2000)]


# --- writing down -----------------------------------------------------------------------------------------------------


@router.get("/staff/touch/{what}/new")
async def begin(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    what: str,
    account: Annotated[list[str] | None, Query(max_length=200)] = None,
    back: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """An empty form for the customers that the address names."""
    kind = _what(what)

    def work(session: Session) -> list[int]:
        found = [account_by_external_id(session, one) for one in (account or [])[:AT_ONCE]]
        return [id_of(one) for one in found if one is not None]

    ids = await site.database.read(work)
    if not ids:
        raise NotFound
    only = (account or [""])[0]
    return await compose(request, viewer, kind, ids, back=back or customer_path(only))


@router.post("/staff/touch/{what}")
async def write_down(request: Request, site: SiteDep, viewer: ActsForCustomers, what: str) -> Response:
    """Write it down for every customer chosen; or show the form again, as it was filled in."""
    kind = _what(what)
    sent = await request.form()
    given = {name: text for name, text in sent.items() if isinstance(text, str)}
    back = local_path(given.get("back"), "/staff")
    now, by = site.clock(), colleague(viewer)

    def work(session: Session) -> Message:
        ids, calendar = chosen(session, given.get("accounts", "")), calendar_of(session)
        is_first = sent_forms.is_first(session, given, staff_id=viewer.staff_id, now=now)
        if kind == "contact":
            said = forms.contact_in(given, now=now, zone=site.zone, calendar=calendar)
            if is_first:
                contacts.record_contacts(session, account_ids=ids, said=said, by=by, now=now)
            return Message("The contact is on record (%(count)s).", count=len(ids))
        if kind == "task":
            wanted = forms.task_in(given, now=now, zone=site.zone, calendar=calendar)
            if is_first:
                tasks.make_tasks(session, account_ids=ids, wanted=wanted, by=by, now=now)
            return Message("The task was made (%(count)s).", count=len(ids))
        day = forms.next_in(given, now=now, zone=site.zone, calendar=calendar)
        if is_first:
            contacts.set_next_date(session, account_ids=ids, next_on=day, by=by, now=now)
        return Message("The next date was set (%(count)s).", count=len(ids))

    try:
        said = await site.database.write(work)
    except Invalid as wrong:
        ids = await site.database.read(lambda session: _chosen_or_none(session, given.get("accounts", "")))
        if not ids:
            return told(request, back, wrong.message, kind="bad")
        return await compose(request, viewer, kind, ids, back=back, typed=given, wrong=wrong)
    return told(request, back, said)


@router.get("/staff/contacts/{contact_id}/change")
async def open_contact(request: Request, site: SiteDep, viewer: ActsForCustomers, contact_id: int) -> Response:
    """A contact in its form, for who wrote it and only for a day."""
    now = site.clock()

    def work(session: Session) -> tuple[Contact, str]:
        contact = contacts.contact_by_id(session, number_in(contact_id))
        if not contacts.may_change(contact, staff_id=viewer.staff_id, now=now):
            raise NotFound
        return contact, customer_path(session.get_one(Account, contact.account_id).external_id)

    contact, there = await site.database.read(work)
    typed = forms.contact_texts(contact, zone=site.zone)
    ids = [contact.account_id]
    return await compose(request, viewer, "contact", ids, back=f"{there}#contacts", typed=typed, changing=contact_id)


@router.post("/staff/contacts/{contact_id}/change")
async def change_contact(request: Request, site: SiteDep, viewer: ActsForCustomers, contact_id: int) -> Response:
    """Put it right; or show the form again, as it was filled in."""
    sent = await request.form()
    given = {name: text for name, text in sent.items() if isinstance(text, str)}
    now = site.clock()

    def work(session: Session) -> None:
        contact = contacts.contact_by_id(session, number_in(contact_id))
        said = forms.contact_in(given, now=now, zone=site.zone, calendar=calendar_of(session))
        if sent_forms.is_first(session, given, staff_id=viewer.staff_id, now=now):
            contacts.change_contact(session, contact, said=said, by=colleague(viewer), now=now)

    def whose(session: Session) -> tuple[int, str]:
        contact = contacts.contact_by_id(session, number_in(contact_id))
        return contact.account_id, customer_path(session.get_one(Account, contact.account_id).external_id)

    account_id, there = await site.database.read(whose)
    back = f"{there}#contacts"
    try:
        await site.database.write(work)
    except Conflict as refused:
        return told(request, back, refused.message, kind="bad")
    except Invalid as wrong:
        return await compose(
            request, viewer, "contact", [account_id], back=back, typed=given, wrong=wrong, changing=contact_id
        )
    return told(request, back, Message("The contact is changed. What it said before stays below, as taken back."))


@router.post("/staff/contacts/{contact_id}/{act}")
async def act_on_contact(
    request: Request, site: SiteDep, viewer: ActsForCustomers, contact_id: int, act: str, back: Typed = ""
) -> Response:
    """Take a contact back, or bring it back."""
    now = site.clock()

    def work(session: Session) -> tuple[str, Message]:
        contact = contacts.contact_by_id(session, number_in(contact_id))
        if act == "remove":
            contacts.remove_contact(session, contact, by=colleague(viewer), now=now)
            said = Message("The contact counts no more; it stays on record and can be brought back.")
        elif act == "restore":
            contacts.restore_contact(session, contact)
            said = Message("The contact is back.")
        else:
            raise NotFound
        return customer_path(session.get_one(Account, contact.account_id).external_id), said

    there, said = await site.database.write(work)
    return told(request, local_path(back, f"{there}#contacts"), said)


def _chosen_or_none(session: Session, text: str) -> list[int]:
    try:
        return chosen(session, text)
    except Invalid:
        return []


def _what(text: str) -> What:
    found = next((one for one in WHATS if one == text), None)
    if found is None:
        raise NotFound
    return found
