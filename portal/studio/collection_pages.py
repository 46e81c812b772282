"""Collections: their titles and their order, by buttons, by keyboard and by dragging."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form as Field
from fastapi import Request, Response
from sqlmodel import Session

from portal.accounts.visits import SignedInStaff
from portal.kit.errors import BansoError, Invalid, by_field
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render
from portal.studio import arranging
from portal.studio.arranging import Shelved
from portal.studio.shown import person_of

router = page_router(prefix="/staff/collections")
Said = Annotated[str, Field(max_length=300)]


@dataclass(frozen=True)
class CollectionsPage:
    """For `studio/collections.html`. `errors` are of the form for a new one, by field."""

    collections: Sequence[Shelved]
    may_write: bool
    is_arranged: bool
    key: str
    title: Mapping[str, str]
    errors: Mapping[str, Sequence[Message]]


@router.get("")
async def show(request: Request, site: SiteDep, viewer: SignedInStaff) -> Response:
    """All of them, in the order in which readers see them."""
    return await _page(request, site, viewer)


@router.post("")
async def add(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    key: Said = "",
    title_ja: Said = "",
    title_en: Said = "",
) -> Response:
    """A new one, the last."""
    title, person = {"ja": title_ja, "en": title_en}, person_of(viewer)
    try:
        await site.database.write(
            lambda session: arranging.add(session, key=key, title=title, person=person, now=site.clock())
        )
    except Invalid as wrong:
        return await _page(request, site, viewer, key=key, title=title, wrong=wrong)
    answer = redirect("/staff/collections")
    flash(request, answer, Message("The collection is there."))
    return answer


@router.post("/order")
async def order(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    up: Said = "",
    down: Said = "",
    key: Annotated[list[str], Field()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """All of them in a new order: the one in the form, or with one of them a place up or down."""
    person = person_of(viewer)

    def work(session: Session) -> None:
        if up or down:
            step = -1 if up else 1
            arranging.move(session, key=up or down, by=step, person=person, now=site.clock())
        else:
            arranging.reorder(session, key, person=person, now=site.clock())

    async def write() -> None:
        await site.database.write(work)

    return await _told(request, write, Message("The order is kept."))


@router.post("/file")
async def give_back(request: Request, site: SiteDep, viewer: SignedInStaff) -> Response:
    """Their file says again how they stand."""

    async def work() -> None:
        await site.database.write(
            lambda session: arranging.give_back(session, person=person_of(viewer), now=site.clock())
        )

    return await _told(request, work, Message("Given back: with the next banso publish they stand as their file says."))


@router.post("/{key}/title")
async def rename(
    request: Request, site: SiteDep, viewer: SignedInStaff, key: str, title_ja: Said = "", title_en: Said = ""
) -> Response:
    """Called otherwise."""
    title, person = {"ja": title_ja, "en": title_en}, person_of(viewer)

    async def work() -> None:
        await site.database.write(
            lambda session: arranging.rename(session, key=key, title=title, person=person, now=site.clock())
        )

    return await _told(request, work, Message("Saved."))


@router.post("/{key}/removal")
async def remove(request: Request, site: SiteDep, viewer: SignedInStaff, key: str) -> Response:
    """Taken away, where nothing is in it."""

    async def work() -> None:
        await site.database.write(
            lambda session: arranging.remove(session, key=key, person=person_of(viewer), now=site.clock())
        )

    return await _told(request, work, Message("The collection is gone."))


async def _page(
    request: Request,
    site: Site,
    viewer: SignedInStaff,
    *,
    key: str = "",
    title: Mapping[str, str] | None = None,
    wrong: Invalid | None = None,
) -> Response:
    found = await site.database.read(arranging.collections)
    page = CollectionsPage(
        collections=found,
        may_write=person_of(viewer).may_write,
        is_arranged=any(one.is_arranged for one in found),
        key=key,
        title=title or {"ja": "", "en": ""},
        errors=by_field(wrong.problems) if wrong else {},
    )
    status = 422 if wrong else 200
    return render(request, "studio/collections.html", page, viewer=viewer, nav="content", status=status)


async def _told(request: Request, work: Callable[[], Awaitable[None]], said: Message) -> Response:
    answer = redirect("/staff/collections")
    try:
        await work()
    except BansoError as wrong:
        if wrong.status in (403, 404):
            raise
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, said)
    return answer
