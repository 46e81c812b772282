"""All checklists in a list, and a new one: from a starter, or from nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Form, Request, Response
from sqlmodel import Session

from portal.accounts.viewers import StaffViewer
from portal.accounts.visits import SignedInStaff, WritesContent
from portal.kit.errors import Invalid
from portal.kit.i18n import Message
from portal.kit.slugs import slug
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.workshop import drafts
from portal.workshop.drafts import Listed, Person
from portal.workshop.edit_page import DRAFT, STANDING
from portal.workshop.form import ChecklistForm, StepForm, form_of
from portal.workshop.starters import Starter, starter, starters

router = page_router(prefix="/staff/checklists")
Said = Annotated[str, Form(max_length=300)]
UNNAMED = "checklist"
"""The key of one that begins from nothing and has no English title to make a key of."""


@dataclass(frozen=True)
class ListPage:
    """For `workshop/list.html`."""

    checklists: Sequence[Listed]
    may_write: bool
    sees_customers: bool
    standing: Mapping[str, tuple[Message, str]]
    draft: Message = DRAFT


@dataclass(frozen=True)
class NewPage:
    """For `workshop/new.html`."""

    starters: Sequence[Starter]
    chosen: str
    key: str
    title: Mapping[str, str]
    errors: Mapping[str, Sequence[Message]]


@router.get("")
async def show(request: Request, site: SiteDep, viewer: SignedInStaff) -> Response:
    """Every checklist there is, or is to be."""
    found = await site.database.report(drafts.listed)
    page = ListPage(found, viewer.may("write_content"), viewer.may("see_customers"), STANDING)
    return render(request, "workshop/list.html", page, viewer=viewer, nav="checklists")


@router.get("/new")
async def new(request: Request, viewer: WritesContent, starter: str = "") -> Response:
    """What to begin from, and what it is to be called."""
    return _new(request, viewer, NewPage(starters(), starter, "", {"ja": "", "en": ""}, {}))


@router.post("/new")
async def begin(
    request: Request,
    site: SiteDep,
    viewer: WritesContent,
    chosen: Said = "",
    key: Said = "",
    title_ja: Said = "",
    title_en: Said = "",
) -> Response:
    """Begin a draft, and go on to its form."""
    from_it = starter(chosen)
    base = form_of(from_it.definition) if from_it else ChecklistForm(due="30", steps=(StepForm(),))
    form = replace(
        base,
        key=key.strip() or slug(title_en) or base.key or UNNAMED,
        title_ja=title_ja.strip() or ("" if title_en.strip() else base.title_ja),
        title_en=title_en.strip() or ("" if title_ja.strip() else base.title_en),
    )
    now = site.clock()

    def work(session: Session) -> str:
        named = form if key.strip() else replace(form, key=drafts.free_key(session, form.key))
        drafts.begin(session, named, person=Person(viewer.staff_id, viewer.name), now=now)
        return named.key

    try:
        begun = await site.database.write(work)
    except Invalid as wrong:
        said = {"ja": title_ja, "en": title_en}
        page = NewPage(starters(), chosen, key, said, {"key": [wrong.message]})
        return _new(request, viewer, page, status=422)
    answer = redirect(f"/staff/checklists/{begun}")
    flash(request, answer, Message("This is a draft: customers see nothing of it until it is published."), kind="note")
    return answer


def _new(request: Request, viewer: StaffViewer, page: NewPage, *, status: int = 200) -> Response:
    return render(request, "workshop/new.html", page, viewer=viewer, nav="checklists", status=status)
