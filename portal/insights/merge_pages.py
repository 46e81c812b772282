"""Duplicates: customers with one name side by side, merged into one or told apart; a merge is undone for a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts import merging
from portal.accounts.duplicates import AT_ONCE, Alike, duplicates, tell_apart
from portal.accounts.listing import Filters, list_accounts
from portal.accounts.models import Account
from portal.accounts.paths import customer_path
from portal.accounts.people import members_of
from portal.accounts.records import AccountMerge
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import ActsForCustomers
from portal.checklists.merging import RunMerged, merged_runs
from portal.events import reads
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render

router = page_router(prefix="/staff/duplicates")
FOUND = 10
Id = Annotated[str, Form(max_length=200)]
AskedId = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class DuplicatesPage:
    """For `insights/duplicates.html`."""

    groups: Sequence[Alike]
    previous_href: str
    next_href: str


@dataclass(frozen=True)
class Side:
    """One of the two: what is known of it."""

    account: Account
    people: Sequence[str]
    last_seen: datetime | None


@dataclass(frozen=True)
class MergePage:
    """For `insights/merge.html`. Without `other` one is looked for among `found`; `both` are in each of the two;
    `runs` is what becomes of checklists."""

    keep: Side
    other: Side | None
    both: Sequence[str]
    runs: Sequence[RunMerged]
    q: str
    found: Sequence[Account]
    merges: Sequence[tuple[AccountMerge, bool]]


@router.get("")
async def alike(
    request: Request, site: SiteDep, viewer: ActsForCustomers, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Response:
    """Customers whose names are the same but for kana, widths and the legal form."""
    groups, total = await site.database.report(lambda session: duplicates(session, page=page))
    shown = DuplicatesPage(
        groups,
        f"/staff/duplicates?{urlencode({'page': page - 1})}" if page > 1 else "",
        f"/staff/duplicates?{urlencode({'page': page + 1})}" if page * AT_ONCE < total else "",
    )
    return render(request, "insights/duplicates.html", shown, viewer=viewer, nav="accounts")


@router.get("/merge")
async def compare(
    request: Request, site: SiteDep, viewer: ActsForCustomers, keep: AskedId, other: AskedId = "", q: AskedId = ""
) -> Response:
    """The two side by side, or a search for the other one."""
    now = site.clock()

    def work(session: Session) -> MergePage:
        one = _side(session, keep)
        two = _side(session, other) if other else None
        found: Sequence[Account] = ()
        if two is None and q:
            listed = list_accounts(session, filters=Filters(q=q), now=now, limit=FOUND).accounts
            found = [account for account in listed if account.id != one.account.id]
        merges = merging.merges_of(session, id_of(one.account))
        undoable = [bool(row.undo) and row.undone_at is None and now < row.at + merging.UNDOABLE for row in merges]
        both = sorted(set(one.people) & set(two.people)) if two else []
        runs: Sequence[RunMerged] = ()
        if two is not None and two.account.id != one.account.id:
            keep_id, gone_id = id_of(one.account), id_of(two.account)
            runs = merged_runs(session, keep_id=keep_id, gone_id=gone_id, now=now, zone=site.zone)
        return MergePage(one, two, both, runs, q, found, list(zip(merges, undoable, strict=True)))

    shown = await site.database.report(work)
    return render(request, "insights/merge.html", shown, viewer=viewer, nav="accounts")


@router.post("/merge")
async def merge(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    keep: Id,
    other: Id,
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """`other` becomes part of `keep`."""
    now = site.clock()

    def work(session: Session) -> Message:
        one, two = _found(session, keep), _found(session, other)
        name = two.name
        merging.merge_accounts(session, keep=one, gone=two, by=viewer.name, reason=reason, now=now)
        return Message("“%(name)s” is part of this customer now. You can undo it for a day.", name=name)

    try:
        said, kind = await site.database.write(work), "good"
    except Conflict as refused:
        said, kind = refused.message, "bad"
    response = redirect(f"/staff/duplicates/merge?{urlencode({'keep': keep})}")
    flash(request, response, said, kind=kind)
    return response


@router.post("/undo")
async def undo(
    request: Request, site: SiteDep, viewer: ActsForCustomers, merge_id: Annotated[int, Form(alias="merge")]
) -> Response:
    """The two are two again."""
    now = site.clock()

    def work(session: Session) -> str:
        row = session.get(AccountMerge, merge_id)
        if row is None:
            raise NotFound
        return merging.undo_merge(session, row, by=viewer.name, now=now).external_id

    back = await site.database.write(work)
    response = redirect(customer_path(back))
    flash(request, response, Message("This customer is on its own again."))
    return response


@router.post("/apart")
async def apart(
    request: Request, site: SiteDep, viewer: ActsForCustomers, accounts: Annotated[list[str], Form(max_length=50)]
) -> Response:
    """They are different customers, and are not shown here again."""
    now = site.clock()

    def work(session: Session) -> None:
        tell_apart(session, [_found(session, one) for one in accounts], by=viewer.name, now=now)

    await site.database.write(work)
    response = redirect("/staff/duplicates")
    flash(request, response, Message("They stay apart, and are not shown here again."))
    return response


def _found(session: Session, external_id: str) -> Account:
    found = account_by_external_id(session, external_id)
    if found is None:
        raise NotFound
    return found


def _side(session: Session, external_id: str) -> Side:
    account = _found(session, external_id)
    account_id = id_of(account)
    people = [one.email_key or one.name or one.external_id or "" for one in members_of(session, account_id)]
    return Side(account, people, reads.last_seen(session, account_ids=[account_id]).get(account_id))
