"""A folder of markdown uploaded as a ZIP: first only looked at, then brought in as drafts, with what did not fit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from portal.accounts.visits import WritesContent, upload_door
from portal.kit.errors import BansoError
from portal.kit.files import FileProblems, Problem
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.web import SiteDep, page_router, render, takes_files
from portal.media.items import size_in_words
from portal.studio.moving import arrival
from portal.studio.moving.arrival import Brought
from portal.studio.moving.packed import unpacked
from portal.studio.moving.tree import read_tree
from portal.studio.shown import LANGUAGES, person_of

HERE = "/staff/content/import"
MOST_SHOWN = 500


@dataclass(frozen=True)
class MovingPage:
    """For `studio/moving.html`. `brought` is what was looked at, or brought in where `is_done`; `problems` say why
    nothing can be, `refused` that the file itself cannot be read."""

    language: Locale
    languages: Mapping[Locale, str]
    brought: Brought | None
    is_done: bool
    problems: Sequence[Problem]
    refused: Message | None
    most: str
    most_shown: int


router = page_router(prefix=HERE, door=upload_door("write_content"))


@router.get("")
async def show(request: Request, site: SiteDep, viewer: WritesContent) -> Response:
    """Where a folder is chosen."""
    page = MovingPage(site.locale, LANGUAGES, None, False, (), None, size_in_words(site.upload_bytes), MOST_SHOWN)
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
    is_done = False
    try:
        if not isinstance(sent, UploadFile) or not sent.filename:
            raise BansoError(Message("No file was chosen."))
        with ExitStack() as stack:
            root = await asyncio.to_thread(stack.enter_context, unpacked(sent.file))
            brought = await asyncio.to_thread(
                lambda: arrival.unpack(read_tree(root, locale=language), most=site.upload_bytes)
            )
            found = brought
            if form.get("act") == "import":
                person, now = person_of(viewer), site.clock()
                await site.database.write(lambda session: arrival.bring_in(session, found, person=person, now=now))
                is_done = True
            else:
                problems = tuple(await site.database.read(lambda session: arrival.check(session, found)))
    except FileProblems as wrong:
        problems = wrong.problems
    except BansoError as wrong:
        refused = wrong.message
    most = size_in_words(site.upload_bytes)
    page = MovingPage(language, LANGUAGES, brought, is_done, problems, refused, most, MOST_SHOWN)
    status = 422 if problems or refused else 200
    return render(request, "studio/moving.html", page, viewer=viewer, nav="content", status=status)
