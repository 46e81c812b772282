"""A folder of markdown uploaded as a ZIP: looked at, brought in as drafts with what did not fit, and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from fastapi import Request, Response
from sqlmodel import Session
from starlette.datastructures import UploadFile

from portal.accounts.visits import WritesContent, upload_door
from portal.kit.errors import BansoError
from portal.kit.files import FileProblems, Problem
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render, takes_files
from portal.media.items import size_in_words
from portal.studio.models import FolderImport
from portal.studio.moving import arrival, record
from portal.studio.moving.arrival import Brought
from portal.studio.moving.packed import unpacked
from portal.studio.moving.record import Draft
from portal.studio.moving.tree import read_tree
from portal.studio.shown import LANGUAGES, person_of

HERE = "/staff/content/import"
MOST_SHOWN = 500
NAMED = 5


@dataclass(frozen=True)
class MovingPage:
    """For `studio/moving.html`. `brought` is what was looked at; `problems` say why nothing can be brought in,
    `refused` that the file itself cannot be read."""

    language: Locale
    languages: Mapping[Locale, str]
    brought: Brought | None
    problems: Sequence[Problem]
    refused: Message | None
    most: str
    most_shown: int
    latest: Sequence[FolderImport]


@dataclass(frozen=True)
class MovedPage:
    """For `studio/moved.html`: an import, what became of its drafts, and what did not fit."""

    record: FolderImport
    drafts: Sequence[Draft]
    notes: Sequence[Problem]
    languages: Mapping[Locale, str]
    most_shown: int

    @property
    def untouched(self) -> int:
        """How many drafts nobody has worked on."""
        return sum(one.state == "untouched" for one in self.drafts)


router = page_router(prefix=HERE, door=upload_door("write_content"))


@router.get("")
async def show(request: Request, site: SiteDep, viewer: WritesContent) -> Response:
    """Where a folder is chosen."""
    latest = await site.database.read(record.latest)
    most = size_in_words(site.upload_bytes)
    page = MovingPage(site.locale, LANGUAGES, None, (), None, most, MOST_SHOWN, latest)
    return render(request, "studio/moving.html", page, viewer=viewer, nav="content")


@router.post("")
@takes_files
async def bring(request: Request, site: SiteDep, viewer: WritesContent) -> Response:
    """Look at what is in it, and with `act=import` bring it in."""
    form = await request.form()
    sent = form.get("file")
    language = next((one for one in LOCALES if one == form.get("language")), site.locale)
    brought: Brought | None = None
    problems: Sequence[Problem] = ()
    refused: Message | None = None
    try:
        if not isinstance(sent, UploadFile) or not sent.filename:
            raise BansoError(Message("No file was chosen."))
        with ExitStack() as stack:
            root = await asyncio.to_thread(stack.enter_context, unpacked(sent.file))
            brought = await asyncio.to_thread(
                lambda: arrival.unpack(read_tree(root, locale=language), most=site.upload_bytes)
            )
            if form.get("act") == "import":
                person, now = person_of(viewer), site.clock()
                write = partial(arrival.bring_in, brought=brought, source=sent.filename, person=person, now=now)
                answer = redirect(f"{HERE}/{await site.database.write(write)}")
                flash(request, answer, Message("Imported as drafts"))
                return answer
            found = brought
            problems = tuple(await site.database.read(lambda session: arrival.check(session, found)))
    except FileProblems as wrong:
        problems = wrong.problems
    except BansoError as wrong:
        refused = wrong.message
    latest = await site.database.read(record.latest)
    most = size_in_words(site.upload_bytes)
    page = MovingPage(language, LANGUAGES, brought, problems, refused, most, MOST_SHOWN, latest)
    status = 422 if problems or refused else 200
    return render(request, "studio/moving.html", page, viewer=viewer, nav="content", status=status)


@router.get("/{number}")
async def brought_in(request: Request, site: SiteDep, viewer: WritesContent, number: int) -> Response:
    """What was brought in once, and what has become of it."""

    def work(session: Session) -> MovedPage:
        found = record.record_of(session, number)
        drafts = record.drafts_of(session, found)
        return MovedPage(found, drafts, record.notes_of(found), LANGUAGES, MOST_SHOWN)

    page = await site.database.report(work)
    return render(request, "studio/moved.html", page, viewer=viewer, nav="content")


@router.post("/{number}/undo")
async def undo(request: Request, site: SiteDep, viewer: WritesContent, number: int) -> Response:
    """As if it had not been brought in, but for what somebody has worked on."""
    answer = redirect(f"{HERE}/{number}")
    work = partial(record.take_back, record_id=number, person=person_of(viewer), now=site.clock())
    try:
        done = await site.database.write(work)
    except BansoError as wrong:
        if wrong.status in (403, 404):
            raise
        flash(request, answer, wrong.message, kind="bad")
        return answer
    said = Message("%(drafts)s drafts and %(media)s files were taken back.", drafts=done.drafts, media=done.media)
    if done.left:
        names = "、".join(done.left[:NAMED]) + (" …" if len(done.left) > NAMED else "")
        left = Message("What somebody has worked on stays: %(titles)s", titles=names)
        said = Message("%(done)s %(left)s", done=said, left=left)
    flash(request, answer, said, kind="warn" if done.left else "good")
    return answer
