"""From files to the library: rendered once, all or nothing, unchanged documents left alone.

Three acts, so that the database's one writer is held only for the last: `state` reads what is there, `prepare` renders
what differs from it (pure, and long), `apply` writes it down in one transaction. Publishing the same files twice
changes nothing; a file that is gone is archived and comes back as it was; an address once given out leads on for ever.
The studio publishes some documents by the same three acts, so that what is true of one is true of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session

from portal.content import indexing
from portal.content.files import CollectionFile, digest_of
from portal.content.library import COLLECTION, DOCUMENT, EDITION, FORMER, REVISION, VARIANT, changed
from portal.content.prepare import RENDERING, Prepared, PreparedVariant, VariantKey, toc_of
from portal.content.related import ask_for_related
from portal.kit.errors import Conflict
from portal.kit.files import Problem
from portal.kit.i18n import Message
from portal.media.uses import note_uses
from portal.search.index import Text as IndexText


@dataclass
class Summary:
    """What a publish did, variant by variant: an id and a language each."""

    added: list[VariantKey] = field(default_factory=list)
    changed: list[VariantKey] = field(default_factory=list)
    unchanged: list[VariantKey] = field(default_factory=list)
    archived: list[VariantKey] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def changed_anything(self) -> bool:
        """Whether readers may find the library other than before."""
        return bool(self.added or self.changed or self.archived)


def apply(
    session: Session, prepared: Prepared, *, now: datetime, from_studio: Mapping[VariantKey, int] | None = None
) -> Summary:
    """Write down what was prepared; the library afterwards is what the files say and what the studio made.

    `from_studio` is given by the studio, which publishes the documents in `prepared` and leaves all others alone: the
    revision that each of them was rendered from.
    Raises `Conflict` where someone else published in the meantime and what was skipped as unchanged no longer is.
    """
    session.execute(select(EDITION.c.id).with_for_update()).all()
    summary = Summary(warnings=list(prepared.warnings))
    documents = {row.id: row for row in session.execute(select(DOCUMENT))}
    origin = "file" if from_studio is None else "studio"
    of_others = {key for key, row in documents.items() if row.origin != origin}
    wanted = [variant for variant in prepared.variants if variant.file.id not in of_others]
    summary.warnings.extend(
        Problem(variant.file.file, 1, _belongs_to_the_studio(variant))
        for variant in prepared.variants
        if variant.file.id in of_others
    )
    reordered = _put_collections(session, prepared, wanted, summary)
    moved = _put_documents(session, documents, wanted, origin=origin, now=now)
    known = {(row.document_id, row.locale): row for row in session.execute(_KNOWN)}
    revisions = Revisions(session, from_studio, now=now)
    for variant in wanted:
        row = known.get(variant.key)
        revision = revisions.of(variant, row)
        if row is None:
            _add(session, variant, revision, now=now)
            summary.added.append(variant.key)
        elif row.archived_at is not None:
            _change(session, variant, row, revision, now=now)
            summary.added.append(variant.key)
        elif _change(session, variant, row, revision, now=now) or variant.file.id in moved:
            summary.changed.append(variant.key)
        else:
            summary.unchanged.append(variant.key)
    fresh = {*summary.added, *summary.changed}
    note_uses(session, "document", {one.key: one.text.links.values() for one in wanted if one.key in fresh})
    if from_studio is None:
        here = {variant.key for variant in wanted}
        gone = [row for key, row in known.items() if key not in here and key[0] not in of_others]
        summary.archived = _archive(session, [row for row in gone if row.archived_at is None], here, now=now)
    indexing.put(session, [entry for variant in wanted if (entry := _for_the_index(variant)) is not None])
    indexing.take_out(session, summary.archived)
    if reordered or summary.changed_anything:
        ask_for_related(session, changed(session, now=now), now=now)
    return summary


class Revisions:
    """The revision each variant is published from: the studio's own, or one made here of a file that changed."""

    def __init__(self, session: Session, from_studio: Mapping[VariantKey, int] | None, *, now: datetime) -> None:
        self._session = session
        self._given = from_studio
        self._now = now
        self._numbers: dict[tuple[str, str], int] | None = None

    def of(self, variant: PreparedVariant, row: Any) -> int:
        """Its id. A file whose bytes are those of the live revision makes none."""
        if self._given is not None:
            return self._given[variant.key]
        digest = digest_of(variant.file.text)
        if row is not None and (row.live_file, row.live_digest) == (variant.file.file, digest):
            return int(row.live_revision_id)
        values = {"document_id": variant.file.id, "locale": variant.file.locale, "number": self._next(variant.key)}
        values |= {"file": variant.file.file, "title": variant.file.title, "text": variant.file.text}
        values |= {"digest": digest, "how": "file", "note": "", "at": self._now}
        added = self._session.execute(insert(REVISION).values(**values).returning(REVISION.c.id))
        return int(added.scalar_one())

    def _next(self, key: VariantKey) -> int:
        if self._numbers is None:
            last = func.max(REVISION.c.number)
            of = REVISION.c["document_id", "locale"]
            counted = select(*of, last).group_by(*of)
            self._numbers = {(row[0], row[1]): row[2] for row in self._session.execute(counted)}
        self._numbers[key] = self._numbers.get(key, 0) + 1
        return self._numbers[key]


_KNOWN = select(
    *(column for column in VARIANT.c if column.name not in ("source", "html", "text", "toc")),
    REVISION.c.file.label("live_file"),
    REVISION.c.digest.label("live_digest"),
).outerjoin(REVISION, REVISION.c.id == VARIANT.c.live_revision_id)


def _belongs_to_the_studio(variant: PreparedVariant) -> Message:
    return Message("“%(id)s” was taken over in the studio; this file is left aside", id=variant.file.id)


def _put_collections(session: Session, prepared: Prepared, wanted: Iterable[PreparedVariant], summary: Summary) -> bool:
    """Every collection that is named exists, titled and placed as its file says. Whether one that was there changed.

    Where they were arranged in the studio, that stands, and the file is left aside.
    """
    there = {row.key: row for row in session.execute(select(COLLECTION))}
    arranged = any(row.arranged_at is not None for row in there.values())
    if arranged and any(_differs(there[one.key], _said(one)) for one in prepared.collections if one.key in there):
        said_so = Message("the collections were arranged in the studio; this file is left aside")
        summary.warnings.append(Problem("content/collections.yml", 1, said_so))
    said: dict[str, dict[str, Any]] = {variant.file.collection: {"title": {}, "position": None} for variant in wanted}
    said |= {one.key: _said(one) for one in prepared.collections}
    reordered = False
    for key, values in said.items():
        if key not in there:
            session.execute(insert(COLLECTION).values(key=key, **values))
        elif not arranged and prepared.whole and _differs(there[key], values):
            session.execute(update(COLLECTION).where(COLLECTION.c.key == key).values(**values))
            reordered = True
    return reordered


def _said(collection: CollectionFile) -> dict[str, Any]:
    return {"title": dict(collection.title), "position": collection.position}


def _put_documents(
    session: Session, there: Mapping[str, Any], wanted: Iterable[PreparedVariant], *, origin: str, now: datetime
) -> set[str]:
    """Every document stands where its files say. The ids of those that were there and stood otherwise."""
    moved = set()
    files = {variant.file.id: variant.file for variant in wanted}
    orders = {variant.file.id: variant.file.order for variant in wanted if variant.file.order is not None}
    for file in files.values():
        values = {
            "kind": file.kind,
            "collection_key": file.collection,
            "position": orders.get(file.id),
            "is_public": file.public,
            "audience": file.audience,
            "archived_at": None,
        }
        row = there.get(file.id)
        if row is None:
            session.execute(insert(DOCUMENT).values(id=file.id, origin=origin, created_at=now, **values))
        elif _differs(row, values):
            session.execute(update(DOCUMENT).where(DOCUMENT.c.id == file.id).values(**values))
            moved.add(file.id)
    return moved


def _add(session: Session, variant: PreparedVariant, revision: int, *, now: datetime) -> None:
    _take_slug(session, variant)
    values = {**_values(variant), **_rendered(variant), "revision": 1, "updated_at": now, "published_at": now}
    values["live_revision_id"] = revision
    session.execute(insert(VARIANT).values(document_id=variant.file.id, locale=variant.file.locale, **values))


def _change(session: Session, variant: PreparedVariant, row: Any, revision: int, *, now: datetime) -> bool:
    """Bring one variant to what its file says; whether readers find it otherwise."""
    values = _values(variant)
    if not _differs(row, values):
        if row.live_revision_id != revision:
            session.execute(update(VARIANT).where(VARIANT.c.id == row.id).values(live_revision_id=revision))
        return False
    values["live_revision_id"] = revision
    if any(_differs(row, {name: values[name]}) for name in ("digest", "rendering", "links")):
        values |= {**_rendered(variant), "revision": row.revision + 1}
    if row.digest != variant.text.digest:
        values["updated_at"] = now
    if row.slug != variant.file.slug:
        _take_slug(session, variant)
        _give_up_slug(session, row, now=now)
    session.execute(update(VARIANT).where(VARIANT.c.id == row.id).values(**values))
    return True


def _for_the_index(variant: PreparedVariant) -> IndexText | None:
    if variant.words is None or variant.text.rendered is None:
        return None
    digest = indexing.digest_of(variant.text.digest, RENDERING)
    return IndexText(*variant.key, variant.file.title, variant.text.rendered.text, digest, variant.words)


def _values(variant: PreparedVariant) -> dict[str, Any]:
    file = variant.file
    return {
        "slug": file.slug,
        "title": file.title,
        "aliases": list(file.aliases),
        "publish_at": file.publish_at,
        "unpublish_at": file.unpublish_at,
        "review_by": file.review_by,
        "links": dict(variant.text.links),
        "digest": variant.text.digest,
        "rendering": RENDERING,
        "archived_at": None,
    }


def _rendered(variant: PreparedVariant) -> dict[str, Any]:
    rendered = variant.text.rendered
    if rendered is None:
        raise Conflict(Message("The library was changed while this was being prepared. Please publish again."))
    return {"source": variant.file.body, "html": rendered.html, "text": rendered.text, "toc": toc_of(rendered)}


def _take_slug(session: Session, variant: PreparedVariant) -> None:
    """The slug is in use from now on, so it leads nowhere else."""
    taken = (FORMER.c.locale == variant.file.locale) & (FORMER.c.slug == variant.file.slug)
    session.execute(delete(FORMER).where(taken))


def _give_up_slug(session: Session, row: Any, *, now: datetime) -> None:
    session.execute(delete(FORMER).where((FORMER.c.locale == row.locale) & (FORMER.c.slug == row.slug)))
    session.execute(
        insert(FORMER).values(locale=row.locale, slug=row.slug, document_id=row.document_id, given_up_at=now)
    )


def withdraw(session: Session, keys: Iterable[VariantKey], *, now: datetime) -> list[VariantKey]:
    """Take these variants out of the library, wherever they came from; which of them were in it.

    They stay in the database, and come back as they were when they are published again.
    """
    wanted = set(keys)
    ids = {key for key, _ in wanted}
    held = select(*VARIANT.c["id", "document_id", "locale"]).where(VARIANT.c.archived_at.is_(None))
    rows = session.execute(held.where(VARIANT.c.document_id.in_(ids))).all()
    gone = [row for row in rows if (row.document_id, row.locale) in wanted]
    staying = {(row.document_id, row.locale) for row in rows} - wanted
    done = _archive(session, gone, staying, now=now)
    if done:
        indexing.take_out(session, done)
        changed(session, now=now)
    return done


def _archive(session: Session, gone: list[Any], here: set[VariantKey], *, now: datetime) -> list[VariantKey]:
    """Put away the rows `gone` of variants; a document of which nothing is in `here` goes with its last language."""
    if not gone:
        return []
    session.execute(update(VARIANT).where(VARIANT.c.id.in_([row.id for row in gone])).values(archived_at=now))
    lost = {row.document_id for row in gone} - {document_id for document_id, _ in here}
    session.execute(update(DOCUMENT).where(DOCUMENT.c.id.in_(lost)).values(archived_at=now))
    return [(row.document_id, row.locale) for row in gone]


def _differs(row: Any, values: Mapping[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in values.items())
