"""Staff bring media in and look after them: upload, describe, replace, put back, remove; and pick one for a text.

A form without scripts does everything; with them a file is dropped, pasted or chosen, sent on its own with its
progress, and answered with the markdown that shows it. What cannot be taken is said of each file, and costs no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from portal.accounts.visits import SignedInStaff, StaffViewer, WritesContent, upload_door
from portal.kit.errors import BansoError, Invalid
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render, takes_files
from portal.media import service, uses
from portal.media.items import Item, size_in_words
from portal.media.kinds import KNOWN
from portal.media.making import MAX_IMAGE, Made, make
from portal.media.models import KINDS, MediaEdition
from portal.media.service import MAX_ALT

PER_PAGE = 48
PICKED = 24
MAX_FILES = 50
KIND_WORDS = {"image": Message("Pictures"), "video": Message("Videos"), "file": Message("Files")}


router = page_router(prefix="/staff/media", door=upload_door("write_content"))


@dataclass(frozen=True)
class Card:
    """A medium in the list. `shown` is in how many places."""

    item: Item
    about: str
    shown: int


@dataclass(frozen=True)
class MediaPage:
    """For `media/list.html`. `problems` are of files that were just sent and not taken: (name, what is wrong)."""

    cards: Sequence[Card]
    total: int
    q: str
    tabs: Sequence[tuple[Message, str, bool, None]]
    previous_href: str
    next_href: str
    first: int
    last: int
    problems: Sequence[tuple[str, Message]]
    most: str
    most_image: str
    known: str
    may_act: bool
    is_filtered: bool


@dataclass(frozen=True)
class Shown:
    """Something that shows a medium."""

    kind: str
    key: str
    parts: str
    href: str


@dataclass(frozen=True)
class MediumPage:
    """For `media/show.html`. `editions` are the former ones that can be put back."""

    item: Item
    about: str
    places: Sequence[Shown]
    editions: Sequence[MediaEdition]
    accept: str
    max_alt: int
    may_act: bool
    days: int


@router.get("")
async def media(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    q: Annotated[str, Query(max_length=200)] = "",
    show: Annotated[str, Query(max_length=10)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Everything that was brought in, by what was changed last."""
    return await _list(request, site, viewer, q=q, show=show, page=page)


@router.get("/pick")
async def pick(
    site: SiteDep,
    _viewer: SignedInStaff,
    q: Annotated[str, Query(max_length=200)] = "",
    kind: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """For an editor's dialog: what fits `q`, each with the markdown that shows it."""
    wanted = kind if kind in KINDS else ""
    found = await site.database.read(lambda session: service.listed(session, q=q, kind=wanted, skip=0, most=PICKED))
    return JSONResponse({"items": [_json(item) for item in found.items], "total": found.total})


@router.post("")
@takes_files
async def upload(request: Request, site: SiteDep, viewer: WritesContent) -> Response:
    """Take the files of a form, each on its own."""
    form = await request.form()
    sent = [one for one in form.getlist("file") if isinstance(one, UploadFile) and one.filename][:MAX_FILES]
    alt = str(form.get("alt") or "") if len(sent) == 1 else ""
    kept: list[Item] = []
    problems: list[tuple[str, Message]] = []
    for one in sent:
        try:
            kept.append(await _keep(site, one, lambda session, made: _save(session, made, viewer, site, alt)))
        except BansoError as refused:
            problems.append((one.filename or "", refused.message))
    if not sent:
        problems.append(("", Message("No file was chosen.")))
    if "application/json" in request.headers.get("accept", ""):
        locale = locale_of(request, viewer)
        answer = {
            "items": [_json(item) for item in kept],
            "problems": [{"name": name, "message": message.into(locale)} for name, message in problems],
        }
        return JSONResponse(answer, status_code=201 if kept else 422)
    if problems:
        return await _list(request, site, viewer, problems=problems, status=422)
    response = redirect(_path(kept[0].key) if len(kept) == 1 else "/staff/media")
    flash(request, response, Message("%(count)s added.", count=len(kept)))
    return response


@router.get("/{key}")
async def medium(request: Request, site: SiteDep, viewer: SignedInStaff, key: str) -> Response:
    """One medium: what it is, where it is shown, what it was."""
    page = await site.database.read(lambda session: _medium(session, viewer, key, locale_of(request, viewer)))
    return render(request, "media/show.html", page, viewer=viewer, nav="media")


@router.post("/{key}/describe")
async def describe(
    request: Request, site: SiteDep, viewer: WritesContent, key: str, alt: Annotated[str, Form(max_length=MAX_ALT)] = ""
) -> Response:
    """Say what it shows, for those who cannot see it."""
    await site.database.write(lambda session: service.describe(session, key, alt, now=site.clock()))
    return _back(request, key, Message("The description is saved."))


@router.post("/{key}/replace")
@takes_files
async def replace(request: Request, site: SiteDep, viewer: WritesContent, key: str) -> Response:
    """Put another file in its place, wherever it is shown."""
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        raise Invalid(Message("No file was chosen."))
    item = await site.database.read(lambda session: service.find(session, key))
    if item.path:
        raise Invalid(Message("This comes from a file. Change %(file)s and run: banso publish", file=item.path))
    await _keep(
        site,
        sent,
        lambda session, made: service.replace(session, key, made, by=viewer.name, now=site.clock()),
    )
    return _back(request, key, Message("It is replaced everywhere. The former one can be put back."))


@router.post("/{key}/put-back/{number}")
async def put_back(request: Request, site: SiteDep, viewer: WritesContent, key: str, number: int) -> Response:
    """What it was before is what it is again."""
    now = site.clock()
    await site.database.write(lambda session: service.put_back(session, key, number, by=viewer.name, now=now))
    return _back(request, key, Message("The former one is back, everywhere."))


@router.post("/{key}/remove")
async def remove(request: Request, site: SiteDep, viewer: WritesContent, key: str) -> Response:
    """Take it out of the lists; it can be brought back for a while."""
    await site.database.write(lambda session: service.remove(session, key, now=site.clock()))
    return _back(
        request, key, Message("It is removed. You can bring it back for %(days)s days.", days=service.KEPT.days)
    )


@router.post("/{key}/bring-back")
async def bring_back(request: Request, site: SiteDep, viewer: WritesContent, key: str) -> Response:
    """Undo `remove`."""
    await site.database.write(lambda session: service.bring_back(session, key))
    return _back(request, key, Message("It is back."))


async def _keep(site: Site, sent: UploadFile, then: Callable[[Session, Made], Item]) -> Item:
    made = await asyncio.to_thread(make, sent.file, sent.filename or "file", most=site.upload_bytes)
    await service.keep_files(site.database, made, now=site.clock())
    return await site.database.write(lambda session: then(session, made))


def _save(session: Session, made: Made, viewer: StaffViewer, site: Site, alt: str) -> Item:
    return service.save(session, made, by=viewer.name, now=site.clock(), alt=alt)


async def _list(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    *,
    q: str = "",
    show: str = "",
    page: int = 1,
    problems: Sequence[tuple[str, Message]] = (),
    status: int = 200,
) -> Response:
    skip = (page - 1) * PER_PAGE
    found = await site.database.report(
        lambda session: service.listed(
            session,
            q=q,
            kind=show if show in KINDS else "",
            unused=show == "unused",
            removed=show == "removed",
            skip=skip,
            most=PER_PAGE,
        )
    )

    def address(**changed: object) -> str:
        asked = {"q": q, "show": show, "page": "", **changed}
        query = {name: str(value) for name, value in asked.items() if value}
        return f"/staff/media?{urlencode(query)}" if query else "/staff/media"

    choices = [("", Message("All")), *KIND_WORDS.items(), ("unused", Message("Not shown anywhere"))]
    choices.append(("removed", Message("Removed files")))
    shown = MediaPage(
        cards=[Card(item, _about(item), found.shown.get(item.key, 0)) for item in found.items],
        total=found.total,
        q=q,
        tabs=[(word, address(show=value), value == show, None) for value, word in choices],
        previous_href=address(page=page - 1) if page > 1 else "",
        next_href=address(page=page + 1) if skip + len(found.items) < found.total else "",
        first=skip + 1,
        last=skip + len(found.items),
        problems=problems,
        most=size_in_words(site.upload_bytes),
        most_image=size_in_words(min(MAX_IMAGE, site.upload_bytes)),
        known=KNOWN,
        may_act=viewer.may("write_content"),
        is_filtered=bool(q or show),
    )
    return render(request, "media/list.html", shown, viewer=viewer, nav="media", status=status)


def _medium(session: Session, viewer: StaffViewer, key: str, locale: Locale) -> MediumPage:
    item = service.find(session, key)
    places = []
    for kind, found in uses.places_of(session, key).items():
        parts: dict[str, list[str]] = {}
        for owner, part in found:
            parts.setdefault(owner, []).append(part)
        shelf = {"document": "/manuals/", "tutorial": "/tutorials/"}.get(kind, "")
        places += [
            Shown(kind, owner, ", ".join(sorted(named)), f"{shelf}{owner}" if shelf else "")
            for owner, named in parts.items()
        ]
    accept = {"image": "image/png,image/jpeg,image/gif,image/webp,image/avif", "video": "video/mp4,video/webm"}
    return MediumPage(
        item=item,
        about=_about(item),
        places=places,
        editions=[one for one in service.editions(session, key) if one.number != item.edition],
        accept=accept.get(item.kind, ""),
        max_alt=MAX_ALT,
        may_act=viewer.may("write_content"),
        days=service.KEPT.days,
    )


def _about(item: Item) -> str:
    size = f"{item.width} × {item.height} · " if item.width else ""
    return f"{item.label} · {size}{size_in_words(item.size)}"


def _json(item: Item) -> dict[str, object]:
    return {
        "key": item.key,
        "kind": item.kind,
        "name": item.name,
        "alt": item.alt,
        "about": _about(item),
        "url": item.main,
        "preview": item.small if item.kind == "image" else "",
        "width": item.width,
        "height": item.height,
        "markdown": item.markdown,
        "page": _path(item.key),
    }


def _path(key: str) -> str:
    return f"/staff/media/{key}"


def _back(request: Request, key: str, said: Message) -> Response:
    response = redirect(_path(key))
    flash(request, response, said)
    return response
