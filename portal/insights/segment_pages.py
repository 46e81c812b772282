"""Segments in the browser: listed with how many are in each, written, looked at before they are kept, archived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form, Request
from sqlalchemy import select
from sqlmodel import Session, col
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.checklists.again import naming_segments, queue_look
from portal.checklists.definition import in_words
from portal.conditions.model import Condition
from portal.conditions.models import Segment, SegmentAccount
from portal.conditions.segments import naming
from portal.insights.segment_uses import Use, uses_of
from portal.kit.errors import Conflict, FieldProblem, Invalid
from portal.kit.files import FileProblems
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.sql import among
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.segments import service
from portal.segments.files import condition_text, read_condition
from portal.segments.membership import sizes

router = page_router(prefix="/staff/segments")
NAMED = 20
EXAMPLE = "plan: [starter, pro]\ntraits: {seats: {gte: 10}}\n"
Line = Annotated[str, Form(max_length=300)]
Text = Annotated[str, Form(max_length=20_000)]


@dataclass(frozen=True)
class SegmentLine:
    """A segment in the list."""

    segment: Segment
    title: str
    size: int


@dataclass(frozen=True)
class SegmentsPage:
    """For `insights/segments.html`. `all` is how many customers there are."""

    lines: Sequence[SegmentLine]
    archived: Sequence[SegmentLine]
    all: int


@dataclass(frozen=True)
class Look:
    """Whom a condition would take in: how many, how many come and go against what is kept, and the first names."""

    size: int
    coming: int
    going: int
    names: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SegmentPage:
    """For `insights/segment.html`. `texts` is the form as it was typed; `segment` is None for a new one."""

    segment: Segment | None
    title: str
    texts: Mapping[str, str]
    size: int
    all: int
    uses: Sequence[Use]
    may_edit: bool
    look: Look | None = None
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


@router.get("")
async def segments(request: Request, site: SiteDep, viewer: SeesCustomers) -> Response:
    """All segments, and how many customers are in each."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> SegmentsPage:
        counts = sizes(session)

        def lines(archived: bool) -> list[SegmentLine]:
            found = service.list_segments(session, archived=archived)
            return [SegmentLine(one, in_words(one.title, locale), counts.get(one.key, 0)) for one in found]

        return SegmentsPage(lines(False), lines(True), service.how_many(session))

    shown = await site.database.report(work)
    return render(request, "insights/segments.html", shown, viewer=viewer, nav="segments")


@router.get("/new")
async def new_segment(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """An empty form, with an example of a condition."""
    page = SegmentPage(None, "", {"condition": EXAMPLE}, 0, await _all(site), (), may_edit=True)
    return _show(request, viewer, page)


@router.post("/new")
async def add_segment(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    key: Line = "",
    title_ja: Line = "",
    title_en: Line = "",
    condition: Text = "",
    act: Line = "save",
) -> Response:
    """Look at what was written, or keep it."""
    texts = {"key": key.strip(), "title_ja": title_ja, "title_en": title_en, "condition": condition}
    return await _act(request, site, viewer, None, texts, act)


@router.get("/{key}")
async def segment(request: Request, site: SiteDep, viewer: SeesCustomers, key: str) -> Response:
    """One segment: who is in it, what names it, and its form."""
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _page(session, viewer, key, None, locale))
    return _show(request, viewer, page)


@router.post("/{key}")
async def change_segment(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    key: str,
    title_ja: Line = "",
    title_en: Line = "",
    condition: Text = "",
    act: Line = "save",
) -> Response:
    """Look at what was written, or keep it."""
    texts = {"key": key, "title_ja": title_ja, "title_en": title_en, "condition": condition}
    return await _act(request, site, viewer, key, texts, act)


@router.post("/{key}/take-over")
async def take_over(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str) -> Response:
    """From now on it is edited here."""
    now = site.clock()

    def work(session: Session) -> None:
        service.take_over(session, key, by=viewer.name, now=now)

    await site.database.write(work)
    said = Message("It is edited here from now on. banso publish leaves its file aside.")
    return _back(request, f"/staff/segments/{key}", said)


@router.post("/{key}/archive")
async def archive(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str) -> Response:
    """Nobody is in it any more, and it can be brought back."""
    now, locale = site.clock(), locale_of(request, viewer)

    def work(session: Session) -> None:
        if uses_of(session, key, locale):
            raise Conflict(Message("Something still names this segment. Nothing was changed."))
        service.archive(session, key, by=viewer.name, now=now, zone=site.zone)

    try:
        await site.database.write(work)
    except Conflict as refused:
        return _back(request, f"/staff/segments/{key}", refused.message, kind="bad")
    return _back(request, "/staff/segments", Message("The segment is archived. You can bring it back below."))


@router.post("/{key}/bring-back")
async def bring_back(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str) -> Response:
    """Undo `archive`."""
    now = site.clock()

    def work(session: Session) -> None:
        service.bring_back(session, key, by=viewer.name, now=now, zone=site.zone)
        _let_checklists_follow(session, key, now)

    await site.database.write(work)
    return _back(request, f"/staff/segments/{key}", Message("The segment is back."))


# --- both forms -------------------------------------------------------------------------------------------------------


async def _act(
    request: Request, site: Site, viewer: StaffViewer, key: str | None, texts: Mapping[str, str], act: str
) -> Response:
    locale, now = locale_of(request, viewer), site.clock()
    title: dict[str, str] = {one: said for one in LOCALES if (said := texts[f"title_{one}"].strip())}
    errors: dict[str, list[Message]] = {}
    condition: Condition | None = None
    look: Look | None = None
    try:
        condition = read_condition(texts["condition"])
    except FileProblems as wrong:
        errors["condition"] = [_at_line(problem.line, problem.message) for problem in wrong.problems]
    if condition is not None and act == "look":
        asked = condition
        problems = await site.database.report(
            lambda session: service.check(
                session, key=texts["key"] or "new", title=title or {"ja": "…"}, condition=asked
            )
        )
        _note(errors, problems)
        if not errors:
            look = await site.database.report(lambda session: _look(session, site, key, asked, now))
    elif condition is not None:
        kept = condition

        def work(session: Session) -> str:
            row = service.keep_segment(
                session,
                key=texts["key"],
                title=title,
                condition=kept,
                by=viewer.name,
                now=now,
                zone=site.zone,
                is_new=key is None,
            )
            _let_checklists_follow(session, row.key, now)
            return row.key

        try:
            saved = await site.database.write(work)
        except (Invalid, Conflict) as refused:
            _note(errors, refused.problems or [FieldProblem("key", refused.code, refused.message)])
        else:
            return _back(request, f"/staff/segments/{saved}", Message("Saved."))
    page = await site.database.report(lambda session: _page(session, viewer, key, texts, locale, look, errors))
    return _show(request, viewer, page, status=422 if errors else 200)


def _note(errors: dict[str, list[Message]], problems: Sequence[FieldProblem]) -> None:
    for problem in problems:
        errors.setdefault(problem.field, []).append(problem.message)


def _at_line(line: int, message: Message) -> Message:
    return Message("line %(line)s: %(problem)s", line=line, problem=message)


def _let_checklists_follow(session: Session, key: str, now: datetime) -> None:
    changed = {key, *naming(service.known(session), key)}
    queue_look(session, keys=naming_segments(session, changed), now=now)


def _look(session: Session, site: Site, key: str | None, condition: Condition, now: datetime) -> Look:
    inside = service.who_would_be_in(session, condition, now=now, zone=site.zone)
    here: set[Any] = set()
    if key is not None:
        kept = select(col(SegmentAccount.account_id)).where(col(SegmentAccount.segment_key) == key)
        here = set(session.connection().scalars(kept))
    named = select(col(Account.external_id), col(Account.name)).where(among(col(Account.id), "ids"))
    some = named.order_by(col(Account.name), col(Account.id)).limit(NAMED)
    names = [(row[0], row[1]) for row in session.connection().execute(some, {"ids": sorted(inside)})]
    return Look(len(inside), len(inside - here), len(here - inside), names)


def _page(
    session: Session,
    viewer: StaffViewer,
    key: str | None,
    texts: Mapping[str, str] | None,
    locale: Locale,
    look: Look | None = None,
    errors: Mapping[str, Sequence[Message]] | None = None,
) -> SegmentPage:
    everybody = service.how_many(session)
    if key is None:
        return SegmentPage(None, "", texts or {}, 0, everybody, (), True, look, errors or {})
    row = service.segment_of(session, key)
    stored = {"key": key, "condition": condition_text(row.condition)}
    stored |= {f"title_{one}": row.title.get(one, "") for one in LOCALES}
    return SegmentPage(
        segment=row,
        title=in_words(row.title, locale),
        texts=texts or stored,
        size=sizes(session).get(key, 0),
        all=everybody,
        uses=uses_of(session, key, locale),
        may_edit=viewer.may("act_for_customers") and row.origin == "browser" and row.archived_at is None,
        look=look,
        errors=errors or {},
    )


async def _all(site: Site) -> int:
    return await site.database.read(service.how_many)


def _show(request: Request, viewer: StaffViewer, page: SegmentPage, *, status: int = 200) -> Response:
    return render(request, "insights/segment.html", page, viewer=viewer, nav="segments", status=status)


def _back(request: Request, path: str, said: Message, *, kind: str = "good") -> Response:
    response = redirect(path)
    flash(request, response, said, kind=kind)
    return response
