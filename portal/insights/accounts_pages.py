"""Customers as staff look through them: found, filtered, sorted, a page at a time, all of it in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.listing import NONE, SORTS, AccountPage, Filters, Sort, facets, list_accounts
from portal.accounts.own_fields import label_of, own_fields, values_in_use
from portal.accounts.visits import SeesCustomers
from portal.checklists.deadlines import Status as RunStatus
from portal.checklists.definition import in_words
from portal.conditions.segments import segments
from portal.events import reads
from portal.insights.enrolled import Standing, standings
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, render
from portal.mailing.selection import Selection
from portal.segments.narrowing import filters_of

router = page_router(prefix="/staff/accounts")
PER_PAGE = 50
STATUS_WORDS = {
    "active": Message("Active"),
    "leaving": Message("Leaving"),
    "left": Message("Departed"),
    "unknown": Message("Known by events only"),
}
RUN_WORDS: Mapping[RunStatus, tuple[Message, str]] = {
    "in_progress": (Message("In progress"), ""),
    "completed": (Message("Done"), "good"),
    "overdue": (Message("Overdue"), "bad"),
    "paused": (Message("Paused"), "warn"),
    "excluded": (Message("Excluded"), ""),
}
ORDERS: Mapping[str, Message] = {
    "name": Message("Name"),
    "started_at-desc": Message("Started last"),
    "started_at": Message("Started first"),
    "renews_at": Message("Renews soonest"),
    "mrr-desc": Message("Highest monthly revenue"),
    "seats-desc": Message("Most seats"),
    "plan": Message("Plan"),
    "tier": Message("Tier"),
    "owner": Message("Owner"),
    "external_id": Message("Id"),
}
"""What the form offers; the headings turn each of theirs round, too."""
DESCENDING = "-desc"
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class AccountsPage:
    """For `insights/accounts.html`. Links are ready: sorting by column, removing a filter, pages. `order` is the one of
    `orders` that holds, or another."""

    found: AccountPage
    filters: Filters
    segment: str
    segments: Sequence[tuple[str, str]]
    own: str
    own_values: Sequence[tuple[str, str]]
    sort: str
    descending: bool
    order: str
    orders: Mapping[str, Message]
    facets: dict[str, tuple[str, ...]]
    statuses: Sequence[tuple[str, Message]]
    sort_links: dict[str, str]
    chips: Sequence[tuple[Message | str, str]]
    previous_href: str
    next_href: str
    first: int
    last: int
    standings: Mapping[int, Sequence[Standing]]
    words: Mapping[RunStatus, tuple[Message, str]]
    last_seen: Mapping[int, datetime]
    now: datetime
    mail_href: str


@router.get("")
async def accounts(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    q: Text = "",
    plan: Text = "",
    tier: Text = "",
    owner: Text = "",
    status: Text = "",
    segment: Text = "",
    own: Text = "",
    sort: Text = "name",
    order: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """All customers, as filtered and sorted by the address."""
    now, locale = site.clock(), locale_of(request, viewer)
    said = {"q": q, "plan": plan, "tier": tier, "owner": owner, "status": status, "segment": segment, "own": own}
    filters = filters_of(said)
    by: Sort = next((one for one in SORTS if one == sort.removesuffix(DESCENDING)), "name")
    descending = order == "desc" or sort.endswith(DESCENDING)

    def work(session: Session) -> AccountsPage:
        found = list_accounts(
            session, filters=filters, now=now, sort=by, descending=descending, page=page, limit=PER_PAGE
        )
        return _list_page(session, site, found, filters, said, by, descending, locale, now)

    shown = await site.database.report(work)
    return render(request, "insights/accounts.html", shown, viewer=viewer, nav="accounts")


def _list_page(
    session: Session,
    site: Site,
    found: AccountPage,
    filters: Filters,
    said: Mapping[str, str],
    sort: str,
    descending: bool,
    locale: Locale,
    now: datetime,
) -> AccountsPage:
    ids = [one.id or 0 for one in found.accounts]
    segment, own = said["segment"], said["own"]
    asked = {
        **said,
        "status": filters.status or "",
        "sort": sort if sort != "name" else "",
        "order": "desc" if descending else "",
    }

    def address(**changed: object) -> str:
        query = {name: str(value) for name, value in {**asked, **changed}.items() if value}
        return f"/staff/accounts?{urlencode(query)}" if query else "/staff/accounts"

    chips: list[tuple[Message | str, str]] = [
        (Message("None") if asked[name] == NONE else asked[name], address(**{name: ""}))
        for name in ("q", "plan", "tier", "owner")
        if asked[name]
    ]
    titles = {one.key: in_words(one.title, locale) for one in segments(session).all}
    if segment:
        chips.append((titles.get(segment, segment), address(segment="")))
    fields = {one.key: label_of(one, locale) for one in own_fields(session)}
    if own:
        key, _, value = own.partition(":")
        word = Message("%(name)s: %(value)s", name=fields.get(key, key), value=value)
        chips.append((word, address(own="")))
    if filters.status:
        chips.append((STATUS_WORDS[filters.status], address(status="")))
    first = found.skip + 1
    return AccountsPage(
        found=found,
        filters=filters,
        segment=segment,
        segments=tuple(titles.items()),
        own=own,
        own_values=[
            (f"{key}:{value}", f"{fields[key]}: {value}")
            for key, values in values_in_use(session).items()
            for value in values
        ],
        sort=sort,
        descending=descending,
        order=f"{sort}{DESCENDING}" if descending else sort,
        orders=ORDERS,
        facets=facets(session),
        statuses=tuple(STATUS_WORDS.items()),
        sort_links={one: address(sort=one, order="desc" if one == sort and not descending else "") for one in SORTS},
        chips=chips,
        previous_href=address(page=found.page - 1) if found.page > 1 else "",
        next_href=address(page=found.page + 1) if found.page < found.pages else "",
        first=min(first, found.total),
        last=min(first + len(found.accounts) - 1, found.total),
        standings=standings(session, account_ids=ids, now=now, zone=site.zone, locale=locale),
        words=RUN_WORDS,
        last_seen=reads.last_seen(session, account_ids=ids),
        now=now,
        mail_href=f"/staff/mails/new?{urlencode(Selection(everybody=True, shown=said).fields())}",
    )
