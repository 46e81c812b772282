"""Before customers see it: how it would look to one of them, and what publishing does to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import Form, Query, Request, Response
from sqlmodel import Session

from portal.accounts.listing import Filters, list_accounts
from portal.accounts.models import Account, Member
from portal.accounts.people import members_of
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.viewers import StaffViewer
from portal.accounts.visits import ActsForCustomers, MemberViewer, SeesCustomers, needs
from portal.checklists.catalog import catalog
from portal.checklists.enrollment import first_day, in_audience
from portal.checklists.planning import ChecklistChange, plan_end
from portal.checklists.rehearsal import as_published, rehearsed
from portal.checklists.shown import ChecklistView, view_of
from portal.checklists.state import state_of_run
from portal.kit.clock import local_day
from portal.kit.errors import BansoError, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.workshop import drafts, going_live
from portal.workshop.going_live import Rehearsal

router = page_router(prefix="/staff/checklists")
Said = Annotated[str, Form(max_length=300)]
Text = Annotated[str, Query(max_length=200)]
NAMED = 50


@dataclass(frozen=True)
class PublishPage:
    """For `workshop/publish.html`. `wrong` is why it cannot be published; lists are cut to `named` names."""

    key: str
    title: Mapping[str, str]
    rehearsal: Rehearsal | None
    wrong: Message | None
    may_publish: bool
    named: int = NAMED


@dataclass(frozen=True)
class EndPage:
    """For `workshop/end.html`."""

    key: str
    title: Mapping[str, str]
    change: ChecklistChange
    shown: str
    named: int = NAMED


@dataclass(frozen=True)
class PreviewPage:
    """For `workshop/preview.html`. `view` is what the member would see; `outside` why they would see nothing of it."""

    key: str
    title: Mapping[str, str]
    q: str
    found: Sequence[Account]
    account: Account | None
    people: Sequence[Member]
    member: Member | None
    view: ChecklistView | None
    outside: Message | None


@router.get("/{key}/publish")
async def ask(request: Request, site: SiteDep, viewer: SeesCustomers, key: str) -> Response:
    """A dry run: whom it concerns, by number and by name; then a button."""
    return await _publish_page(request, site, viewer, key)


@router.post("/{key}/publish")
async def publish(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str, shown: Said = "") -> Response:
    """Publish what was shown."""
    needs(viewer, "write_content")
    try:
        done = await site.database.write(
            partial(going_live.go_live, key=key, shown=shown, by=viewer.name, now=site.clock(), zone=site.zone)
        )
    except BansoError as wrong:
        if wrong.status in (403, 404):
            raise
        return await _publish_page(request, site, viewer, key, wrong=wrong.message)
    answer = redirect(f"/staff/checklists/{key}")
    flash(request, answer, Message("Published. %(count)s customers are enrolled by it.", count=len(done.enrolled)))
    return answer


@router.get("/{key}/end")
async def ask_to_end(request: Request, site: SiteDep, viewer: SeesCustomers, key: str) -> Response:
    """Whom ending it concerns."""

    def work(session: Session) -> EndPage:
        opened = drafts.opened(session, key)
        if opened.live is None:
            raise NotFound
        change = plan_end(session, key)
        return EndPage(key, opened.live.definition.title, change, going_live.fingerprint(change, None))

    page = await site.database.report(work)
    return render(request, "workshop/end.html", page, viewer=viewer, nav="checklists")


@router.post("/{key}/end")
async def end(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str, shown: Said = "") -> Response:
    """Nobody runs through it any more."""
    needs(viewer, "write_content")
    answer = redirect(f"/staff/checklists/{key}")
    try:
        await site.database.write(partial(going_live.stop, key=key, shown=shown, now=site.clock()))
    except BansoError as wrong:
        if wrong.status in (403, 404):
            raise
        answer = redirect(f"/staff/checklists/{key}/end")
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(
            request, answer, Message("The checklist has ended. Publishing it again brings everybody back."), kind="note"
        )
    return answer


@router.get("/{key}/preview")
async def preview(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    key: str,
    account: Text = "",
    member: Text = "",
    q: Text = "",
) -> Response:
    """The page a member would see, by what is really known of their company; nothing of it is kept."""
    locale, now = locale_of(request, viewer), site.clock()

    def work(session: Session) -> PreviewPage:
        return _preview(session, site, key, account=account, person=member, q=q, locale=locale, now=now)

    page = await site.database.report(work)
    return render(request, "workshop/preview.html", page, viewer=viewer, nav="checklists")


async def _publish_page(
    request: Request, site: Site, viewer: StaffViewer, key: str, *, wrong: Message | None = None
) -> Response:
    def work(session: Session) -> PublishPage:
        opened = drafts.opened(session, key)
        try:
            found = going_live.rehearse(session, key, now=site.clock(), zone=site.zone)
        except BansoError as refused:
            return PublishPage(key, opened.form.title, None, refused.message, False)
        may = viewer.may("act_for_customers") and viewer.may("write_content") and not opened.from_file
        return PublishPage(key, opened.form.title, found, wrong, may)

    page = await site.database.report(work)
    status = 409 if wrong or page.rehearsal is None else 200
    return render(request, "workshop/publish.html", page, viewer=viewer, nav="checklists", status=status)


def _preview(
    session: Session, site: Site, key: str, *, account: str, person: str, q: str, locale: Locale, now: datetime
) -> PreviewPage:
    definition = going_live.definition_of(session, key)
    found: Sequence[Account] = ()
    common: dict[str, Any] = {"key": key, "title": definition.title, "q": q}
    if not account:
        found = list_accounts(session, filters=Filters(q=q, status="active"), now=now, limit=20).accounts
        return PreviewPage(**common, found=found, account=None, people=(), member=None, view=None, outside=None)
    row = account_by_external_id(session, account)
    if row is None:
        raise NotFound
    opened = drafts.opened(session, key)
    people = [one for one in members_of(session, id_of(row)) if one.left_at is None or one.left_at > now]
    shown = next((one for one in people if str(one.id) == person), None)
    shown = shown or next((one for one in people if one.role == "admin"), people[0] if people else None)
    published = as_published(definition, version=opened.live.version if opened.live else 1)
    run = rehearsed(session, catalog(session), published, row, now=now, zone=site.zone)
    state = state_of_run(session, run, now=now, zone=site.zone, member_id=shown.id if shown else None)
    view = view_of(session, state, _as_viewer(row, shown, locale), locale=locale, now=now, zone=site.zone)
    outside = None
    if not in_audience(session, definition, row, now=now, zone=site.zone):
        outside = Message("This customer is not among those the checklist is for, so they would not see it.")
    elif run.enrollment.id is None:
        first = opened.row.first_published_at if opened.row else now
        if local_day(row.started_at, site.zone) < first_day(definition, first, site.zone):
            outside = Message(
                "This customer started before the day from which the checklist counts, so they would not see it."
            )
    return PreviewPage(**common, found=(), account=row, people=people, member=shown, view=view, outside=outside)


def _as_viewer(account: Account, member: Member | None, locale: Locale) -> MemberViewer:
    """Somebody of the customer, as the page would know them."""
    return MemberViewer(
        visit_id=0,
        last_seen_at=account.created_at,
        member_id=(member.id or 0) if member else 0,
        account_id=account.id or 0,
        external_id=member.external_id if member else None,
        account_external_id=account.external_id,
        name=member.name if member else "",
        email_key=member.email_key if member else None,
        role=member.role if member else "member",
        account_name=account.name,
        locale=locale,
        memberships=(),
    )
