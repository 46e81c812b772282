"""Releases: what comes out together, when, and what it still waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Form as Field
from fastapi import Request, Response
from sqlmodel import Session

from portal.accounts.visits import SignedInStaff
from portal.kit.errors import BansoError, Invalid
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.studio import clockwork, releases
from portal.studio.front import MINUTES, at_minute
from portal.studio.models import Manuscript, Release
from portal.studio.releases import Together
from portal.studio.shown import LANGUAGES, STATES, person_of

router = page_router(prefix="/staff/releases")
Said = Annotated[str, Field(max_length=300)]


@dataclass(frozen=True)
class ReleasesPage:
    """For `studio/releases.html`: each release with how many texts are in it."""

    releases: Sequence[tuple[Release, int]]
    may_write: bool
    now: datetime


@dataclass(frozen=True)
class ReleasePage:
    """For `studio/release.html`. `at` is the planned time as a browser's field has it."""

    together: Together
    candidates: Sequence[Manuscript]
    at: str
    is_late: bool
    may_write: bool
    states: Mapping[str, tuple[Message, str, str]]
    languages: Mapping[Locale, str]


@router.get("")
async def all_releases(request: Request, site: SiteDep, viewer: SignedInStaff) -> Response:
    """All of them, those to come first."""
    found = await site.database.read(releases.releases)
    page = ReleasesPage(found, person_of(viewer).may_write, site.clock())
    return render(request, "studio/releases.html", page, viewer=viewer, nav="content")


@router.post("")
async def open_one(request: Request, site: SiteDep, viewer: SignedInStaff, title: Said = "") -> Response:
    """A new one."""
    person = person_of(viewer)
    try:
        made = await site.database.write(
            lambda session: releases.open_release(session, title=title, person=person, now=site.clock())
        )
    except Invalid as wrong:
        answer = redirect("/staff/releases")
        flash(request, answer, wrong.message, kind="bad")
        return answer
    return redirect(f"/staff/releases/{made}")


@router.get("/{release}")
async def show(request: Request, site: SiteDep, viewer: SignedInStaff, release: int) -> Response:
    """One, with what is in it and what could be."""
    now = site.clock()

    def work(session: Session) -> ReleasePage:
        found = releases.together(session, release)
        at = found.release.publish_at
        return ReleasePage(
            together=found,
            candidates=releases.candidates(session) if found.release.published_at is None else (),
            at=at.astimezone(site.zone).strftime(MINUTES) if at else "",
            is_late=at is not None and at <= now and found.release.published_at is None,
            may_write=person_of(viewer).may_write,
            states=STATES,
            languages=LANGUAGES,
        )

    page = await site.database.read(work)
    return render(request, "studio/release.html", page, viewer=viewer, nav="content")


@router.post("/{release}/texts")
async def put_in(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    release: int,
    text: Annotated[list[str], Field()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """These come out with it."""
    keys = [(key, as_locale(locale)) for key, _, locale in (one.rpartition("/") for one in text[:500])]
    person = person_of(viewer)

    async def work() -> None:
        await site.database.write(lambda session: releases.put_in(session, release, keys, person=person))

    return await _told(request, release, work, Message("Put in."))


@router.post("/{release}/texts/{key}/{locale}/removal")
async def take_out(
    request: Request, site: SiteDep, viewer: SignedInStaff, release: int, key: str, locale: Locale
) -> Response:
    """This one goes its own way."""
    person = person_of(viewer)

    async def work() -> None:
        await site.database.write(lambda session: releases.take_out(session, release, key, locale, person=person))

    return await _told(request, release, work, Message("Taken out."))


@router.post("/{release}/time")
async def set_time(
    request: Request, site: SiteDep, viewer: SignedInStaff, release: int, publish_at: Said = ""
) -> Response:
    """It comes out at this time; without one it waits for a person."""
    person, at = person_of(viewer), at_minute(publish_at, site.zone)

    async def work() -> None:
        if publish_at and at is None:
            raise Invalid(Message("This is not a time that exists."))
        await site.database.write(lambda session: releases.plan(session, release, at, person=person, now=site.clock()))

    return await _told(
        request, release, work, Message("The time is set.") if at else Message("The time is taken back.")
    )


@router.post("/{release}/publication")
async def publish(request: Request, site: SiteDep, viewer: SignedInStaff, release: int) -> Response:
    """All of it comes out now, or nothing."""

    async def work() -> None:
        await clockwork.publish_release(site, release, person=person_of(viewer))

    return await _told(request, release, work, Message("Everything in it is out."))


async def _told(request: Request, release: int, work: Callable[[], Awaitable[None]], said: Message) -> Response:
    answer = redirect(f"/staff/releases/{release}")
    try:
        await work()
    except BansoError as wrong:
        if wrong.status in (403, 404):
            raise
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, said)
    return answer
