"""Segments in the browser: listed with how many are in each, written, looked at before they are kept, archived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fastapi import Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.checklists.again import naming_segments, queue_look
from portal.checklists.choices import Choices, choices
from portal.checklists.definition import in_words
from portal.conditions.model import Condition
from portal.conditions.models import Segment
from portal.conditions.segments import naming
from portal.conditions.sentences import sentence
from portal.insights.segment_form import (
    Errors,
    Look,
    SegmentForm,
    condition_in,
    empty,
    form_in,
    form_of,
    look,
    pressed,
    problems_of,
)
from portal.insights.segment_uses import Use, uses_of
from portal.kit.errors import Conflict, FieldProblem, Invalid
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.segments import service
from portal.segments.files import condition_of, condition_text
from portal.segments.membership import sizes

router = page_router(prefix="/staff/segments")
NEW = "new"
"""Stands for the key of a segment that has none yet."""
BUILDS = ("add", "group", "ask", "unask", "remove")


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
class SegmentPage:
    """For `insights/segment.html`. `form` is as it was filled in; `segment` is None for a new one; `told` says in words
    what is kept. `look` is None while the sentences say nothing yet; `focus` is the button to go on with."""

    segment: Segment | None
    title: str
    form: SegmentForm
    told: Message | None
    written: str
    size: int
    all: int
    uses: Sequence[Use]
    may_edit: bool
    choices: Choices | None = None
    look: Look | None = None
    is_looked_at: bool = False
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    focus: str = ""


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
    """An empty form."""
    return await _show(request, site, viewer, None, empty())


@router.post("/new")
async def add_segment(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """Build on what was written, count by it, or keep it."""
    return await _act(request, site, viewer, None)


@router.get("/{key}")
async def segment(request: Request, site: SiteDep, viewer: SeesCustomers, key: str) -> Response:
    """One segment: who is in it, what names it, and its form."""
    return await _show(request, site, viewer, key, None)


@router.post("/{key}")
async def change_segment(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str) -> Response:
    """Build on what was written, count by it, or keep it."""
    return await _act(request, site, viewer, key)


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


async def _act(request: Request, site: Site, viewer: StaffViewer, key: str | None) -> Response:
    said = await request.form()
    form, act, now = form_in(dict(said), key=key), str(said.get("act", "save")), site.clock()
    errors: Errors = {}
    if act not in ("save", "look"):
        form = pressed(form, act)
        # Half-filled sentences are no mistake while somebody builds.
        return await _show(request, site, viewer, key, form, condition=condition_in(form, {}), act=act)
    condition = condition_in(form, errors)
    if condition is None or act == "look":
        return await _show(request, site, viewer, key, form, condition=condition, errors=errors, act=act)
    kept = condition

    def work(session: Session) -> str:
        row = service.keep_segment(
            session,
            key=form.texts["key"] or service.free_key(session, form.title),
            title=form.title,
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
        return await _show(request, site, viewer, key, form, condition=condition, errors=errors, act=act)
    return _back(request, f"/staff/segments/{saved}", Message("Saved."))


def _note(errors: dict[str, list[Message]], problems: Sequence[FieldProblem]) -> None:
    for problem in problems:
        errors.setdefault(problem.field, []).append(problem.message)


def _let_checklists_follow(session: Session, key: str, now: datetime) -> None:
    changed = {key, *naming(service.known(session), key)}
    queue_look(session, keys=naming_segments(session, changed), now=now)


async def _show(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    key: str | None,
    form: SegmentForm | None,
    *,
    condition: Condition | None = None,
    errors: Errors | None = None,
    act: str = "",
) -> Response:
    """The page; with `condition`, whom it would take in. What cannot be counted by goes to `errors`."""
    locale, now = locale_of(request, viewer), site.clock()

    def work(session: Session) -> SegmentPage:
        found: Look | None = None
        wrong: Errors = {name: [*said] for name, said in (errors or {}).items()}
        if condition is not None and form is not None:
            problems = problems_of(session, form, condition)
            if not problems:
                said = form.texts.get("key") or NEW
                found = look(session, key=said, condition=condition, now=now, zone=site.zone)
            elif act == "look":
                _note(wrong, problems)
        page = _page(session, viewer, key, form, locale)
        verb, _, rest = act.partition(":")
        focus = f"{verb}:{rest.partition(':')[0]}" if verb in BUILDS else ""
        return replace(page, look=found, is_looked_at=act != "", errors=wrong, focus=focus)

    page = await site.database.report(work)
    return render(
        request, "insights/segment.html", page, viewer=viewer, nav="segments", status=422 if page.errors else 200
    )


def _page(
    session: Session, viewer: StaffViewer, key: str | None, form: SegmentForm | None, locale: Locale
) -> SegmentPage:
    everybody = service.how_many(session)
    if key is None:
        offered = choices(session, locale)
        return SegmentPage(None, "", form or empty(), None, "", 0, everybody, (), may_edit=True, choices=offered)
    row = service.segment_of(session, key)
    may_edit = viewer.may("act_for_customers") and row.origin == "browser" and row.archived_at is None
    return SegmentPage(
        segment=row,
        title=in_words(row.title, locale),
        form=form or form_of(row),
        told=sentence(condition_of(row.condition)),
        written=condition_text(row.condition),
        size=sizes(session).get(key, 0),
        all=everybody,
        uses=uses_of(session, key, locale),
        may_edit=may_edit,
        choices=choices(session, locale) if may_edit else None,
    )


def _back(request: Request, path: str, said: Message, *, kind: str = "good") -> Response:
    response = redirect(path)
    flash(request, response, said, kind=kind)
    return response
