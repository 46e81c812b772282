"""A form that describes a customer or a person: shown, sent, and shown again with what is wrong beside each field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.described import PERSON_FIELDS, FormField, Texts
from portal.accounts.fields import Reading, Unreadable, identifier
from portal.accounts.models import Account, Invitation
from portal.accounts.service import account_by_external_id
from portal.accounts.visits import StaffViewer
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound, by_field
from portal.kit.i18n import Message
from portal.kit.web import Site, flash, redirect, render

CUSTOMER = "/staff/accounts/{external_id:path}"
Day = Annotated[str, Form(max_length=10)]


@dataclass(frozen=True)
class EntryPart:
    """How somebody gets in. `ways` are the invitations and codes given so far, newest first, and how each stands.

    `look` is the address that looks at the portal as this person sees it, "" for somebody who has left.
    """

    has_address: bool
    is_shared: bool
    is_open: bool
    ways: Sequence[tuple[Invitation, Message, str]]
    look: str = ""


@dataclass(frozen=True)
class DescriptionPage:
    """For `accounts/describe.html`: a form of `fields`. `action` is where it goes, `back` the page it came from.

    `asks_id`: it is new, and its id in the vendor's systems is asked for; `id_required` whether it must be given.
    `leaving` is there for what exists: the address that takes the day of leaving, and the day already set, if any.
    `offered` are values of a field to choose from, each with a word on it, where others are welcome too; `remarks` are
    said beside a field that can be saved as it is.
    """

    title: Message
    of: str
    fields: Sequence[FormField]
    texts: Texts
    action: str
    back: str
    asks_id: bool = False
    id_required: bool = True
    leaving: str = ""
    left_at: datetime | None = None
    entry: EntryPart | None = None
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    offered: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    remarks: Mapping[str, Message] = field(default_factory=dict)


async def given_in(request: Request, fields: Sequence[FormField]) -> dict[str, str]:
    """The fields of a sent form, as they were typed."""
    form = await request.form()
    names = ("external_id", *(one.name for one in fields))
    return {name: text for name in names if isinstance(text := form.get(name), str)}


def identifier_in(given: Texts, *, required: bool, zone_of: Site) -> tuple[str, list[FieldProblem]]:
    """The id that a form gives to something new, and what is wrong with it."""
    text = given.get("external_id", "").strip()
    if not text:
        said = Message("this is empty")
        return "", [FieldProblem("external_id", "missing", said)] if required else []
    try:
        return str(identifier(text, zone_of.zone)), []
    except Unreadable as error:
        return "", [FieldProblem("external_id", error.code, error.message)]


def said_of(reading: Reading) -> dict[str, object]:
    """Of something new: an empty field says nothing."""
    return {name: value for name, value in reading.changes.items() if value is not None}


async def save(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    work: Callable[[Session], None],
    *,
    problems: Sequence[FieldProblem],
    page: DescriptionPage,
    onward: str,
    said: Message,
    kind: str = "good",
) -> Response:
    """Do `work` and go on, or show the form again as it was filled in, with what is wrong beside each field. `kind` is
    how `said` looks."""
    errors = by_field(problems)
    status = 422
    if not errors:
        try:
            await site.database.write(work)
        except (Conflict, Invalid) as wrong:
            status = wrong.status
            errors = {"email" if page.fields is PERSON_FIELDS else "external_id": [wrong.message]}
        else:
            response = redirect(onward)
            flash(request, response, said, kind=kind)
            return response
    return show(request, viewer, replace(page, errors=errors), status=status)


def show(request: Request, viewer: StaffViewer, page: DescriptionPage, *, status: int = 200) -> Response:
    """The form."""
    return render(request, "accounts/describe.html", page, viewer=viewer, nav="accounts", status=status)


async def told(request: Request, site: Site, work: Callable[[Session], Message], back: str) -> Response:
    """Do `work` and go back, with a word on how it went."""
    try:
        said, kind = await site.database.write(work), "good"
    except Invalid as wrong:
        said, kind = wrong.message, "bad"
    response = redirect(back)
    flash(request, response, said, kind=kind)
    return response


def customer_at(session: Session, external_id: str) -> Account:
    """The customer with this id, or `NotFound`."""
    account = account_by_external_id(session, external_id)
    if account is None:
        raise NotFound
    return account


def day_in(text: str) -> date:
    """The day that a form names, or `Invalid`."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(Message("Choose a day that exists.")) from error
