"""The editor: write, save, see it as readers will, hand it on; and what happens when two people write at once.

One form does it all, so that it works without scripts: every button saves first. Scripts add the comfortable editor,
the preview that follows, and the keeping of what was typed.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.datastructures import FormData

from portal.accounts.visits import SignedInStaff
from portal.kit.errors import BansoError, Forbidden, Invalid, by_field
from portal.kit.headers import policy_with_style
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.studio import going_out, workflow
from portal.studio.differences import compare
from portal.studio.edit_page import FilePage, Overtaken, PreviewPart, edit_page
from portal.studio.editing import Filed, Opened, open_file, open_text
from portal.studio.front import Form, text_of
from portal.studio.manuscripts import document_of, forget_unsaved
from portal.studio.rules import Person
from portal.studio.shown import DONE, KINDS, person_of
from portal.studio.sights import Around, Sight, around, sight
from portal.studio.translations import beside, mark_current
from portal.studio.writing import OvertakenBy, Saved, keep, save

router = page_router(prefix="/staff/content")
READ_ONLY = Message("Your role lets you read here, and not change anything.")


@router.get("/{key}")
async def without_language(request: Request, site: SiteDep, viewer: SignedInStaff, key: str) -> Response:
    """On to the text in a language that it is there in."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> Locale:
        document = document_of(session, key)
        if document.origin == "file":
            for one in (locale, "ja", "en"):
                try:
                    return open_file(session, document=document, locale=one).locale
                except BansoError:
                    continue
        found = open_text(session, document=document, locale=locale, person=person_of(viewer), now=site.clock())
        known = [one for one, _ in found.languages]
        return locale if locale in known else known[0]

    return redirect(f"/staff/content/{key}/{await site.database.read(work)}")


@router.get("/{key}/{locale}")
async def edit(request: Request, site: SiteDep, viewer: SignedInStaff, key: str, locale: Locale) -> Response:
    """The text, to be written on; or as it is, where it comes from a file or the person only reads."""
    person, now = person_of(viewer), site.clock()

    def work(session: Session) -> tuple[Opened | Filed, Around]:
        document = document_of(session, key)
        among = around(session)
        if document.origin == "file":
            return open_file(session, document=document, locale=locale), among
        return open_text(session, document=document, locale=locale, person=person, now=now), among

    opened, among = await site.database.read(work)
    if isinstance(opened, Filed):
        shown = await _sight(opened.form, among)
        page = FilePage(opened, shown, person.may_write, KINDS)
        return render(request, "studio/file.html", page, viewer=viewer, nav="content")
    form, base = opened.form, opened.base
    if opened.unsaved is not None:
        form, base = Form.of(opened.unsaved.form), opened.unsaved.base
    return await _editor(request, site, viewer, opened, form=form, base=base, among=among)


@router.post("/{key}/{locale}")
async def write(request: Request, site: SiteDep, viewer: SignedInStaff, key: str, locale: Locale) -> Response:
    """Save what was written, and then do what the button says."""
    person, now = person_of(viewer), site.clock()
    if not person.may_write:
        raise Forbidden(READ_ONLY)
    said = await request.form()
    act, form, base = _text(said, "act") or "save", Form.of(dict(said)), _number(said)
    here = f"/staff/content/{key}/{locale}"
    if act == "discard":
        await site.database.write(partial(forget_unsaved, key=key, locale=locale, staff_id=person.id))
        answer = redirect(here)
        flash(request, answer, Message("What was not saved is gone."))
        return answer
    if act == "preview":
        return await _again(request, site, viewer, key, locale, form, base)
    try:
        saved = await site.database.write(
            partial(_save, key=key, locale=locale, said=said, person=person, now=now, house=site.locale)
        )
    except OvertakenBy as wrong:
        return await _again(request, site, viewer, key, locale, form, wrong.theirs, overtaken=wrong)
    except Invalid as wrong:
        return await _again(request, site, viewer, key, locale, form, base, wrong=wrong)
    answer = redirect(here)
    if act == "save" or (saved.state == "published" and act in ("submit", "publish")):
        flash(request, answer, Message("Saved.") if saved.is_new else Message("Nothing had changed."))
        return answer
    try:
        done = await _act(site, key, locale, act, person=person, base=saved.number, now=now, note=_text(said, "note"))
    except BansoError as wrong:
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, done)
    return answer


@router.post("/{key}/{locale}/preview")
async def preview(request: Request, site: SiteDep, viewer: SignedInStaff, key: str, locale: Locale) -> Response:
    """The text as readers would have it: a part of a page, for the editor to show beside it."""
    form = Form.of(dict(await request.form()))
    among = await site.database.read(around)
    part = PreviewPart(await _sight(form, among), locale)
    reading = locale_of(request, viewer)
    html = site.templates.render(reading, "studio/_preview.html", {"page": part})
    return HTMLResponse(html, headers={"Cache-Control": "private, no-store"})


@router.post("/{key}/{locale}/unsaved")
async def keep_unsaved(request: Request, site: SiteDep, viewer: SignedInStaff, key: str, locale: Locale) -> Response:
    """The editor says what was typed, so that nothing is lost with a browser."""
    person = person_of(viewer)
    if not person.may_write:
        raise Forbidden(READ_ONLY)
    said = await request.form()
    form, base = Form.of(dict(said)), _number(said)

    def work(session: Session) -> None:
        document_of(session, key)
        keep(session, key=key, locale=locale, form=form, base=base, person=person, now=site.clock())

    await site.database.write(work)
    return Response(status_code=204)


def _save(
    session: Session, *, key: str, locale: Locale, said: FormData, person: Person, now: datetime, house: Locale
) -> Saved:
    saved = save(
        session,
        document=document_of(session, key),
        locale=locale,
        form=Form.of(dict(said)),
        base=_number(said),
        person=person,
        now=now,
        note=_text(said, "summary"),
        translated_from=_number(said, "translated_from") or None,
    )
    follows = _number(said, "follows")
    if follows:
        number = saved.number
        mark_current(
            session, key=key, locale=locale, number=number, original=follows, house=house, person=person, now=now
        )
    return saved


async def _act(
    site: Site, key: str, locale: Locale, act: str, *, person: Person, base: int, now: datetime, note: str
) -> Message:
    """Do it, and say what was done."""
    if act != "publish":
        await site.database.write(
            partial(workflow.act, key=key, locale=locale, act=act, person=person, base=base, now=now, note=note)
        )
        return DONE[act]
    await site.database.write(partial(workflow.allowed, key=key, locale=locale, act=act, person=person, base=base))
    _, outcomes = await going_out.publish(site.database, [(key, locale)], person=person, now=now, note=note)
    return DONE["schedule" if outcomes[0].scheduled_for else "publish"]


async def _again(
    request: Request,
    site: Site,
    viewer: SignedInStaff,
    key: str,
    locale: Locale,
    form: Form,
    base: int,
    *,
    wrong: Invalid | None = None,
    overtaken: OvertakenBy | None = None,
) -> Response:
    """The editor once more, with what was written in it."""
    person, now = person_of(viewer), site.clock()

    def work(session: Session) -> tuple[Opened, Around]:
        document = document_of(session, key)
        return open_text(session, document=document, locale=locale, person=person, now=now), around(session)

    opened, among = await site.database.read(work)
    theirs = None
    if overtaken is not None:
        mine = text_of(form, base=overtaken.text, key=key, zone=site.zone)
        theirs = Overtaken(
            by=overtaken.by,
            at=overtaken.at,
            text=overtaken.text,
            mine=mine,
            difference=await asyncio.to_thread(compare, overtaken.text, mine),
        )
    status = 422 if wrong else 409 if overtaken else 200
    return await _editor(
        request, site, viewer, opened, form=form, base=base, among=among, wrong=wrong, theirs=theirs, status=status
    )


async def _editor(
    request: Request,
    site: Site,
    viewer: SignedInStaff,
    opened: Opened,
    *,
    form: Form,
    base: int,
    among: Around,
    wrong: Invalid | None = None,
    theirs: Overtaken | None = None,
    status: int = 200,
) -> Response:
    shown = await _sight(form, among)
    original = await site.database.report(
        partial(beside, key=opened.document.id, locale=opened.locale, house=site.locale)
    )
    page = edit_page(
        opened,
        form=form,
        base=base,
        sight=shown,
        person=person_of(viewer),
        errors=by_field(wrong.problems) if wrong else {},
        theirs=theirs,
        beside=original,
        now=site.clock(),
    )
    headers = {"Content-Security-Policy": policy_with_style(page.nonce)}
    return render(request, "studio/edit.html", page, viewer=viewer, nav="content", status=status, headers=headers)


async def _sight(form: Form, among: Around) -> Sight:
    kind = form.kind if form.kind in KINDS else "manual"
    body = form.body.replace("\r\n", "\n").replace("\r", "\n")
    return await asyncio.to_thread(partial(sight, title=form.title, body=body, kind=kind, among=among))


def _text(said: FormData, name: str) -> str:
    value = said.get(name, "")
    return value if isinstance(value, str) else ""


def _number(said: FormData, name: str = "base") -> int:
    value = _text(said, name)
    return int(value) if value.isdecimal() and len(value) < 10 else 0
