"""Search for people: the page of results, what is offered while typing, and the note that a result was opened.

The results are links like any other: no detour that would hide where they lead or break without scripts. That one was
opened is said by the browser beside following it; where no script runs it is not counted, and nothing else is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from markupsafe import Markup
from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response

from portal.accounts.visits import AnyViewer, MaybeViewer, SignInNeeded, StaffViewer
from portal.content.article import title_of
from portal.content.library import current as library_of
from portal.content.readers import reader_of
from portal.finding import report_pages, synonym_pages
from portal.finding.asking import ask
from portal.finding.keeping import keep
from portal.finding.marked import marked
from portal.finding.popular import Offer, popular
from portal.finding.service import DEEPEST, Answers, Piece, find
from portal.finding.sight import TUTORIAL, sight_of
from portal.finding.suggest import suggest
from portal.kit.i18n import Locale, Message
from portal.kit.secrets import new_token
from portal.kit.web import SiteDep, locale_of, page_router, render
from portal.search.log import record_click, searched
from portal.search.question import LONGEST
from portal.tutorials import indexing as tutorials

router = page_router()
router.include_router(report_pages.router)
router.include_router(synonym_pages.router)
PER_PAGE = 10
LAST_PAGE = DEEPEST // PER_PAGE
KIND_WORDS: Mapping[str, Message] = {
    "manual": Message("Manual"),
    "faq": Message("Question and answer"),
    "case_study": Message("Case study"),
    "release_note": Message("What is new"),
    TUTORIAL: Message("Tutorial"),
}
Asked = Annotated[str, Query()]
Name = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True)
class ResultLine:
    """A result. `lang` where it is not in the reader's language; `name` and `place` are what opening it notes down."""

    title: Markup
    excerpt: Markup
    href: str
    kind: Message
    collection: str
    lang: Locale | None
    name: str
    place: int


@dataclass(frozen=True)
class FilterChip:
    """One way to narrow the results, or with `current` the one they are narrowed by. `href` sets it or takes it off."""

    word: Message | str
    href: str
    count: int
    current: bool


@dataclass(frozen=True)
class SearchPage:
    """For `finding/search.html`. `q` is empty where nothing was asked yet.

    `meant` is what the question was corrected to; `token` names this search for noting what is opened, and is empty
    where that is not counted. `instead` has what to read where there are no results.
    """

    q: str
    meant: str
    meant_href: str
    total: int
    first: int
    last: int
    results: Sequence[ResultLine]
    kinds: Sequence[FilterChip]
    collections: Sequence[FilterChip]
    previous_href: str
    next_href: str
    token: str
    instead: Offer
    is_filtered: bool
    everything_href: str
    is_staff: bool


@router.get("/search")
async def search(
    request: Request,
    site: SiteDep,
    viewer: MaybeViewer,
    q: Asked = "",
    kind: Name = "",
    collection: Name = "",
    page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1,
) -> Response:
    """What answers `q`; all of it stands in the address, so it can be passed on. Who gets it sees their own results."""
    locale, now, reader = locale_of(request, viewer), site.clock(), reader_of(viewer)
    q = " ".join(q.split())[:LONGEST]

    def work(session: Session) -> tuple[Answers | None, Offer, Mapping[str, str], bool]:
        sight = sight_of(session, reader, now=now, zone=site.zone)
        answers = None
        if q:
            here = Piece(kind, collection, limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
            answers = find(session, sight, asked=q, locale=locale, part=here)
        liked = Offer() if answers and answers.results else popular(session, sight, locale=locale, now=now)
        shelves = {shelf.key: title_of(shelf.title, shelf.key, locale) for shelf in library_of(session).shelves}
        return answers, liked, shelves, bool(sight.visible.any())

    answers, liked, shelves, has_any = await ask(site.database, work)
    if viewer is None and not has_any:
        raise SignInNeeded(f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path)
    is_counted = answers is not None and page == 1 and not kind and not collection
    token = new_token(size=16) if is_counted else ""
    shown = _page(q, answers, liked, shelves, locale, kind, collection, page, token, isinstance(viewer, StaffViewer))
    response = render(request, "finding/search.html", shown, viewer=viewer, nav=_nav(viewer))
    if answers is not None and is_counted and not isinstance(viewer, StaffViewer):
        said = searched(token=token, asked=answers.normal, locale=locale, results=answers.total, now=now)
        response.background = BackgroundTask(keep, site.database, said)
    return response


@router.get("/search/suggest")
async def suggestions(request: Request, site: SiteDep, viewer: MaybeViewer, q: Asked = "") -> Response:
    """What may be meant by the letters so far, for the search boxes."""
    locale = locale_of(request, viewer)
    asked = partial(suggest, reader=reader_of(viewer), typed=q, locale=locale, now=site.clock(), zone=site.zone)
    found = await ask(site.database, asked) if q.strip() else []
    if viewer is None and not found:
        raise SignInNeeded("/search")
    lines = [
        {
            "href": one.path,
            "title": one.title,
            "kind": KIND_WORDS[one.kind].into(locale),
            "lang": None if one.locale == locale else one.locale,
        }
        for one in found
    ]
    return JSONResponse({"suggestions": lines}, headers={"Cache-Control": "private, no-store"})


@router.post("/search/opened")
async def opened(
    site: SiteDep,
    search: Annotated[str, Form(max_length=32)],
    place: Annotated[int, Form(ge=1, le=DEEPEST)],
    name: Annotated[str, Form(max_length=80)],
) -> Response:
    """A reader's browser says which result was opened; what it may say is checked, who says it is not kept."""
    await site.database.write(lambda session: record_click(session, token=search, place=place, key=name))
    return Response(status_code=204)


def _page(
    q: str,
    answers: Answers | None,
    liked: Offer,
    shelves: Mapping[str, str],
    locale: Locale,
    kind: str,
    collection: str,
    page: int,
    token: str,
    is_staff: bool,
) -> SearchPage:
    asked = {"q": q, "kind": kind, "collection": collection}

    def address(**changed: object) -> str:
        query = {name: str(value) for name, value in {**asked, **changed}.items() if value}
        return f"/search?{urlencode(query)}" if query else "/search"

    kinds = answers.kinds if answers else {}
    collections = answers.collections if answers else {}
    total = answers.total if answers else 0
    results = answers.results if answers else ()
    first = (page - 1) * PER_PAGE + 1
    reachable = min(total, DEEPEST)
    return SearchPage(
        q=q,
        meant=answers.meant if answers else "",
        meant_href=address(q=answers.meant, kind="", collection="") if answers and answers.meant else "",
        total=total,
        first=first,
        last=first + len(results) - 1,
        results=[
            ResultLine(
                title=marked(one.title),
                excerpt=marked(one.excerpt),
                href=one.path,
                kind=KIND_WORDS[one.kind],
                collection=shelves.get(one.collection, ""),
                lang=None if one.locale == locale else one.locale,
                name=f"{tutorials.SHELF if one.kind == TUTORIAL else 'document'}/{one.key}",
                place=one.place,
            )
            for one in results
        ],
        kinds=[
            FilterChip(word, address(kind="" if name == kind else name), kinds.get(name, 0), name == kind)
            for name, word in KIND_WORDS.items()
            if name == kind or (name in kinds and len(kinds) > 1)
        ],
        collections=[
            FilterChip(title, address(collection="" if key == collection else key), collections.get(key, 0), True)
            if key == collection
            else FilterChip(title, address(collection=key), collections[key], False)
            for key, title in shelves.items()
            if key == collection or (key in collections and len(collections) > 1)
        ],
        previous_href=address(page=page - 1 if page > 2 else "") if page > 1 else "",
        next_href=address(page=page + 1) if page * PER_PAGE < reachable else "",
        token=token,
        instead=liked,
        is_filtered=bool(kind or collection),
        everything_href=address(kind="", collection=""),
        is_staff=is_staff,
    )


def _nav(viewer: AnyViewer | None) -> str:
    return "search" if isinstance(viewer, StaffViewer) else ""
