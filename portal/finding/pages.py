"""Search for people: the page of results, what is offered while typing, and the note that a result was opened.

The results are links like any other: no detour that would hide where they lead or break without scripts. That one was
opened is said by the browser beside following it; where no script runs it is not counted, and nothing else is missing.
"""

from typing import Annotated

import orjson
from fastapi import Form, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.responses import Response

from portal.accounts.visits import AnyViewer, MaybeViewer, SignInNeeded, StaffViewer, is_customer
from portal.content.readers import reader_of
from portal.finding import report_pages, synonym_pages
from portal.finding.asking import ask_for_viewer
from portal.finding.keeping import keep
from portal.finding.results import KIND_WORDS, LAST_PAGE, Asked, Found, SearchPage, look, results_part
from portal.finding.service import DEEPEST
from portal.finding.sight import sight_of
from portal.finding.suggest import Suggestion, suggest
from portal.kit.errors import NotFound
from portal.kit.frames import write_framed
from portal.kit.secrets import new_token
from portal.kit.web import SiteDep, dress, locale_of, page_router, shell, site_of
from portal.search.log import record_click, searched
from portal.search.question import LONGEST

router = page_router()
LONGEST_NAME = 64
"""Of a kind or a collection."""
PRIVATE = {"Cache-Control": "private, no-store"}


async def search(request: Request) -> Response:
    """What answers `q`; all of it stands in the address, so it can be passed on. Who gets it sees their own results.

    Like the article's, its route is a plain one that reads the address itself: to have that done costs as much as to
    search.
    """
    site, asked = site_of(request), _asked(request)
    now = site.clock()

    def work(session: Session, viewer: AnyViewer | None) -> Found:
        sight = sight_of(session, reader_of(viewer), now=now, zone=site.zone)
        return look(session, sight, asked, locale=locale_of(request, viewer), now=now)

    viewer, found = await ask_for_viewer(request, site, work)
    if viewer is None and not found.has_any:
        raise SignInNeeded(f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path)
    answers = found.answers
    is_counted = answers is not None and asked.is_first
    token = new_token(size=16) if is_counted else ""
    around = shell(request, viewer, _nav(viewer))
    part = results_part(asked, found, locale=around.locale, token=token)
    shown = SearchPage(
        q=asked.q,
        results=Markup(site.templates.render(around.locale, "finding/_results.html", {"page": part})),  # noqa: S704 - our template
        token=token if part.results and (is_customer(viewer) or isinstance(viewer, StaffViewer)) else "",
    )
    response = HTMLResponse(write_framed(site, "finding/search.html", shown, around), headers=PRIVATE)
    dress(request, response, around.locale)
    if answers is not None and is_counted and is_customer(viewer):
        said = searched(token=token, asked=answers.normal, locale=around.locale, results=answers.total, now=now)
        response.background = BackgroundTask(keep, site.database, said)
    return response


async def suggestions(request: Request) -> Response:
    """What may be meant by the letters so far, for the search boxes; a plain route too, asked at every letter."""
    site, q = site_of(request), request.query_params.get("q", "")
    now = site.clock()

    def work(session: Session, viewer: AnyViewer | None) -> list[Suggestion]:
        if not q.strip():
            return []
        locale = locale_of(request, viewer)
        return suggest(session, reader_of(viewer), typed=q, locale=locale, now=now, zone=site.zone)

    viewer, found = await ask_for_viewer(request, site, work)
    if viewer is None and not found:
        raise SignInNeeded("/search")
    locale = locale_of(request, viewer)
    lines = [
        {
            "href": one.path,
            "title": one.title,
            "kind": KIND_WORDS[one.kind].into(locale),
            "lang": None if one.locale == locale else one.locale,
        }
        for one in found
    ]
    return Response(orjson.dumps({"suggestions": lines}), media_type="application/json", headers=PRIVATE)


router.add_route("/search", search, include_in_schema=False)
router.add_route("/search/suggest", suggestions, include_in_schema=False)
router.include_router(report_pages.router)
router.include_router(synonym_pages.router)


@router.post("/search/opened")
async def opened(
    site: SiteDep,
    _viewer: MaybeViewer,
    search: Annotated[str, Form(max_length=32)],
    place: Annotated[int, Form(ge=1, le=DEEPEST)],
    name: Annotated[str, Form(max_length=80)],
) -> Response:
    """A reader's browser says which result was opened; what it may say is checked, who says it is not kept."""
    await site.database.write(lambda session: record_click(session, token=search, place=place, key=name))
    return Response(status_code=204)


def _asked(request: Request) -> Asked:
    """What the address asks for; `NotFound` where nothing could be called that."""
    given = request.query_params
    kind, collection, page = given.get("kind", ""), given.get("collection", ""), given.get("page", "1")
    is_page = page.isdecimal() and len(page) <= len(str(LAST_PAGE)) and 1 <= int(page) <= LAST_PAGE
    if not is_page or max(len(kind), len(collection)) > LONGEST_NAME:
        raise NotFound
    return Asked(" ".join(given.get("q", "").split())[:LONGEST], kind, collection, int(page))


def _nav(viewer: AnyViewer | None) -> str:
    return "search" if isinstance(viewer, StaffViewer) else ""
