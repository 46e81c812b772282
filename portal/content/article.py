"""The page of an article, put together from what was kept: the article itself, and the frame around it.

A page is read far more often than anything in it changes. The article's part is the same for all who may read it, and
written by its template once; the frame around it is kept for each reader (`kit.frames`). Neither holds a right: whether
a reader may have the page is decided before, each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import yaml
from markupsafe import Markup

from portal.content.library import Entry
from portal.content.service import Article, Item
from portal.kit.i18n import Locale, Message
from portal.kit.memory import Recent
from portal.kit.web import Site

PARTS_KEPT = 500
KINDS = {
    "faq": Message("Question and answer"),
    "case_study": Message("Case study"),
    "release_note": Message("What is new"),
}


@dataclass(frozen=True)
class ArticlePart:
    """What `content/_article.html` shows: nothing that differs from one reader to the next behind the same wall.

    `lang` is the language of the text, `foreign` whether the reader's is another.
    """

    title: str
    html: Markup
    toc: Sequence[tuple[int, str, str]]
    lang: Locale
    foreign: bool
    kind: Message | None
    shelf: str
    shelf_href: str
    updated_at: datetime
    previous: tuple[str, str] | None
    following: tuple[str, str] | None
    translations: Sequence[tuple[Locale, str]]
    related: Sequence[tuple[str, str]]
    note: Message | None
    answers_href: str
    comes_out_at: datetime | None


@dataclass(frozen=True)
class ArticlePage:
    """What `content/article.html` shows: the article's part, and what is the reader's own around it.

    `about` is for search engines and for pages that show a link to it, so it is empty for whoever is signed in.
    `canonical` is its one address in this language; `in_ja` and `in_en` are those of both, empty where there is only
    one. `reading_url` is where a member's browser says that the article was read, after so many
    `seconds`; `feedback_url` where readers say whether this `revision` helped. Both are empty for those not asked.
    """

    title: str
    about: str
    article: str
    lang: str
    canonical: str
    in_ja: str
    in_en: str
    reading_url: str
    seconds: str
    feedback_url: str
    revision: str


def write_part(
    found: Article, *, site: Site, locale: Locale, now: datetime, for_staff: bool
) -> tuple[tuple[object, ...], Markup]:
    """The article's part, and before it everything it was made of."""
    variant = found.item.variant
    made_of = (
        *(found.edition, variant.id, variant.is_out(now), locale, for_staff),
        *(path_of(found.previous), path_of(found.following), now.year, site.zone.key),
        tuple(path_of(item) for item in found.related),
    )

    def write() -> Markup:
        part = _part_of(found, locale, now, for_staff=for_staff)
        return Markup(site.templates.render(locale, "content/_article.html", {"page": part}))  # noqa: S704 - our template

    return made_of, _parts.get(made_of, write)


_parts: Recent[tuple[object, ...], Markup] = Recent(PARTS_KEPT)


def _part_of(found: Article, locale: Locale, now: datetime, *, for_staff: bool) -> ArticlePart:
    entry, variant = found.item.entry, found.item.variant
    return ArticlePart(
        title=variant.title,
        html=found.body.html,
        toc=found.body.toc,
        lang=variant.locale,
        foreign=variant.locale != locale,
        kind=KINDS.get(entry.kind),
        shelf=title_of(found.shelf.title, found.shelf.key, locale),
        shelf_href=f"/manuals#{found.shelf.key}",
        updated_at=variant.changed_at,
        previous=path_of(found.previous),
        following=path_of(found.following),
        translations=[(item.variant.locale, in_language(item)) for item in found.translations],
        related=[(item.variant.title, item.path) for item in found.related],
        note=for_whom(entry) if for_staff else None,
        answers_href=f"/staff/content/feedback?document={entry.id}" if for_staff else "",
        comes_out_at=None if variant.is_out(now) else variant.publish_at,
    )


def for_whom(entry: Entry) -> Message:
    """Who sees it, for staff, in the words of the file."""
    if entry.audience_said is not None:
        said = yaml.safe_dump(dict(entry.audience_said), default_flow_style=True, allow_unicode=True, width=1000)
        return Message("for: %(condition)s", condition=said.strip().removeprefix("{").removesuffix("}"))
    return Message("for: everyone, without signing in") if entry.is_public else Message("for: every signed-in member")


def title_of(titles: Mapping[str, str], key: str, locale: Locale) -> str:
    """The title of a shelf, its key where nobody gave it one."""
    return titles.get(locale) or next(iter(titles.values()), key)


def in_language(item: Item) -> str:
    """Where the document is in the language of `item`, whoever looks."""
    return f"{item.path}?lang={item.variant.locale}"


def path_of(item: Item | None) -> tuple[str, str] | None:
    """A neighbour as the pager shows it: its title and where it is."""
    return (item.variant.title, item.path) if item else None
