"""What is new, as a page and as a feed; and what search engines are told: the sitemap and robots.txt.

A feed and a sitemap are read without signing in, so they hold what is public and nothing else.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import PlainTextResponse

from portal.accounts.visits import MaybeViewer, SignInNeeded, StaffViewer, is_customer
from portal.content.article import for_whom
from portal.content.readers import ANONYMOUS, reader_of
from portal.content.releases import Language, Release, note_visit, public_documents, releases
from portal.kit.errors import Unavailable
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.web import Site, SiteDep, etag, locale_of, not_modified, page_router, render

router = page_router()
ATOM = "application/atom+xml"
FEED_FOR = {"Cache-Control": "public, max-age=600"}
CLOSED = ("/staff", "/me", "/team", "/search", "/feedback/", "/sign-in", "/enter", "/api/")


@dataclass(frozen=True)
class Line:
    """A release note in the list."""

    title: str
    href: str
    lang: Locale | None
    out_at: datetime
    excerpt: str
    is_new: bool
    waiting: bool
    note: Message | None


@dataclass(frozen=True)
class ReleasesPage:
    """What `content/releases.html` shows. `fresh` is how many are new since the member's last visit."""

    lines: Sequence[Line]
    fresh: int
    feed: str
    is_staff: bool


@dataclass(frozen=True)
class FeedEntry:
    """One entry of the feed, with addresses that hold anywhere."""

    id: str
    title: str
    url: str
    summary: str
    out_at: datetime
    updated_at: datetime
    lang: Locale


@dataclass(frozen=True)
class Feed:
    """What `content/releases.atom` shows."""

    title: str
    url: str
    page: str
    locale: Locale
    updated_at: datetime
    entries: Sequence[FeedEntry]


@dataclass(frozen=True)
class SitemapLine:
    """One address of the sitemap, with those of the other languages."""

    url: str
    changed_at: datetime
    languages: Sequence[tuple[Locale, str]]


@router.get("/releases")
async def what_is_new(request: Request, site: SiteDep, viewer: MaybeViewer) -> Response:
    """Release notes, the latest first; new ones marked for members."""
    locale, now, reader = locale_of(request, viewer), site.clock(), reader_of(viewer)
    work = partial(releases, reader=reader, locale=locale, now=now, zone=site.zone)
    found, due = await site.database.read(work)
    if viewer is None and not found:
        raise SignInNeeded("/releases")
    if due and is_customer(viewer):
        with contextlib.suppress(Unavailable):
            await site.database.write(partial(note_visit, reader=reader, now=now))
    is_staff = isinstance(viewer, StaffViewer)
    lines = [_line(one, locale, now, for_staff=is_staff) for one in found]
    page = ReleasesPage(lines, sum(one.is_new for one in lines), f"/releases.atom?lang={locale}", is_staff)
    return render(request, "content/releases.html", page, viewer=viewer, nav="content" if is_staff else "releases")


@router.get("/releases.atom")
async def feed(request: Request, site: SiteDep, lang: Annotated[str, Query(max_length=8)] = "") -> Response:
    """The public release notes as Atom (RFC 4287)."""
    locale, now = as_locale(lang, site.locale), site.clock()
    work = partial(releases, reader=ANONYMOUS, locale=locale, now=now, zone=site.zone)
    found, _ = await site.database.read(work)
    entries = [
        FeedEntry(
            id=f"{site.base_url}/manuals/{one.item.entry.id}",
            title=one.item.variant.title,
            url=site.base_url + one.item.path,
            summary=one.excerpt,
            out_at=one.out_at,
            updated_at=max(one.out_at, one.item.variant.updated_at),
            lang=one.item.variant.locale,
        )
        for one in found
    ]
    url = f"{site.base_url}/releases.atom?lang={locale}"
    newest = max((one.updated_at for one in entries), default=site_began(site))
    shown = Feed(site.vendor_name, url, f"{site.base_url}/releases", locale, newest, entries)
    return _told(request, site, locale, "content/releases.atom", shown, media_type=ATOM)


@router.get("/sitemap.xml")
async def sitemap(request: Request, site: SiteDep) -> Response:
    """Everything anybody may read, each language with the addresses of the others."""
    found = await site.database.read(partial(public_documents, now=site.clock(), zone=site.zone))
    lines = [line for languages in found for line in _sitemap_lines(site, languages)]
    return _told(request, site, site.locale, "content/sitemap.xml", lines, media_type="application/xml")


@router.get("/robots.txt")
async def robots(site: SiteDep) -> Response:
    """Where search engines need not look; without anything public, nowhere."""
    found = await site.database.read(partial(public_documents, now=site.clock(), zone=site.zone))
    closed = CLOSED if found else ("/",)
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed)]
    lines += ["", f"Sitemap: {site.base_url}/sitemap.xml"] if found else []
    return PlainTextResponse("\n".join(lines) + "\n", headers=FEED_FOR)


def site_began(site: Site) -> datetime:
    """The time of a feed in which there is nothing: any moment will do, but it must be one, and the same each time."""
    return datetime(2000, 1, 1, tzinfo=site.zone)


def _line(one: Release, locale: Locale, now: datetime, *, for_staff: bool) -> Line:
    variant = one.item.variant
    return Line(
        title=variant.title,
        href=one.item.path,
        lang=None if variant.locale == locale else variant.locale,
        out_at=one.out_at,
        excerpt=one.excerpt,
        is_new=one.is_new,
        waiting=not variant.is_out(now),
        note=for_whom(one.item.entry) if for_staff else None,
    )


def _sitemap_lines(site: Site, languages: Sequence[Language]) -> list[SitemapLine]:
    paths = {one.variant.locale: site.base_url + one.entry.path(one.variant) for one in languages}
    several = len(paths) > 1
    urls = {locale: f"{path}?lang={locale}" if several else path for locale, path in paths.items()}
    others = list(urls.items()) if several else []
    return [SitemapLine(urls[one.variant.locale], one.variant.changed_at, others) for one in languages]


def _told(request: Request, site: Site, locale: Locale, template: str, page: object, *, media_type: str) -> Response:
    body = site.templates.render(locale, template, {"page": page})
    tag = etag(body)
    if same := not_modified(request, tag):
        return same
    return Response(body, media_type=f"{media_type}; charset=utf-8", headers={**FEED_FOR, "ETag": tag})
