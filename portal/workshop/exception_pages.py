"""Exceptions for many: who was chosen, what is to be done, what it would do, and what became of it.

Other lists send their choice here (`POST /staff/exceptions` with `account`, or `among` and `all`); nothing is changed
before somebody has seen whom it touches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

from fastapi import Request, Response
from sqlalchemy import select
from sqlmodel import Session, col
from starlette.datastructures import FormData

from portal.accounts.looked_after import names_of
from portal.accounts.models import Account
from portal.accounts.viewers import StaffViewer
from portal.accounts.visits import ActsForCustomers, SeesCustomers
from portal.checklists.actors import Actor
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.kit.errors import BansoError, FieldProblem, Invalid, by_field
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.workshop import batches
from portal.workshop.chosen import chosen, existing, numbers_in
from portal.workshop.models import BatchItem, ExceptionBatch
from portal.workshop.wishes import ACTS, Act, Outlook, Wish, check

router = page_router(prefix="/staff/exceptions")
SHOWN: Final = 200
ACT_WORDS: Final[Mapping[Act, tuple[Message, Message]]] = {
    "extend": (Message("Extend the deadline"), Message("by so many days, each from their own")),
    "due": (Message("Set the deadline"), Message("to the end of one day, for all of them")),
    "start": (Message("Move the start"), Message("the deadline and every window count from that day")),
    "pause": (Message("Pause"), Message("the deadline waits until somebody resumes")),
    "resume": (Message("Resume"), Message("the deadline moves by the days of the pause")),
    "exclude": (Message("Exclude from the figures"), Message("they count in no figure any more")),
    "include": (Message("Include again"), Message("they count in all figures again")),
}
WHY_WORDS: Final[Mapping[str, Message]] = {
    "not_enrolled": Message("not enrolled in this checklist"),
    "completed": Message("has completed it already"),
    "same": Message("is so already"),
    "no_deadline": Message("has no deadline"),
}
OUTCOME_WORDS: Final[Mapping[str, tuple[Message, str]]] = {
    "waiting": (Message("waits"), ""),
    "done": (Message("done"), "good"),
    "skipped": (Message("nothing changed"), ""),
    "undone": (Message("was taken back"), "warn"),
    "kept": (Message("changed since, so left as it is"), "warn"),
}


@dataclass(frozen=True)
class Asked:
    """The form as it was filled in."""

    ids: Sequence[int] = ()
    checklist: str = ""
    act: str = "extend"
    day: str = ""
    days: str = "14"
    reason: str = ""


@dataclass(frozen=True)
class ExceptionsPage:
    """For `workshop/exceptions.html`. `outlook` is there once somebody has asked what would happen."""

    asked: Asked
    names: Sequence[str]
    total: int
    checklists: Sequence[tuple[str, str]]
    errors: Mapping[str, Sequence[Message]]
    outlook: Sequence[Outlook] | None
    left_out: Mapping[str, int] = field(default_factory=dict)
    acts: Mapping[Act, tuple[Message, Message]] = field(default_factory=lambda: ACT_WORDS)
    why: Mapping[str, Message] = field(default_factory=lambda: WHY_WORDS)
    at_once: int = batches.AT_ONCE
    shown: int = SHOWN

    @property
    def touched(self) -> Sequence[Outlook]:
        """Those for whom something changes."""
        return [one for one in self.outlook or () if one.is_touched]


@dataclass(frozen=True)
class BatchLine:
    """One customer of a batch, and what became of it."""

    external_id: str
    name: str
    outcome: str
    why: str


@dataclass(frozen=True)
class BatchPage:
    """For `workshop/batch.html`."""

    batch: ExceptionBatch
    checklist: str
    counts: Mapping[str, int]
    total: int
    lines: Sequence[BatchLine]
    may_act: bool
    acts: Mapping[Act, tuple[Message, Message]] = field(default_factory=lambda: ACT_WORDS)
    outcomes: Mapping[str, tuple[Message, str]] = field(default_factory=lambda: OUTCOME_WORDS)
    why: Mapping[str, Message] = field(default_factory=lambda: WHY_WORDS)


@dataclass(frozen=True)
class BatchesPage:
    """For `workshop/batches.html`: the latest, newest first."""

    batches: Sequence[tuple[ExceptionBatch, str, int]]
    acts: Mapping[Act, tuple[Message, Message]] = field(default_factory=lambda: ACT_WORDS)


@router.get("")
async def latest(request: Request, site: SiteDep, viewer: SeesCustomers) -> Response:
    """What was done for many at once, newest first."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> BatchesPage:
        asked = select(ExceptionBatch).order_by(col(ExceptionBatch.id).desc()).limit(100)
        rows = session.execute(asked).scalars().all()
        titles, sizes = _titles(session, locale), batches.sizes_of(session, [one.id or 0 for one in rows])
        return BatchesPage(
            [(one, titles.get(one.checklist_key, one.checklist_key), sizes.get(one.id or 0, 0)) for one in rows]
        )

    page = await site.database.report(work)
    return render(request, "workshop/batches.html", page, viewer=viewer, nav="accounts")


@router.post("")
async def ask(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """Whoever was chosen in a list, with what is to be done for them; then what it would do; then doing it."""
    said = await request.form()
    now, locale = site.clock(), locale_of(request, viewer)
    asked = _asked(said)
    if "ids" not in said:
        ticked = [one for one in said.getlist("account") if isinstance(one, str)]
        pick = partial(
            chosen,
            ticked=ticked,
            among=_text(said, "among"),
            all_of_it=bool(_text(said, "all") or _text(said, "everyone")),
            names=names_of(viewer),
            now=now,
            zone=site.zone,
        )
        found = await site.database.report(pick)
        return await _page(request, site, viewer, Asked(ids=found, checklist=_text(said, "checklist")), locale)
    wish, problems = _wish(asked)
    if wish is None or problems:
        return await _page(request, site, viewer, asked, locale, problems=problems)
    if _text(said, "do") != "make":
        return await _page(request, site, viewer, asked, locale, wish=wish)
    try:
        number = await site.database.write(
            partial(
                batches.make,
                key=asked.checklist,
                accounts=asked.ids,
                wish=wish,
                actor=_actor(viewer),
                now=now,
                zone=site.zone,
            )
        )
    except Invalid as wrong:
        return await _page(request, site, viewer, asked, locale, problems=list(wrong.problems), wish=wish)
    answer = redirect(f"/staff/exceptions/{number}")
    flash(request, answer, Message("Done, and kept on record with its reason."))
    return answer


@router.get("/{number}")
async def show(request: Request, site: SiteDep, viewer: SeesCustomers, number: int) -> Response:
    """What became of it, for each customer."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> BatchPage:
        batch = batches.batch_of(session, number)
        rows = session.execute(
            select(BatchItem, Account)
            .join(Account, col(Account.id) == col(BatchItem.account_id))
            .where(col(BatchItem.batch_id) == number)
            .order_by(col(BatchItem.outcome), col(Account.name), col(Account.id))
            .limit(SHOWN)
        )
        counts = batches.counts_of(session, number)
        return BatchPage(
            batch=batch,
            checklist=_titles(session, locale).get(batch.checklist_key, batch.checklist_key),
            counts=counts,
            total=sum(counts.values()),
            lines=[BatchLine(account.external_id, account.name, item.outcome, item.why) for item, account in rows],
            may_act=viewer.may("act_for_customers"),
        )

    page = await site.database.report(work)
    return render(request, "workshop/batch.html", page, viewer=viewer, nav="accounts")


@router.post("/{number}/undo")
async def undo(request: Request, site: SiteDep, viewer: ActsForCustomers, number: int) -> Response:
    """Take it back, for all who stand as it left them."""

    def work(session: Session) -> None:
        batch = batches.batch_of(session, number)
        said = Message("taken back: %(reason)s", reason=batch.reason).into(site.locale)
        batches.undo(session, number, actor=_actor(viewer), said=said, now=site.clock(), zone=site.zone)

    answer = redirect(f"/staff/exceptions/{number}")
    try:
        await site.database.write(work)
    except BansoError as wrong:
        if wrong.status in (403, 404):
            raise
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(
            request, answer, Message("Taken back. Whatever somebody has changed since is left as it is."), kind="note"
        )
    return answer


async def _page(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    asked: Asked,
    locale: Locale,
    *,
    problems: Sequence[FieldProblem] = (),
    wish: Wish | None = None,
) -> Response:
    errors = by_field(problems)

    def work(session: Session) -> ExceptionsPage:
        ids = existing(session, asked.ids)
        titles = _titles(session, locale)
        key = asked.checklist if asked.checklist in titles else next(iter(titles), "")
        seen = None
        if wish is not None and not problems and key:
            seen = batches.outlook(session, key=key, accounts=ids, wish=wish, now=site.clock(), zone=site.zone)
        left_out: dict[str, int] = {}
        for one in seen or ():
            if one.why:
                left_out[one.why] = left_out.get(one.why, 0) + 1
        if seen is not None and len(ids) > len(seen):
            left_out["not_enrolled"] = len(ids) - len(seen)
        names = session.execute(
            select(col(Account.name)).where(col(Account.id).in_(ids[:20])).order_by(col(Account.name))
        ).scalars()
        filled = Asked(ids, key, asked.act, asked.day, asked.days, asked.reason)
        return ExceptionsPage(filled, list(names), len(ids), list(titles.items()), errors, seen, left_out)

    page = await site.database.report(work)
    status = 422 if problems else 200
    return render(request, "workshop/exceptions.html", page, viewer=viewer, nav="accounts", status=status)


def _titles(session: Session, locale: Locale) -> dict[str, str]:
    return {live.key: in_words(live.definition.title, locale) for live in catalog(session).live}


def _asked(said: FormData) -> Asked:
    return Asked(
        ids=numbers_in(_text(said, "ids")),
        checklist=_text(said, "checklist"),
        act=_text(said, "act"),
        day=_text(said, "day"),
        days=_text(said, "days"),
        reason=_text(said, "reason"),
    )


def _wish(asked: Asked) -> tuple[Wish | None, Sequence[FieldProblem]]:
    act = next((one for one in ACTS if one == asked.act), None)
    if act is None:
        return None, [FieldProblem("act", "act", Message("Choose what is to be done."))]
    try:
        day = date.fromisoformat(asked.day)
    except ValueError:
        day = None
    days = int(asked.days) if asked.days.isdecimal() and len(asked.days) < 6 else 0
    wish = Wish(act, asked.reason, day, days)
    try:
        check(wish)
    except Invalid as wrong:
        return wish, wrong.problems
    return wish, ()


def _actor(viewer: StaffViewer) -> Actor:
    return Actor(kind="staff", key=viewer.email_key, name=viewer.name)


def _text(said: FormData, name: str) -> str:
    value = said.get(name, "")
    return value if isinstance(value, str) else ""
