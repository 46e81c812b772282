"""The list of everything the studio knows: one row a document, one cell a language, filtered, sorted and by pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Subquery, case, func, literal, or_, select, union_all
from sqlmodel import Session, col

from portal.content.library import COLLECTION, DOCUMENT, VARIANT
from portal.content.models import Document, Revision
from portal.kit.i18n import Locale, as_locale
from portal.kit.paging import Paged, page_at
from portal.studio.models import Manuscript

Sort = Literal["changed", "title", "kind", "collection"]
SORTS: tuple[Sort, ...] = ("changed", "title", "kind", "collection")
PER_PAGE = 50


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; "" is everything. `locale` narrows to documents that are there in it."""

    q: str = ""
    kind: str = ""
    collection: str = ""
    state: str = ""
    locale: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Cell:
    """A document in one language: where it stands. `is_live` where readers have some text of it."""

    title: str
    state: str
    changed_at: datetime
    acting_at: datetime | None
    is_live: bool


@dataclass(frozen=True)
class Listed:
    """One document of the list."""

    id: str
    kind: str
    collection: str
    origin: str
    is_forked: bool
    cells: Mapping[Locale, Cell]

    def title(self, locale: Locale) -> str:
        """Its title in `locale`, or in the language there is."""
        return (self.cells.get(locale) or next(iter(self.cells.values()))).title


@dataclass(frozen=True)
class Found(Paged):
    """One page of the list."""

    documents: Sequence[Listed]


def list_documents(
    session: Session,
    *,
    filters: Filters,
    locale: Locale,
    now: datetime,
    sort: Sort = "changed",
    descending: bool = True,
    page: int = 1,
    limit: int = PER_PAGE,
) -> Found:
    """The documents that fit `filters`; a page beyond the last gives the last."""
    cells = _cells(now)
    title = func.coalesce(func.max(case((cells.c.locale == locale, cells.c.title))), func.max(cells.c.title))
    keys: dict[str, Any] = {
        "changed": func.max(cells.c.changed_at),
        "title": title,
        "kind": col(Document.kind),
        "collection": col(Document.collection_key),
    }
    grouped = (
        select(col(Document.id), func.max(cells.c.changed_at))
        .join(cells, cells.c.document_id == col(Document.id))
        .where(*_conditions(filters, cells))
        .group_by(col(Document.id), col(Document.kind), col(Document.collection_key))
    )
    total = session.execute(select(func.count()).select_from(grouped.subquery())).scalar_one()
    place = page_at(page, total=total, limit=limit)
    key = keys[sort]
    ordered = grouped.order_by(key.desc() if descending else key.asc(), col(Document.id))
    ids = [row[0] for row in session.execute(ordered.offset(place.skip).limit(limit))]
    return Found(place.total, place.page, place.limit, _listed(session, ids, cells))


def facets(session: Session) -> Sequence[tuple[str, Mapping[str, str]]]:
    """The collections there are, with their titles, in their order."""
    rows = session.execute(select(*COLLECTION.c["key", "title", "position"]))
    ordered = sorted(rows, key=lambda row: (row.position is None, row.position or 0, row.key))
    return [(row.key, row.title) for row in ordered]


def _cells(now: datetime) -> Subquery:
    live = (
        select(VARIANT.c.id)
        .where(
            VARIANT.c.document_id == col(Manuscript.document_id),
            VARIANT.c.locale == col(Manuscript.locale),
            VARIANT.c.archived_at.is_(None),
        )
        .exists()
    )
    written = (
        select(
            col(Manuscript.document_id),
            col(Manuscript.locale),
            col(Manuscript.title),
            col(Manuscript.state),
            col(Manuscript.changed_at),
            col(Manuscript.acting_at),
            live.label("is_live"),
        )
        .join(Document, col(Document.id) == col(Manuscript.document_id))
        .where(col(Document.origin) == "studio")
    )
    filed = (
        select(
            VARIANT.c.document_id,
            VARIANT.c.locale,
            VARIANT.c.title,
            case((VARIANT.c.publish_at > now, literal("scheduled")), else_=literal("published")).label("state"),
            VARIANT.c.updated_at.label("changed_at"),
            VARIANT.c.publish_at.label("acting_at"),
            literal(True).label("is_live"),
        )
        .join(DOCUMENT, DOCUMENT.c.id == VARIANT.c.document_id)
        .where(DOCUMENT.c.origin == "file", VARIANT.c.archived_at.is_(None))
    )
    return union_all(written, filed).subquery("cell")


def _conditions(filters: Filters, cells: Subquery) -> list[ColumnElement[bool]]:
    exact = {
        col(Document.kind): filters.kind,
        col(Document.collection_key): filters.collection,
        col(Document.origin): filters.origin,
    }
    conditions = [column == value for column, value in exact.items() if value]
    if filters.state or filters.locale:
        wanted = select(cells.c.document_id)
        if filters.state:
            wanted = wanted.where(cells.c.state == filters.state)
        if filters.locale:
            wanted = wanted.where(cells.c.locale == filters.locale)
        conditions.append(col(Document.id).in_(wanted))
    for word in filters.q.split()[:8]:
        in_files = select(VARIANT.c.document_id).where(VARIANT.c.source.contains(word, autoescape=True))
        in_studio = (
            select(col(Manuscript.document_id))
            .join(Revision, col(Revision.id) == col(Manuscript.revision_id))
            .where(col(Revision.text).contains(word, autoescape=True))
        )
        titled = select(cells.c.document_id).where(func.lower(cells.c.title).contains(word.lower(), autoescape=True))
        conditions.append(
            or_(
                col(Document.id).contains(word.lower(), autoescape=True),
                *(col(Document.id).in_(one) for one in (titled, in_files, in_studio)),
            )
        )
    return conditions


def _listed(session: Session, ids: Sequence[str], cells: Subquery) -> list[Listed]:
    rows = session.execute(
        select(
            *(col(Document.id), col(Document.kind), col(Document.collection_key), col(Document.origin)),
            *(col(Document.forked_at), cells),
        )
        .join(cells, cells.c.document_id == col(Document.id))
        .where(col(Document.id).in_(ids))
        .order_by(cells.c.locale.desc())
    )
    documents: dict[str, Any] = {}
    found: dict[str, dict[Locale, Cell]] = {}
    for row in rows:
        documents[row.id] = row
        found.setdefault(row.id, {})[as_locale(row.locale)] = Cell(
            row.title, row.state, row.changed_at, row.acting_at, bool(row.is_live)
        )
    return [
        Listed(
            id=key,
            kind=documents[key].kind,
            collection=documents[key].collection_key,
            origin=documents[key].origin,
            is_forked=documents[key].forked_at is not None,
            cells=found[key],
        )
        for key in ids
        if key in documents
    ]
