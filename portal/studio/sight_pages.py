"""A text before it is out: as one customer or another would have it, and for somebody without rights, by a link."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Query, Request, Response
from sqlmodel import Session

from portal.accounts.plans import list_plans
from portal.accounts.visits import SignedInStaff
from portal.conditions.segments import segments
from portal.kit.errors import NotFound
from portal.kit.i18n import LOCALES, Locale, Message, as_locale
from portal.kit.web import Site, SiteDep, page_router, render
from portal.studio.front import Form, form_of
from portal.studio.manuscripts import Writing, kind_in, parsed, slug_in, writing
from portal.studio.shown import LANGUAGES, STATES
from portal.studio.sights import LASTS, Around, Seen, Sight, around, link, linked, sight, would_see

router = page_router()
Word = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True)
class LookPage:
    """For `studio/look.html`. `lang` is the language shown, `seen` None where the condition cannot be read."""

    key: str
    locale: Locale
    title: str
    state: str
    states: Mapping[str, tuple[Message, str, str]]
    plans: Sequence[tuple[str, str]]
    segments: Sequence[tuple[str, Mapping[str, str]]]
    roles: Sequence[tuple[str, Message]]
    languages: Sequence[tuple[str, str]]
    plan: str
    segment: str
    role: str
    wanted: Locale
    seen: Seen | None
    is_public: bool
    for_everyone: bool
    sight: Sight
    lang: Locale
    link: str
    until: datetime | None


@dataclass(frozen=True)
class SharedPage:
    """For `studio/shared.html`."""

    sight: Sight
    lang: Locale
    state: str
    states: Mapping[str, tuple[Message, str, str]]
    until: datetime


@dataclass(frozen=True)
class Looked:
    """One text with what decides who sees it."""

    writing: Writing
    form: Form
    audience: object
    is_public: bool
    among: Around
    plans: Sequence[tuple[str, str]]
    segments: Sequence[tuple[str, Mapping[str, str]]]
    lang: Locale


@router.get("/staff/content/{key}/{locale}/look")
async def look(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    key: str,
    locale: Locale,
    plan: Word = "",
    segment: Word = "",
    role: Word = "member",
    language: Word = "",
) -> Response:
    """The newest text as somebody on this plan, in this segment, with this role and language, would have it."""
    return await _look(request, site, viewer, key, locale, plan=plan, segment=segment, role=role, language=language)


@router.post("/staff/content/{key}/{locale}/look")
async def share(request: Request, site: SiteDep, viewer: SignedInStaff, key: str, locale: Locale) -> Response:
    """The same, with a link that opens it to whoever has it, for a week."""
    until = site.clock() + LASTS
    return await _look(request, site, viewer, key, locale, until=until)


@router.get("/preview/{token}")
async def shared(request: Request, site: SiteDep, token: str) -> Response:
    """The newest text of a manuscript, for whoever has the link and before it is over."""
    now = site.clock()
    found = linked(site.secrets, token, now=now)
    if found is None:
        raise NotFound(Message("This preview link is not right, or no longer open. Ask for a new one."))
    key, locale, until = found
    looked = await site.database.read(partial(_looked, key=key, locale=locale, wanted=locale))
    page = SharedPage(await _sight(looked), locale, looked.writing.manuscript.state, STATES, until)
    return render(request, "studio/shared.html", page, headers={"X-Robots-Tag": "noindex, nofollow"})


async def _look(
    request: Request,
    site: Site,
    viewer: SignedInStaff,
    key: str,
    locale: Locale,
    *,
    plan: str = "",
    segment: str = "",
    role: str = "member",
    language: str = "",
    until: datetime | None = None,
) -> Response:
    wanted = as_locale(language, locale) if language in LOCALES else locale
    looked = await site.database.read(partial(_looked, key=key, locale=locale, wanted=wanted))
    inside = segment if segment in dict(looked.segments) else ""
    seen = would_see(looked.audience, plan=plan, role=role, locale=wanted, segment=inside, now=site.clock())
    page = LookPage(
        key=key,
        locale=locale,
        title=looked.form.title,
        state=looked.writing.manuscript.state,
        states=STATES,
        plans=looked.plans,
        segments=looked.segments,
        roles=[("member", Message("Member")), ("admin", Message("Admin"))],
        languages=list(LANGUAGES.items()),
        plan=plan,
        segment=inside,
        role=role,
        wanted=wanted,
        seen=seen,
        is_public=looked.is_public,
        for_everyone=looked.audience is None,
        sight=await _sight(looked),
        lang=looked.lang,
        link=site.base_url + link(site.secrets, key=key, locale=locale, until=until) if until else "",
        until=until,
    )
    return render(request, "studio/look.html", page, viewer=viewer, nav="content")


def _looked(session: Session, *, key: str, locale: Locale, wanted: Locale) -> Looked:
    """The text in the language wanted, else in the one that is open, as readers fall back too."""
    found = writing(session, key, wanted) or writing(session, key, locale)
    if found is None:
        raise NotFound
    said = parsed(session, found.revision)
    file = found.revision.file
    form = form_of(found.revision.text, slug=slug_in(file), kind=kind_in(file), zone=session.info["zone"])
    plans = [(one.key, one.title or one.key) for one in list_plans(session)]
    there = [(one.key, one.title) for one in segments(session).all]
    lang = as_locale(found.manuscript.locale)
    return Looked(found, form, said.audience, said.public, around(session), plans, there, lang)


async def _sight(looked: Looked) -> Sight:
    form = looked.form
    return await asyncio.to_thread(partial(sight, title=form.title, body=form.body, kind=form.kind, among=looked.among))
