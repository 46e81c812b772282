"""An import on record: what it brought in and what did not fit, to be read later, and the one act that takes it back.

Drafts that nobody has touched go, as if they had never been there, so that the same folder can be imported again. What
somebody has worked on since stays, and is named. Pictures that nothing else shows go to where removed media wait.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import delete, or_, select
from sqlmodel import Session, col

from portal.content.library import COLLECTION, DOCUMENT, REVISION, VARIANT
from portal.content.models import Document, Revision
from portal.kit.db import chunks
from portal.kit.errors import Conflict, Forbidden, NotFound
from portal.kit.files import Problem
from portal.kit.i18n import Locale, Message, as_locale, packed, unpacked
from portal.media import service as media
from portal.media.models import Media, MediaUse
from portal.studio.manuscripts import Key, Writing
from portal.studio.models import FolderImport, Manuscript, ManuscriptAct, TranslationMark, Unsaved
from portal.studio.rules import Person

MOST_NOTES: Final = 2_000
SHOWN = re.compile(r"\bmedia:([a-z0-9-]+)")
State = Literal["untouched", "changed", "gone"]


@dataclass(frozen=True)
class Draft:
    """A draft of an import: `title` as it is now, or was when it came, and what became of it."""

    key: str
    locale: Locale
    title: str
    state: State


@dataclass(frozen=True)
class TakenBack:
    """What went: drafts, collections and media; and the titles of what stays."""

    drafts: int
    collections: int
    media: int
    left: Sequence[str]


def note(
    session: Session,
    *,
    source: str,
    drafts: Sequence[tuple[Key, str, str, int]],
    collections: Sequence[str],
    media: Sequence[str],
    notes: Sequence[Problem],
    person: Person,
    now: datetime,
) -> int:
    """Put an import on record; its id. A draft is its key and title, the file it comes from, and the id of its text."""
    record = FolderImport(
        source=source[:200],
        drafts=[
            {"document": key, "locale": locale, "title": title, "file": file, "revision": revision}
            for (key, locale), title, file, revision in drafts
        ],
        collections=list(collections),
        media=list(media),
        notes=[[one.file, one.line, packed(one.message)] for one in notes[:MOST_NOTES]],
        noted=len(notes),
        by=person.name,
        at=now,
    )
    session.add(record)
    session.flush()
    return record.id or 0


def record_of(session: Session, record_id: int) -> FolderImport:
    """An import; `NotFound` where there is none of this id."""
    found = session.get(FolderImport, record_id)
    if found is None:
        raise NotFound
    return found


def latest(session: Session, *, most: int = 10) -> Sequence[FolderImport]:
    """What was imported lately, newest first."""
    return session.execute(select(FolderImport).order_by(col(FolderImport.id).desc()).limit(most)).scalars().all()


def notes_of(record: FolderImport) -> list[Problem]:
    """What did not fit, as it was said then."""
    return [Problem(file, line, unpacked(said)) for file, line, said in record.notes]


def drafts_of(session: Session, record: FolderImport) -> list[Draft]:
    """What became of its drafts."""
    found = []
    texts = _standing(session, record)
    touched = _touched(session, texts.values())
    for one in record.drafts:
        key: Key = (one["document"], as_locale(one["locale"]))
        standing = texts.get(key)
        title = standing.revision.title if standing else one["title"]
        state: State = "gone" if standing is None else "untouched"
        if standing is not None and (key in touched or standing.revision.id != one["revision"]):
            state = "changed"
        found.append(Draft(*key, title, state))
    return found


def take_back(session: Session, record_id: int, *, person: Person, now: datetime) -> TakenBack:
    """Everything it brought in goes, but for what somebody has worked on since.

    `Conflict` where that was done already.
    """
    if not person.may_write:
        raise Forbidden(Message("Your role lets you read here, and not change anything."))
    record = session.get(FolderImport, record_id, with_for_update=True)
    if record is None:
        raise NotFound
    if record.undone_at is not None:
        raise Conflict(Message("This was taken back already."))
    drafts = drafts_of(session, record)
    going = [(one.key, one.locale) for one in drafts if one.state == "untouched"]
    for key, locale in going:
        of = (col(Manuscript.document_id) == key) & (col(Manuscript.locale) == locale)
        session.execute(delete(Manuscript).where(of))
        session.execute(delete(REVISION).where(REVISION.c.document_id == key, REVISION.c.locale == locale))
    _forget_empty_documents(session, {key for key, _ in going})
    record.undone_at, record.undone_by = now, person.name
    left = [one.title for one in drafts if one.state == "changed"]
    record.left = left
    session.add(record)
    session.flush()
    return TakenBack(
        drafts=len(going),
        collections=_forget_empty_collections(session, record.collections),
        media=_remove_unshown(session, record.media, now=now),
        left=left,
    )


def _standing(session: Session, record: FolderImport) -> dict[Key, Writing]:
    """The drafts that are still there."""
    wanted = {(one["document"], as_locale(one["locale"])) for one in record.drafts}
    found: dict[Key, Writing] = {}
    for some in chunks(sorted({key for key, _ in wanted})):
        asked = (
            select(Document, Manuscript, Revision)
            .join(Manuscript, col(Manuscript.document_id) == col(Document.id))
            .join(Revision, col(Revision.id) == col(Manuscript.revision_id))
            .where(col(Document.id).in_(some))
        )
        texts = (Writing(row[0], row[1], row[2]) for row in session.execute(asked))
        found |= {one.key: one for one in texts if one.key in wanted}
    return found


def _touched(session: Session, texts: Collection[Writing]) -> set[Key]:
    """Those that somebody did something with, beside saving another text of them."""
    touched = {one.key for one in texts if one.manuscript.state != "draft" or one.manuscript.release_id is not None}
    keys = {one.key for one in texts}
    revisions = {one.revision.id or 0: one.key for one in texts}
    for some in chunks(sorted({key for key, _ in keys})):
        for table in (ManuscriptAct, Unsaved):
            asked = select(col(table.document_id), col(table.locale)).where(col(table.document_id).in_(some))
            touched |= {(row[0], as_locale(row[1])) for row in session.execute(asked)}
        out = select(*VARIANT.c["document_id", "locale"]).where(VARIANT.c.document_id.in_(some))
        touched |= {(row[0], as_locale(row[1])) for row in session.execute(out)}
    for part in chunks(sorted(revisions)):
        from_it = select(col(Revision.translated_from_id)).where(col(Revision.translated_from_id).in_(part))
        marked = select(col(TranslationMark.revision_id), col(TranslationMark.original_id)).where(
            or_(col(TranslationMark.revision_id).in_(part), col(TranslationMark.original_id).in_(part))
        )
        named = {row[0] for row in session.execute(from_it)}
        named |= {one for row in session.execute(marked) for one in row}
        touched |= {revisions[one] for one in named if one in revisions}
    return touched & keys


def _forget_empty_documents(session: Session, keys: Collection[str]) -> None:
    for some in chunks(sorted(keys)):
        written = select(col(Manuscript.document_id)).where(col(Manuscript.document_id).in_(some))
        out = select(VARIANT.c.document_id).where(VARIANT.c.document_id.in_(some))
        kept = set(session.execute(written).scalars()) | set(session.execute(out).scalars())
        session.execute(delete(DOCUMENT).where(DOCUMENT.c.id.in_([one for one in some if one not in kept])))


def _forget_empty_collections(session: Session, keys: Sequence[str]) -> int:
    """Those that nothing stands in and nobody arranged; how many."""
    if not keys:
        return 0
    full = set(session.execute(select(DOCUMENT.c.collection_key).where(DOCUMENT.c.collection_key.in_(keys))).scalars())
    empty = [key for key in keys if key not in full]
    gone = delete(COLLECTION).where(COLLECTION.c.key.in_(empty), COLLECTION.c.arranged_at.is_(None))
    return len(session.execute(gone.returning(COLLECTION.c.key)).all())


def _remove_unshown(session: Session, keys: Sequence[str], *, now: datetime) -> int:
    """Take out of the lists what nothing shows and nobody replaced; how many."""
    if not keys:
        return 0
    shown = set(session.execute(select(col(MediaUse.media_key)).where(col(MediaUse.media_key).in_(keys))).scalars())
    texts = (
        select(col(Revision.text))
        .join(Manuscript, col(Manuscript.revision_id) == col(Revision.id))
        .where(col(Revision.text).contains("media:"))
    )
    for text in session.execute(texts).scalars():
        shown |= set(SHOWN.findall(text))
    asked = select(col(Media.key)).where(
        col(Media.key).in_([key for key in keys if key not in shown]),
        *(col(Media.edition) == 1, col(Media.removed_at).is_(None)),
    )
    going = session.execute(asked).scalars().all()
    for key in going:
        media.remove(session, key, now=now)
    return len(going)
