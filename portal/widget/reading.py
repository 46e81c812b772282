"""Help inside the product: finding a document of the library and reading it in place, behind the reader's own wall."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.content.readers import Reader
from portal.content.service import Moved, open_article, shelves
from portal.kit.dates import iso
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale
from portal.kit.memory import Recent
from portal.widget.tree import Node, tree_of

MOST = 20
QUERY_CHARS = 200
TREES_KEPT = 200


@dataclass(frozen=True)
class Found:
    """A document that answers a search."""

    key: str
    title: str
    shelf: str
    url: str


def find_documents(
    session: Session, reader: Reader, query: str, *, locale: Locale, now: datetime, zone: ZoneInfo, base_url: str
) -> Sequence[Found]:
    """Documents whose title has every word of `query`, those that begin with it first; without a query, the first ones.

    The one place where the widget searches.
    """
    words = _folded(query[:QUERY_CHARS]).split()
    found: list[tuple[bool, int, Found]] = []
    for view in shelves(session, reader, locale=locale, now=now, zone=zone):
        shelf = view.shelf.title.get(locale) or next(iter(view.shelf.title.values()), view.shelf.key)
        for item in view.items:
            title = _folded(item.variant.title)
            if all(word in title for word in words):
                begins = bool(words) and title.startswith(words[0])
                one = Found(item.entry.id, item.variant.title, shelf, base_url + item.path)
                found.append((not begins, len(found), one))
    return [one for _, _, one in sorted(found, key=lambda place: place[:2])[:MOST]]


def read_document(
    session: Session, reader: Reader, key: str, *, locale: Locale, now: datetime, zone: ZoneInfo, base_url: str
) -> dict[str, Any]:
    """The document `key` (or a name it had) as JSON values; `NotFound` past the wall."""
    found = open_article(session, reader, key=key, slug=None, locale=locale, now=now, zone=zone)
    if isinstance(found, Moved):
        _, _, key, slug = found.path.split("/", 3)
        found = open_article(session, reader, key=key, slug=unquote(slug), locale=locale, now=now, zone=zone)
    if isinstance(found, Moved):
        raise NotFound
    variant = found.item.variant
    return {
        "key": found.item.entry.id,
        "title": variant.title,
        "lang": variant.locale,
        "updated_at": iso(variant.changed_at),
        "url": base_url + found.item.path,
        "read_after": found.body.seconds,
        "body": _trees.get((found.edition, variant.id), lambda: tree_of(str(found.body.html))),
    }


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


_trees: Recent[tuple[str, int], list[Node]] = Recent(TREES_KEPT)
