"""Customers, kept by staff in the browser: added, described, leaving and coming back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts import described
from portal.accounts.described import Texts
from portal.accounts.description import (
    CUSTOMER,
    Day,
    DescriptionPage,
    customer_at,
    day_in,
    given_in,
    identifier_in,
    said_of,
    save,
    show,
    told,
)
from portal.accounts.listing import facets
from portal.accounts.looked_after import colleagues_called, owners_to_offer, stranger_words
from portal.accounts.models import Account
from portal.accounts.own_fields import own_fields
from portal.accounts.paths import customer_path
from portal.accounts.records import AccountField
from portal.accounts.service import account_by_external_id, mark_left, mark_returned, upsert_account
from portal.accounts.trail_door import names_itself
from portal.accounts.visits import ActsForCustomers
from portal.kit.clock import day_end
from portal.kit.errors import Conflict, FieldProblem, Invalid
from portal.kit.i18n import Locale, Message
from portal.kit.web import SiteDep, locale_of, page_router

router = page_router()


@router.get("/staff/new-customer")
async def new_customer(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """A form with nothing but what is most often so: whoever adds a customer looks after them."""
    about = await site.database.read(_about)
    texts = {"currency": "JPY", "owner": viewer.email_key}
    return show(request, viewer, _customer_form(None, texts, about, locale_of(request, viewer)))


@router.post("/staff/new-customer")
async def add_customer(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """A customer that was not there."""
    about, locale = await site.database.read(_about), locale_of(request, viewer)
    given = await given_in(request, described.customer_fields(about.own, locale))
    now = site.clock()
    external_id, wrong = identifier_in(given, required=True, zone_of=site)
    reading = described.read_customer(given, {}, zone=site.zone, own=about.own)
    problems = [*wrong, *reading.problems, *_missing_name(given)]
    names_itself(request, external_id)

    def work(session: Session) -> None:
        if account_by_external_id(session, external_id) is not None:
            raise Conflict(Message("There is a customer with this id already."))
        upsert_account(session, external_id=external_id, changes=said_of(reading), now=now)

    return await save(
        request,
        site,
        viewer,
        work,
        problems=problems,
        page=_customer_form(None, given, about, locale),
        onward=customer_path(external_id),
        said=about.said(given, Message("The customer was added.")),
        kind="warn" if about.remark(given) else "good",
    )


@router.get(f"{CUSTOMER}/edit")
async def describe_customer(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """The customer as a form."""

    def work(session: Session) -> DescriptionPage:
        account, about = customer_at(session, external_id), _about(session)
        texts = described.customer_texts(account, site.zone, about.own)
        return _customer_form(account, texts, about, locale_of(request, viewer))

    return show(request, viewer, await site.database.read(work))


@router.post(f"{CUSTOMER}/edit")
async def save_customer(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """What was changed in the form, and nothing else."""
    about, locale = await site.database.read(_about), locale_of(request, viewer)
    given = await given_in(request, described.customer_fields(about.own, locale))
    now = site.clock()
    account = await site.database.read(lambda session: customer_at(session, external_id))
    shown = described.customer_texts(account, site.zone, about.own)
    reading = described.read_customer(given, shown, zone=site.zone, own=about.own)

    def work(session: Session) -> None:
        customer_at(session, external_id)
        upsert_account(session, external_id=external_id, changes=reading.changes, now=now)

    return await save(
        request,
        site,
        viewer,
        work,
        problems=[*reading.problems, *_missing_name(given)],
        page=_customer_form(account, given, about, locale),
        onward=customer_path(external_id),
        said=about.said(given, Message("Saved.")),
        kind="warn" if about.remark(given) else "good",
    )


@router.post(f"{CUSTOMER}/leave")
async def leave(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, day: Day = "", notice: Day = ""
) -> Response:
    """The customer leaves at the end of a day; `notice` is the day it said so."""
    now = site.clock()

    def work(session: Session) -> Message:
        account = customer_at(session, external_id)
        last = day_end(day_in(day), site.zone)
        said = day_end(day_in(notice), site.zone) if notice else None
        if last < account.started_at:
            raise Invalid(Message("That day lies before the customer's start. Nothing was changed."))
        mark_left(session, account, left_at=last, notice_at=said, now=now)
        return Message("%(name)s leaves at the end of that day.", name=account.name)

    return await told(request, site, work, f"{customer_path(external_id)}/edit")


@router.post(f"{CUSTOMER}/return")
async def come_back(request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str) -> Response:
    """The customer stays, or is back."""
    now = site.clock()

    def work(session: Session) -> Message:
        account = customer_at(session, external_id)
        mark_returned(session, account, now=now)
        return Message("%(name)s is a customer as before.", name=account.name)

    return await told(request, site, work, f"{customer_path(external_id)}/edit")


@dataclass(frozen=True)
class _About:
    """What the form knows besides the customer: own fields, what is in use, and what its people are called."""

    own: Sequence[AccountField]
    offered: Mapping[str, Sequence[tuple[str, str]]]
    colleagues: frozenset[str]

    def remark(self, texts: Texts) -> Message | None:
        """What there is to say of the owner in the form."""
        owner = texts.get("owner", "").strip()
        return stranger_words(owner) if owner and owner.lower() not in self.colleagues else None

    def said(self, texts: Texts, done: Message) -> Message:
        """`done`, and what there is to say of the owner that was saved."""
        remark = self.remark(texts)
        return done if remark is None else Message("%(done)s %(remark)s", done=done, remark=remark)


def _about(session: Session) -> _About:
    used = facets(session)
    offered: dict[str, Sequence[tuple[str, str]]] = {
        name: [(one, "") for one in used[name]] for name in ("plan", "tier")
    }
    return _About(
        own=own_fields(session),
        offered={**offered, "owner": owners_to_offer(session, used["owner"])},
        colleagues=colleagues_called(session),
    )


def _customer_form(account: Account | None, texts: Texts, about: _About, locale: Locale) -> DescriptionPage:
    fields, remark = described.customer_fields(about.own, locale), about.remark(texts)
    is_new = account is None
    here = "" if account is None else customer_path(account.external_id)
    return DescriptionPage(
        title=Message("Add a customer") if is_new else Message("Edit the customer"),
        of="" if account is None else account.name,
        fields=fields,
        texts=texts,
        action="/staff/new-customer" if is_new else f"{here}/edit",
        back="/staff/accounts" if is_new else here,
        asks_id=is_new,
        leaving=here,
        left_at=None if account is None else account.left_at,
        offered=about.offered,
        remarks={"owner": remark} if remark is not None else {},
    )


def _missing_name(given: Texts) -> list[FieldProblem]:
    return [] if given.get("name", "").strip() else [FieldProblem("name", "missing", Message("this is empty"))]
