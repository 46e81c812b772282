"""Who is stuck, as a list to work through: narrowed, selected, and something done for all of them at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from portal.accounts.listing import facets
from portal.accounts.looked_after import MINE, names_of
from portal.accounts.models import Account
from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.checklists.stuck import Narrowed, Stuck, StuckPage, stuck_accounts, stuck_ids
from portal.checklists.thresholds import WHYS, Threshold, Why, set_threshold, thresholds
from portal.insights.last_contact import LastContact, last_contacts
from portal.insights.onboarding_pages import WHY_WORDS, Choice
from portal.kit.errors import Invalid, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, answers, flash, locale_of, page_router, redirect, render
from portal.mailing.selection import ANY, Selection
from portal.touch.compose import WHATS, chosen, compose
from portal.touch.contacts import touches_of
from portal.touch.models import Touch

router = page_router(prefix="/staff/onboarding/stuck")
HERE = "/staff/onboarding/stuck"
MAILS = "/staff/mails/new"
MOST_MAILED = 200
"""As many customers as an address can carry by name."""
SHOWN = 50
Text = Annotated[str, Query(max_length=200)]
Typed = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True)
class Asked:
    """What the address asks for. `owner` may be `mine`, `-` for none, or as it is written on customers."""

    checklist: str = ""
    why: Why | None = None
    plan: str = ""
    owner: str = ""

    @property
    def query(self) -> dict[str, str]:
        """As it stands in an address."""
        told = {"checklist": self.checklist, "why": self.why or "", "plan": self.plan, "owner": self.owner}
        return {name: value for name, value in told.items() if value}

    def address(self, **changed: object) -> str:
        """The list with something of it changed."""
        query = {name: str(value) for name, value in {**self.query, **changed}.items() if value}
        return f"{HERE}?{urlencode(query)}" if query else HERE

    def narrowed(self, viewer: StaffViewer) -> Narrowed:
        """Whom it leaves."""
        if self.owner == MINE:
            return Narrowed(self.plan, names=names_of(viewer))
        return Narrowed(self.plan, self.owner)


@dataclass(frozen=True)
class Lacking:
    """A stuck account as lists show it: the checklist in words, and what it lacks, each with whether it is ours."""

    stuck: Stuck
    checklist: str
    lacks: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class StuckListPage:
    """For `insights/stuck.html`. `threshold` is there where the list is of one checklist."""

    found: StuckPage
    rows: Sequence[Lacking]
    touches: Mapping[int, Touch]
    contacts: Mapping[int, LastContact]
    asked: Asked
    checklists: Sequence[tuple[str, str]]
    facets: Mapping[str, Sequence[str]]
    choices: Sequence[Choice]
    threshold: Threshold | None
    previous_href: str
    next_href: str
    may_act: bool
    may_mail: bool
    typed: Mapping[str, str] = field(default_factory=dict)
    error: Message | None = None


@router.get("")
async def stuck(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    checklist: Text = "",
    why: Text = "",
    plan: Text = "",
    owner: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Everybody who is stuck, worst first."""
    asked = _asked(checklist, why, plan, owner)
    locale = locale_of(request, viewer)
    shown = await site.database.report(lambda session: _page(session, request, site, viewer, asked, page, locale))
    return render(request, "insights/stuck.html", shown, viewer=viewer, nav="onboarding")


@router.post("")
async def act(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """What is to be done with those selected: the form for it, with them in it."""
    sent = await request.form()
    given = {name: text for name, text in sent.items() if isinstance(text, str)}
    asked = _asked(*(given.get(name, "") for name in ("checklist", "why", "plan", "owner")))
    what, now = given.get("act", ""), site.clock()
    back = asked.address(page=given.get("page", "") if given.get("page") != "1" else "")

    def work(session: Session) -> list[int]:
        if given.get("everyone"):
            narrowed, key = asked.narrowed(viewer), asked.checklist or None
            return stuck_ids(session, now=now, zone=site.zone, checklist=key, why=asked.why, narrowed=narrowed)
        return chosen(session, ",".join(one for one in sent.getlist("account") if isinstance(one, str)))

    if what == "mail" and given.get("everyone"):
        return redirect(_mail_all(asked))
    try:
        ids = await site.database.report(work)
        if not ids:
            raise Invalid(Message("Choose at least one customer."))
        if what == "mail":
            return redirect(await _mails(site, ids))
    except Invalid as wrong:
        response = redirect(back)
        flash(request, response, wrong.message, kind="bad")
        return response
    kind = next((one for one in WHATS if one == what), None)
    if kind is None:
        raise NotFound
    return await compose(request, viewer, kind, ids, back=back)


@router.post("/threshold")
async def decide_threshold(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    checklist: Typed = "",
    quiet_days: Typed = "",
    overdue_days: Typed = "",
) -> Response:
    """From when on customers count as stuck in one checklist."""
    now, asked = site.clock(), Asked(checklist)
    typed = {"quiet_days": quiet_days, "overdue_days": overdue_days}
    days = [int(one) if one.isdecimal() and len(one) < 6 else -1 for one in (quiet_days, overdue_days)]

    def work(session: Session) -> None:
        set_threshold(session, checklist, threshold=Threshold(*days), by=viewer.email_key, now=now)

    try:
        await site.database.write(work)
    except Invalid as wrong:
        locale, said = locale_of(request, viewer), wrong.message
        shown = await site.database.report(
            lambda session: _page(session, request, site, viewer, asked, 1, locale, typed, said)
        )
        return render(request, "insights/stuck.html", shown, viewer=viewer, nav="onboarding", status=422)
    response = redirect(asked.address())
    flash(request, response, Message("Saved."))
    return response


def lacking(session: Session, rows: Sequence[Stuck], locale: Locale) -> list[Lacking]:
    """Stuck accounts with the titles of what they lack."""
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    return [
        Lacking(
            stuck=one,
            checklist=titles.get(one.checklist, one.checklist),
            lacks=[(in_words(step.title, locale), step.by == "staff") for step in one.lacks],
        )
        for one in rows
    ]


def _page(
    session: Session,
    request: Request,
    site: Site,
    viewer: StaffViewer,
    asked: Asked,
    page: int,
    locale: Locale,
    typed: Mapping[str, str] | None = None,
    error: Message | None = None,
) -> StuckListPage:
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    if asked.checklist and asked.checklist not in titles:
        raise NotFound
    now = site.clock()
    found = stuck_accounts(
        session,
        now=now,
        zone=site.zone,
        checklist=asked.checklist or None,
        why=asked.why,
        narrowed=asked.narrowed(viewer),
        page=page,
        limit=SHOWN,
    )
    key = asked.checklist or (next(iter(titles)) if len(titles) == 1 else "")
    ids = {one.account_id for one in found.rows}
    touches = touches_of(session, ids)
    counts = found.counts
    return StuckListPage(
        found=found,
        rows=lacking(session, found.rows, locale),
        touches=touches,
        contacts=last_contacts(session, ids, touches=touches),
        asked=asked,
        checklists=tuple(titles.items()),
        facets=facets(session),
        choices=[
            Choice(Message("All"), asked.address(why=""), asked.why is None, sum(counts.values())),
            *(Choice(WHY_WORDS[one], asked.address(why=one), one == asked.why, counts[one]) for one in WHYS),
        ],
        threshold=thresholds(session).get(key, Threshold()) if key else None,
        previous_href=asked.address(page=found.page - 1) if found.page > 1 else "",
        next_href=asked.address(page=found.page + 1) if found.page < found.pages else "",
        may_act=viewer.may("act_for_customers"),
        may_mail=answers(request, MAILS),
        typed=typed or {},
        error=error,
    )


def _mail_all(asked: Asked) -> str:
    """The address that writes to all of the list."""
    shown = {"plan": asked.plan, "owner": asked.owner}
    selection = Selection(stuck=asked.checklist or ANY, why=asked.why or "", shown=shown)
    return f"{MAILS}?{urlencode(selection.fields())}"


async def _mails(site: Site, ids: Sequence[int]) -> str:
    """The address that writes to these customers."""
    if len(ids) > MOST_MAILED:
        raise Invalid(Message("At most %(limit)s customers can be chosen one by one.", limit=MOST_MAILED))

    def work(session: Session) -> Sequence[str]:
        asked = select(col(Account.external_id)).where(col(Account.id).in_(ids)).order_by(col(Account.name))
        return session.exec(asked).all()

    names = await site.database.read(work)
    return f"{MAILS}?{urlencode([('account', one) for one in names])}"


def _asked(checklist: str, why: str, plan: str, owner: str) -> Asked:
    return Asked(checklist, next((one for one in WHYS if one == why), None), plan, owner)
