"""The editor of a checklist: one form that works without scripts, where every button sends all of it.

Buttons that build (a step more, a sentence less) change the form and save nothing; saving keeps it as a draft, right or
wrong; what is wrong is said beside its field. Whoever saves second is told, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from fastapi import Request, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from portal.accounts.viewers import StaffViewer
from portal.accounts.visits import SignedInStaff, WritesContent
from portal.checklists.choices import Choices, choices
from portal.checklists.told import differences
from portal.kit.errors import Conflict
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.workshop import acts, drafts
from portal.workshop.drafts import Opened, Overtaken, Person
from portal.workshop.edit_page import EditPage, steps_at_fault, steps_told, told, where_focus_goes
from portal.workshop.form import ChecklistForm, FormProblems, form_in, read

router = page_router(prefix="/staff/checklists")


@router.get("/{key}")
async def show(request: Request, site: SiteDep, viewer: SignedInStaff, key: str) -> Response:
    """The editor; or the checklist in words, where it comes from a file or the role only reads."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> tuple[Opened, Choices]:
        return drafts.opened(session, key), choices(session, locale)

    opened, offered = await site.database.report(work)
    if opened.from_file or not viewer.may("write_content"):
        return await _told(request, site, viewer, opened)
    errors = _problems(opened.form) if opened.is_draft else {}
    page = _page(opened, offered, viewer, form=opened.form, number=opened.number, errors=errors)
    return render(request, "workshop/edit.html", page, viewer=viewer, nav="checklists")


@router.post("/{key}")
async def write(request: Request, site: SiteDep, viewer: WritesContent, key: str) -> Response:
    """Save the form, or build on it."""
    said = await request.form()
    form = form_in(dict(said), order=[one for one in said.getlist("order") if isinstance(one, str)])
    act, number = _text(said, "act"), _number(said)
    if act == "discard":
        await site.database.write(partial(drafts.discard, key=key))
        answer = redirect("/staff/checklists")
        flash(request, answer, Message("The draft is thrown away. What is published stays as it is."), kind="note")
        return answer
    if act not in ("save", "publish", "preview", "overwrite"):
        return await _again(request, site, viewer, key, acts.edited(form, act), number, act=act)
    locale = locale_of(request, viewer)
    offered = await site.database.report(partial(choices, locale=locale))
    form = acts.named(acts.placed(form, offered.places))
    theirs = _number(said, "theirs") if act == "overwrite" else number
    try:
        saved = await site.database.write(
            partial(
                drafts.save,
                key=key,
                form=form,
                number=theirs,
                person=Person(viewer.staff_id, viewer.name),
                now=site.clock(),
            )
        )
    except Overtaken as wrong:
        return await _again(request, site, viewer, key, form, number, overtaken=wrong)
    wrong_fields = _problems(form)
    if act in ("publish", "preview") and not wrong_fields:
        return redirect(f"/staff/checklists/{key}/{act}")
    if wrong_fields:
        return await _again(request, site, viewer, key, form, saved, errors=wrong_fields)
    answer = redirect(f"/staff/checklists/{key}")
    flash(request, answer, Message("Saved as a draft. Customers see nothing of it until it is published."))
    return answer


@router.post("/{key}/fork")
async def fork(request: Request, site: SiteDep, viewer: WritesContent, key: str) -> Response:
    """Take a checklist over from its file."""
    await site.database.write(partial(drafts.fork, key=key, now=site.clock()))
    answer = redirect(f"/staff/checklists/{key}")
    flash(request, answer, Message("Taken over. Its file is left aside from now on, until you give it back."))
    return answer


@router.post("/{key}/unfork")
async def unfork(request: Request, site: SiteDep, viewer: WritesContent, key: str) -> Response:
    """Give it back to its file."""
    answer = redirect(f"/staff/checklists/{key}")
    try:
        await site.database.write(partial(drafts.unfork, key=key))
    except Conflict as wrong:
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, Message("Given back: with the next banso publish it is what its file says."))
    return answer


async def _told(request: Request, site: Site, viewer: StaffViewer, opened: Opened) -> Response:
    def work(session: Session) -> object:
        if opened.live is not None:
            return opened.live.definition
        return None if opened.row is None else drafts.last_definition(session, opened.row)

    definition = await site.database.read(work)
    if definition is None:
        try:
            definition = read(opened.form)
        except FormProblems:
            raise Conflict(Message("This draft is not whole yet, so there is nothing to read.")) from None
    page = told(
        definition,  # type: ignore[arg-type]
        opened,
        may_write=viewer.may("write_content"),
        sees_customers=viewer.may("see_customers"),
    )
    return render(request, "workshop/told.html", page, viewer=viewer, nav="checklists")


async def _again(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    key: str,
    form: ChecklistForm,
    number: int,
    *,
    act: str = "",
    errors: Mapping[str, Sequence[Message]] | None = None,
    overtaken: Overtaken | None = None,
) -> Response:
    """The editor once more, with what was written in it."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> tuple[Opened, Choices]:
        return drafts.opened(session, key), choices(session, locale)

    opened, offered = await site.database.report(work)
    page = _page(opened, offered, viewer, form=form, number=number, errors=errors or {}, act=act, overtaken=overtaken)
    status = 409 if overtaken else 422 if errors else 200
    return render(request, "workshop/edit.html", page, viewer=viewer, nav="checklists", status=status)


def _page(
    opened: Opened,
    offered: Choices,
    viewer: StaffViewer,
    *,
    form: ChecklistForm,
    number: int,
    errors: Mapping[str, Sequence[Message]],
    act: str = "",
    overtaken: Overtaken | None = None,
) -> EditPage:
    focus, steps = where_focus_goes(form, act) if act else ("", frozenset[int]())
    return EditPage(
        opened=opened,
        form=form,
        number=number,
        errors=errors,
        choices=offered,
        kept=frozenset(step.key for step in opened.live.definition.steps) if opened.live else frozenset(),
        focus=focus,
        open_steps=steps | steps_at_fault(errors),
        told=steps_told(form),
        overtaken=(overtaken.by, overtaken.at) if overtaken else None,
        theirs=_differences(overtaken.theirs, form) if overtaken else (),
        may_publish=viewer.may("act_for_customers"),
        sees_customers=viewer.may("see_customers"),
    )


def _differences(theirs: ChecklistForm, mine: ChecklistForm) -> Sequence[Message]:
    """In what the two differ, as far as both are whole."""
    try:
        return differences(read(theirs), read(mine))
    except FormProblems:
        return ()


def _problems(form: ChecklistForm) -> Mapping[str, Sequence[Message]]:
    try:
        read(form)
    except FormProblems as wrong:
        return wrong.problems
    return {}


def _text(said: FormData, name: str) -> str:
    value = said.get(name, "")
    return value if isinstance(value, str) else ""


def _number(said: FormData, name: str = "number") -> int:
    value = _text(said, name)
    return int(value) if value.isdecimal() and len(value) < 10 else 0
