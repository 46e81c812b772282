"""The accounts behind a figure, or the people: as many as the figure says, each with what it counted as."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from portal.accounts.models import Account, Member
from portal.accounts.visits import SeesCustomers
from portal.checklists.behind import STAGES, Stage, behind_figure, behind_step
from portal.checklists.catalog import catalog, step_of
from portal.checklists.counting import whole_second
from portal.checklists.definition import in_words
from portal.checklists.rate import Box, box_of
from portal.checklists.report import Counted, Unit
from portal.conditions.segments import segments
from portal.insights import figures as figuring
from portal.insights.asked import Asked, asked_for
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.paging import page_at
from portal.kit.web import Site, SiteDep, locale_of, page_router, render

router = page_router(prefix="/staff/onboarding/accounts")
PER_PAGE = 50
OUTCOMES: dict[Box, tuple[Message, str]] = {
    "completed_in_time": (Message("Kept the deadline"), "good"),
    "completed_late": (Message("Completed late"), "warn"),
    "missed": (Message("Not completed"), "bad"),
    "left": (Message("Departed"), ""),
    "already_completed": (Message("Completed early"), "good"),
    "under_way": (Message("In progress"), "accent"),
}
STAGE_WORDS: dict[Stage, Message] = {
    "reached": Message("Got to the step “%(step)s”"),
    "completed": Message("Completed the step “%(step)s”"),
    "open": Message("Got to the step “%(step)s” and have not done it"),
}
STAGE_MEANINGS: dict[Stage, Message] = {
    "reached": Message("Those who have done this step, a later one, or the one before it; everybody for the first."),
    "completed": Message("Those for whom this step is done."),
    "open": Message("Those who have got to this step and have not done it."),
}
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Behind:
    """One account (or one person of it) behind a figure."""

    account_id: str
    name: str
    person: str
    plan: str | None
    owner: str | None
    outcome: Message
    tone: str
    started_at: datetime
    due_at: datetime | None
    completed_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True)
class BehindPage:
    """For `insights/behind.html`. `ids` are all the accounts of the figure, for what is done with all of them."""

    key: str
    ids: Sequence[int]
    title: Message
    meaning: Message
    checklist: str
    group: str
    as_of: datetime
    unit: Unit
    back: str
    rows: Sequence[Behind]
    total: int
    first: int
    last: int
    previous_href: str
    next_href: str


@router.get("")
async def behind(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    checklist: Text = "",
    box: Text = "started",
    by: Text = "none",
    group: Annotated[str | None, Query(max_length=200)] = None,
    unit: Text = "account",
    as_of: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """The accounts a figure counts. An empty `group`: those without a plan, tier or owner; none at all: everybody."""
    asked = asked_for(checklist=checklist, by=by, unit=unit, as_of=as_of, now=site.clock(), zone=site.zone)
    locale = locale_of(request, viewer)
    shown = await site.database.report(lambda session: _page(session, site, asked, box, group, page, locale))
    return render(request, "insights/behind.html", shown, viewer=viewer, nav="onboarding")


def _page(
    session: Session, site: Site, asked: Asked, box: str, group: str | None, page: int, locale: Locale
) -> BehindPage:
    live = catalog(session).live_of(asked.checklist)
    common: dict[str, Any] = {"unit": asked.unit, "as_of": asked.as_of, "zone": site.zone}
    word, _, step = box.partition(":")
    stage = next((one for one in STAGES if one == word), None) if step else None
    if stage is not None:
        chosen = behind_step(session, live.key, step, stage, **common)
        named = in_words(step_of(live.definition, step).title, locale)
        title, meaning = Message(STAGE_WORDS[stage].msgid, step=named), STAGE_MEANINGS[stage]
    elif box in figuring.BOXES:
        groups = None if group is None else frozenset({group or None})
        chosen = behind_figure(session, live.key, box, by=asked.by, groups=groups, **common)
        title, meaning = figuring.BOXES[box], figuring.MEANINGS[box]
    else:
        raise NotFound
    chosen.sort(key=lambda one: (-one.run.started_at, one.account_id, one.member_id or 0))
    place = page_at(page, total=len(chosen), limit=PER_PAGE)
    rows = _rows(session, site, chosen[place.skip : place.skip + PER_PAGE], asked.as_of)
    query = {"checklist": live.key, "by": asked.by, "unit": asked.unit, "as_of": asked.as_of_text}
    here = {**query, "box": box, **({} if group is None else {"group": group})}

    def address(number: int) -> str:
        return f"/staff/onboarding/accounts?{urlencode({**here, 'page': number})}"

    return BehindPage(
        key=asked.checklist,
        ids=[one.account_id for one in chosen],
        title=title,
        meaning=meaning,
        checklist=in_words(live.definition.title, locale),
        group=""
        if group is None or stage is not None
        else figuring.group_name(
            group or None, asked.by, locale, {one.key: one.title for one in segments(session).all}
        ),
        as_of=asked.as_of,
        unit=asked.unit,
        back=f"/staff/onboarding?{urlencode({name: value for name, value in query.items() if value})}",
        rows=rows,
        total=place.total,
        first=min(place.skip + 1, place.total),
        last=place.skip + len(rows),
        previous_href=address(place.page - 1) if place.page > 1 else "",
        next_href=address(place.page + 1) if place.page < place.pages else "",
    )


def _rows(session: Session, site: Site, some: Sequence[Counted], as_of: datetime) -> list[Behind]:
    accounts = {
        row.id: row
        for row in session.exec(select(Account).where(col(Account.id).in_({one.account_id for one in some})))
    }
    people = {
        row.id: row.name or row.email or row.external_id or ""
        for row in session.exec(select(Member).where(col(Member.id).in_({one.member_id or 0 for one in some})))
    }
    rows = []
    for one in some:
        account = accounts[one.account_id]
        outcome, tone = OUTCOMES[box_of(one.run, as_of=whole_second(as_of)) or "under_way"]
        rows.append(
            Behind(
                account_id=account.external_id,
                name=account.name,
                person=people.get(one.member_id, ""),
                plan=account.plan_key,
                owner=account.owner,
                outcome=outcome,
                tone=tone,
                started_at=datetime.fromtimestamp(one.run.started_at, tz=site.zone),
                due_at=_instant(one.run.due_at, site),
                completed_at=_instant(one.run.completed_at, site),
                left_at=_instant(one.run.left_at, site),
            )
        )
    return rows


def _instant(seconds: int | None, site: Site) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=site.zone)
