"""The pages of the library: its shelves, and one article.

An article page costs a signed-in reader one look at the session and one at the edition, in one unit of work; what it
shows comes from memory, the right to see it never does. A browser that already has the page is told so, once the right
is clear.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel import Session

from portal.accounts.visits import (
    AnyViewer,
    MaybeViewer,
    MemberViewer,
    SignInNeeded,
    StaffViewer,
    is_customer,
    read_for_viewer,
)
from portal.content.article import KINDS, ArticlePage, for_whom, in_language, title_of, write_part
from portal.content.readers import reader_of
from portal.content.service import Article, Moved, ShelfView, Sight, open_article, record_reading, shelves
from portal.kit.errors import NotFound
from portal.kit.frames import write_framed
from portal.kit.headers import PLAYERS_ALLOWED
from portal.kit.i18n import LOCALE_DIR, Locale, Message, as_locale
from portal.kit.templating import TEMPLATE_DIR
from portal.kit.web import (
    SiteDep,
    dress,
    etag,
    flash,
    locale_of,
    not_modified,
    page_router,
    redirect,
    render,
    shell,
    site_of,
)

router = page_router(prefix="/manuals")
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Line:
    """A document on a shelf. `lang` where it is not in the reader's language; `note` and `waiting` are for staff."""

    title: str
    href: str
    kind: Message | None
    lang: Locale | None
    note: Message | None
    waiting: bool


@dataclass(frozen=True)
class ShelfPart:
    """A shelf of the list."""

    key: str
    title: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class ManualsPage:
    """What `content/manuals.html` shows."""

    shelves: Sequence[ShelfPart]
    is_staff: bool
    has_releases: bool


@router.get("")
async def manuals(request: Request, site: SiteDep, viewer: MaybeViewer) -> Response:
    """The shelves."""
    locale, now = locale_of(request, viewer), site.clock()
    found = await site.database.read(partial(shelves, reader=reader_of(viewer), locale=locale, now=now, zone=site.zone))
    if viewer is None and not found:
        raise SignInNeeded(_wanted(request))
    is_staff = isinstance(viewer, StaffViewer)
    page = ManualsPage(
        shelves=[_part(shelf, locale, now, for_staff=is_staff) for shelf in found],
        is_staff=is_staff,
        has_releases=any(item.entry.kind == "release_note" for shelf in found for item in shelf.items),
    )
    return render(request, "content/manuals.html", page, viewer=viewer, nav=_nav(viewer))


async def article(request: Request) -> Response:
    """One article, or the way to its right address; links within the library are written without a slug.

    It takes its parameters and finds its reader itself, and its routes are plain ones: of all pages this one is the
    most read, and resolving dependencies costs as much as all its work.
    """
    site = site_of(request)
    key, slug, now = request.path_params["key"], request.path_params.get("slug"), site.clock()

    def work(session: Session, viewer: AnyViewer | None) -> Article | Moved | None:
        try:
            return open_article(
                session,
                reader_of(viewer),
                key=key,
                slug=slug,
                locale=locale_of(request, viewer),
                now=now,
                zone=site.zone,
            )
        except NotFound:
            return None

    viewer, found = await read_for_viewer(request, site, work)
    if found is None:
        if viewer is None:
            # Said of whatever a stranger may not see, whether or not it exists, so that the answer tells nothing.
            raise SignInNeeded(_wanted(request))
        raise NotFound
    if isinstance(found, Moved):
        return _moved(request, found)
    around = shell(request, viewer, _nav(viewer))
    locale = around.locale
    made_of, part = write_part(found, site=site, locale=locale, now=now, for_staff=isinstance(viewer, StaffViewer))
    who = around.viewer
    frame = (replace(around, viewer=None), who and (who.kind, who.name, who.account_name, who.is_admin))
    tag = etag(made_of, frame, site.base_url, site.templates.assets.fingerprint, _wording())
    policy = PLAYERS_ALLOWED if found.body.has_players else {}
    if not around.flash and (same := not_modified(request, tag)):
        same.headers.update(policy)
        return same
    urls = {item.variant.locale: site.base_url + in_language(item) for item in (found.item, *found.translations)}
    entry, variant = found.item.entry, found.item.variant
    is_reading = isinstance(viewer, MemberViewer) and is_customer(viewer)
    page = ArticlePage(
        title=variant.title,
        about=found.body.about if viewer is None else "",
        article=part,
        lang=variant.locale,
        canonical=urls[variant.locale] if found.translations else site.base_url + found.item.path,
        in_ja=urls["ja"] if found.translations else "",
        in_en=urls["en"] if found.translations else "",
        reading_url=f"/manuals/{entry.id}/read" if is_reading else "",
        seconds=str(found.body.seconds) if is_reading else "",
        feedback_url="" if isinstance(viewer, StaffViewer) else f"/feedback/{entry.id}",
        revision="" if isinstance(viewer, StaffViewer) else str(variant.revision),
    )
    keep = (
        {"Cache-Control": "private, no-store"} if around.flash else {"Cache-Control": "private, no-cache", "ETag": tag}
    )
    response = HTMLResponse(
        write_framed(site, "content/article.html", page, around),
        headers={"Vary": "Cookie, Accept-Language", **keep, **policy},
    )
    dress(request, response, locale)
    return response


router.add_route("/manuals/{key}", article, include_in_schema=False)
router.add_route("/manuals/{key}/{slug}", article, include_in_schema=False)


@router.post("/{key}/read")
async def read(
    request: Request,
    site: SiteDep,
    viewer: MaybeViewer,
    key: str,
    locale: Annotated[str, Form(max_length=8)] = "",
    seconds: Annotated[int, Form(ge=0)] = 0,
    depth: Annotated[int, Form(ge=0, le=100)] = 0,
    said: Annotated[bool, Form()] = False,
) -> Response:
    """That the article was read: told by the reader's browser, which saw it in sight; or said by the reader."""
    if viewer is None:
        raise NotFound
    language = as_locale(locale, site.locale)
    await site.database.write(
        partial(
            record_reading,
            reader=reader_of(viewer),
            key=key,
            locale=language,
            sight=None if said else Sight(seconds, depth),
            now=site.clock(),
            zone=site.zone,
        )
    )
    if not said:
        return Response(status_code=204)
    response = redirect(f"/manuals/{key}")
    flash(request, response, Message("Noted: you have read this."))
    return response


def _moved(request: Request, found: Moved) -> RedirectResponse:
    """Permanent for those who note addresses down, but never kept by a browser: a slug may be taken back one day."""
    response = redirect(found.path + _query(request), status=308)
    response.headers.update(NO_STORE)
    return response


def _part(view: ShelfView, locale: Locale, now: datetime, *, for_staff: bool) -> ShelfPart:
    lines = [
        Line(
            title=item.variant.title,
            href=item.path,
            kind=KINDS.get(item.entry.kind),
            lang=None if item.variant.locale == locale else item.variant.locale,
            note=for_whom(item.entry) if for_staff else None,
            waiting=not item.variant.is_out(now),
        )
        for item in view.items
    ]
    return ShelfPart(view.shelf.key, title_of(view.shelf.title, view.shelf.key, locale), lines)


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _wanted(request: Request) -> str:
    return request.url.path + _query(request)


def _nav(viewer: AnyViewer | None) -> str:
    return "content" if isinstance(viewer, StaffViewer) else "manuals"


@cache
def _wording() -> str:
    """Changes whenever a template or a translation does, so that no browser keeps a page in former words."""
    digest = hashlib.sha256()
    for path in sorted([*TEMPLATE_DIR.rglob("*.html"), *LOCALE_DIR.rglob("*.po")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
