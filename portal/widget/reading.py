"""Help inside the product: finding a document of the library and reading it in place, behind the reader's own wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.content.readers import Reader
from portal.content.service import Moved, open_article, shelves
from portal.finding.service import Piece, find
from portal.finding.sight import TUTORIAL, sight_of
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
    """Documents that answer `query`, the best first; without one, the first of the library, in its order.

    The one place where the widget searches.
    """
    views = shelves(session, reader, locale=locale, now=now, zone=zone)
    called = {
        view.shelf.key: view.shelf.title.get(locale) or next(iter(view.shelf.title.values()), "") for view in views
    }
    if not query.strip():
        items = [(item, view.shelf.key) for view in views for item in view.items][:MOST]
        return [
            Found(item.entry.id, item.variant.title, called[shelf] or shelf, base_url + item.path)
            for item, shelf in items
        ]
    sight = sight_of(session, reader, now=now, zone=zone)
    answers = find(session, sight, asked=query[:QUERY_CHARS], locale=locale, part=Piece(limit=MOST))
    return [
        Found(one.key, one.called, called.get(one.collection) or one.collection, base_url + one.path)
        for one in answers.results
        if one.kind != TUTORIAL
    ]


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


_trees: Recent[tuple[str, int], list[Node]] = Recent(TREES_KEPT)
