"""The versions of a checklist: who published what and when, and an earlier one as the draft to go on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response
from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.visits import SignedInStaff, WritesContent
from portal.checklists.definition import load
from portal.checklists.models import ChecklistVersion
from portal.checklists.told import differences
from portal.kit.errors import Conflict
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.workshop import drafts
from portal.workshop.drafts import Person

router = page_router(prefix="/staff/checklists")


@dataclass(frozen=True)
class Version:
    """One version, and in what it differs from the one before."""

    number: int
    at: datetime
    by: str
    differences: Sequence[Message]
    is_live: bool


@dataclass(frozen=True)
class VersionsPage:
    """For `workshop/versions.html`. `may_go_back`: the viewer writes checklists, and this one is written here."""

    key: str
    title: Mapping[str, str]
    versions: Sequence[Version]
    may_go_back: bool


@router.get("/{key}/versions")
async def versions(request: Request, site: SiteDep, viewer: SignedInStaff, key: str) -> Response:
    """Every version: who published it, when, and what was different in it."""

    def work(session: Session) -> VersionsPage:
        opened = drafts.opened(session, key)
        rows = session.execute(
            select(ChecklistVersion)
            .where(col(ChecklistVersion.checklist_key) == key)
            .order_by(col(ChecklistVersion.number))
        ).scalars()
        found, before = [], None
        for row in rows:
            definition = load(row.definition)
            live = opened.live is not None and opened.live.version == row.number
            said = differences(before, definition) if before else ()
            found.append(Version(row.number, row.published_at, row.published_by, said, live))
            before = definition
        may_go_back = viewer.may("write_content") and not opened.from_file
        return VersionsPage(key, opened.form.title, found[::-1], may_go_back)

    page = await site.database.read(work)
    return render(request, "workshop/versions.html", page, viewer=viewer, nav="checklists")


@router.post("/{key}/versions/{number:int}/draft")
async def go_back(request: Request, site: SiteDep, viewer: WritesContent, key: str, number: int) -> Response:
    """Go on from an earlier version: as a draft, so that nothing happens before it is published."""
    now, person = site.clock(), Person(viewer.staff_id, viewer.name)

    def work(session: Session) -> None:
        drafts.go_back(session, key, to=number, person=person, now=now)

    try:
        await site.database.write(work)
    except Conflict as wrong:
        answer = redirect(f"/staff/checklists/{key}/versions")
        flash(request, answer, wrong.message, kind="bad")
        return answer
    answer = redirect(f"/staff/checklists/{key}")
    said = Message(
        "This is version %(number)s as a draft. Customers notice nothing until it is published.", number=number
    )
    flash(request, answer, said, kind="note")
    return answer
