"""Translations for whoever looks after them: every document by language, and one translation beside its original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form as Field
from fastapi import Query, Request, Response
from sqlmodel import Session

from portal.accounts.visits import SignedInStaff, WritesContent
from portal.kit.errors import BansoError
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.paging import page_at
from portal.kit.web import SiteDep, flash, locale_of, page_router, redirect, render
from portal.studio.listing import facets
from portal.studio.shown import KINDS, LANGUAGES, TRANSLATION, person_of
from portal.studio.staleness import STATES
from portal.studio.translations import Behind, Translated, behind, mark_current, translations

router = page_router(prefix="/staff/content")
HERE = "/staff/content/translations"
PER_PAGE = 50
Text = Annotated[str, Query(max_length=200)]
Number = Annotated[int, Field(ge=1, le=1_000_000_000)]


@dataclass(frozen=True)
class TranslationsPage:
    """For `studio/translations.html`. `counts`: how many cells there are of each state, whatever the filters."""

    documents: Sequence[Translated]
    total: int
    locale: Locale
    languages: Mapping[Locale, str]
    words: Mapping[str, tuple[Message, str, str]]
    kinds: Mapping[str, Message]
    counts: Sequence[tuple[Message, str, bool, int | None]]
    q: str
    state: str
    selects: Sequence[tuple[str, Message, Sequence[tuple[str, Message | str]], str]]
    is_filtered: bool
    may_write: bool
    previous_href: str
    next_href: str
    first: int
    last: int


@dataclass(frozen=True)
class BesidePage:
    """For `studio/translation.html`."""

    behind: Behind
    key: str
    locale: Locale
    state: str
    languages: Mapping[Locale, str]
    words: Mapping[str, tuple[Message, str, str]]
    is_file: bool
    may_write: bool
    view: str


@router.get("/translations")
async def listed(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    q: Text = "",
    kind: Text = "",
    collection: Text = "",
    state: Text = "",
    locale: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Every document by language, as filtered by the address."""
    mine = locale_of(request, viewer)
    state = state if state in STATES else ""
    only: Locale | None = next((one for one in LOCALES if one == locale), None)
    asked = {"q": q, "kind": kind, "collection": collection, "state": state, "locale": locale}

    def address(**changed: object) -> str:
        query = {name: str(value) for name, value in {**asked, **changed}.items() if value}
        return f"{HERE}?{urlencode(query)}" if query else HERE

    def work(session: Session) -> TranslationsPage:
        every = translations(session, house=site.locale)
        titles = {key: title.get(mine) or next(iter(title.values()), key) for key, title in facets(session)}
        fitting = [one for one in every if _fits(one, q=q, kind=kind, collection=collection, state=state, only=only)]
        fitting.sort(key=lambda one: (not one.stale, "missing" not in one.states.values(), one.title(mine), one.id))
        place = page_at(page, total=len(fitting), limit=PER_PAGE)
        shown = fitting[place.skip : place.skip + PER_PAGE]
        states = [said for one in every for said in one.states.values()]
        return TranslationsPage(
            documents=shown,
            total=place.total,
            locale=mine,
            languages=LANGUAGES,
            words=TRANSLATION,
            kinds=KINDS,
            counts=[
                (Message("All"), address(state=""), not state, None),
                *(
                    (TRANSLATION[one][0], address(state=one), state == one, states.count(one))
                    for one in ("stale", "missing", "current")
                ),
            ],
            q=q,
            state=state,
            selects=[
                ("kind", Message("Kind"), list(KINDS.items()), kind if kind in KINDS else ""),
                ("collection", Message("Collection"), list(titles.items()), collection),
                ("locale", Message("Language"), list(LANGUAGES.items()), only or ""),
            ],
            is_filtered=any(asked.values()),
            may_write=person_of(viewer).may_write,
            previous_href=address(page=place.page - 1) if place.page > 1 else "",
            next_href=address(page=place.page + 1) if place.page < place.pages else "",
            first=place.skip + 1,
            last=place.skip + len(shown),
        )

    shown = await site.database.report(work)
    return render(request, "studio/translations.html", shown, viewer=viewer, nav="content")


@router.get("/{key}/{locale}/translation")
async def beside(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    key: str,
    locale: Locale,
    view: Annotated[str, Query(max_length=10)] = "split",
) -> Response:
    """A translation beside its original, and what changed in the original since."""

    def work(session: Session) -> BesidePage:
        found = behind(session, key=key, locale=locale, house=site.locale)
        return BesidePage(
            behind=found,
            key=key,
            locale=locale,
            state=found.document.states[locale],
            languages=LANGUAGES,
            words=TRANSLATION,
            is_file=found.document.origin == "file",
            may_write=person_of(viewer).may_write,
            view=view if view in ("split", "inline") else "split",
        )

    page = await site.database.report(work)
    return render(request, "studio/translation.html", page, viewer=viewer, nav="content")


@router.post("/{key}/{locale}/translation")
async def is_current(
    request: Request,
    site: SiteDep,
    viewer: WritesContent,
    key: str,
    locale: Locale,
    number: Number,
    original: Number,
) -> Response:
    """Somebody has looked: the translation says what the original says now."""
    person, now = person_of(viewer), site.clock()

    def work(session: Session) -> None:
        mark_current(
            session,
            key=key,
            locale=locale,
            number=number,
            original=original,
            house=site.locale,
            person=person,
            now=now,
        )

    answer = redirect(f"/staff/content/{key}/{locale}/translation")
    try:
        await site.database.write(work)
    except BansoError as wrong:
        if wrong.status == 404:
            raise
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, Message("Noted: the translation says what the original says."))
    return answer


def _fits(one: Translated, *, q: str, kind: str, collection: str, state: str, only: Locale | None) -> bool:
    places = [only] if only else LOCALES
    words = q.lower().split()
    said = " ".join([one.id, *(text.title for text in one.newest.values())]).lower()
    return (
        (not kind or one.kind == kind)
        and (not collection or one.collection == collection)
        and (not state or any(one.states[place] == state for place in places))
        and (state != "" or only is None or only in one.newest)
        and all(word in said for word in words)
    )
