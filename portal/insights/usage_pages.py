"""A customer's usage on one sheet, for a champion to hand to their boss: for a period, with what each figure means."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.models import Account, Plan
from portal.accounts.paths import customer_path
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import SeesCustomers
from portal.checklists.definition import in_words
from portal.checklists.state import RunState, states_of
from portal.insights.accounts_pages import RUN_WORDS
from portal.insights.timeline import HAPPENINGS
from portal.insights.usage import Usage, usage_of
from portal.kit.clock import Span, local_day
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, render

router = page_router(prefix="/staff/accounts")
LONGEST = timedelta(days=731)
Text = Annotated[str, Query(max_length=10)]


@dataclass(frozen=True)
class RunLine:
    """One checklist: `steps` are (title, when it was done)."""

    title: str
    word: Message
    tone: str
    done: int
    total: int
    due_at: datetime | None
    steps: Sequence[tuple[str, datetime | None]]


@dataclass(frozen=True)
class UsagePage:
    """For `insights/usage.html`. `periods`: (words, address, is this one). `clipped`: what was asked for was cut."""

    account: Account
    plan: str
    usage: Usage
    words: dict[str, Message]
    runs: Sequence[RunLine]
    periods: Sequence[tuple[Message, str, bool]]
    as_of: datetime
    base: str
    account_href: str
    zone: str
    clipped: bool


@router.get("/{external_id:path}/usage")
async def usage(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    external_id: str,
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
) -> Response:
    """The sheet of one customer; without a period that of last month."""
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _page(session, site, external_id, first, last, locale))
    return render(request, "insights/usage.html", page, viewer=viewer, nav="accounts")


def _page(session: Session, site: Site, external_id: str, first: str, last: str, locale: Locale) -> UsagePage:
    account = account_by_external_id(session, external_id)
    if account is None:
        raise NotFound
    now, account_id = site.clock(), id_of(account)
    today = local_day(now, site.zone)
    presets = _presets(today)
    begin, end, clipped = _period(first, last, today)
    base = f"{customer_path(external_id)}/usage"
    plan = session.get(Plan, account.plan_key) if account.plan_key else None
    return UsagePage(
        account=account,
        plan=(plan.title or plan.key) if plan else "",
        usage=usage_of(session, account_id=account_id, first=begin, last=end, zone=site.zone),
        words=HAPPENINGS,
        runs=[
            _run(one, locale)
            for one in states_of(session, account_id=account_id, now=now, zone=site.zone)
            if one.status != "excluded"
        ],
        periods=[
            (word, f"{base}?{urlencode({'from': one, 'to': other})}", (one, other) == (begin, end))
            for word, one, other in presets
        ],
        as_of=now,
        base=base,
        account_href=customer_path(external_id),
        zone=site.zone.key,
        clipped=clipped,
    )


def _run(state: RunState, locale: Locale) -> RunLine:
    word, tone = RUN_WORDS[state.status]
    return RunLine(
        title=in_words(state.title, locale),
        word=word,
        tone=tone,
        done=state.progress.done,
        total=state.progress.total,
        due_at=state.due_at,
        steps=[(in_words(one.step.title, locale), one.done.at if one.done else None) for one in state.steps],
    )


def _presets(today: date) -> list[tuple[Message, date, date]]:
    this = today.replace(day=1)
    before = this - timedelta(days=1)
    return [
        (Message("Last month"), before.replace(day=1), before),
        (Message("This month so far"), this, today),
        (Message("Last three months"), Span(3, "mo").before(this), before),
        (Message("Last twelve months"), Span(12, "mo").before(this), before),
    ]


def _period(first: str, last: str, today: date) -> tuple[date, date, bool]:
    """The days asked for; last month for what is none. Days to come are cut off, and so is what is over two years."""
    _, usual_first, usual_last = _presets(today)[0]
    try:
        begin = date.fromisoformat(first) if first else usual_first
        end = date.fromisoformat(last) if last else (today if first else usual_last)
    except ValueError:
        return usual_first, usual_last, True
    if begin > end or begin > today:
        return usual_first, usual_last, True
    cut = min(end, today)
    start = max(begin, cut - LONGEST)
    return start, cut, (start, cut) != (begin, end)
