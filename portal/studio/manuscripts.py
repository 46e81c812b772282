"""Manuscripts and their texts in the database: finding them, and setting down a new text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlmodel import Session, col

from portal.content.files import DocumentFile, digest_of, parse_document
from portal.content.library import COLLECTION, DOCUMENT, REVISION, VARIANT
from portal.content.models import Document, Revision
from portal.content.places import DOCUMENT_FOLDERS
from portal.kit.db import zone_of
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale, as_locale
from portal.studio.models import Manuscript, ManuscriptAct, Unsaved
from portal.studio.rules import Person, saved

Key = tuple[str, Locale]
FOLDERS: Mapping[str, str] = {kind: folder for folder, kind in DOCUMENT_FOLDERS.items()}


@dataclass(frozen=True)
class Writing:
    """A manuscript with its document and its newest text."""

    document: Document
    manuscript: Manuscript
    revision: Revision

    @property
    def key(self) -> Key:
        """Which one it is."""
        return self.document.id, as_locale(self.manuscript.locale)


def file_of(kind: str, slug: str, locale: str) -> str:
    """Where a text of this kind lies as a file."""
    return f"content/{FOLDERS[kind]}/{slug}.{locale}.md"


def kind_in(file: str) -> str:
    """The kind of what lies there."""
    return DOCUMENT_FOLDERS[file.split("/")[-2]]


def slug_in(file: str) -> str:
    """The slug of what lies there."""
    return file.rpartition("/")[2].rsplit(".", 2)[0]


def document_of(session: Session, key: str) -> Document:
    """The document; `NotFound` where there is none."""
    found = session.get(Document, key)
    if found is None:
        raise NotFound
    return found


def writing(session: Session, key: str, locale: Locale, *, lock: bool = False) -> Writing | None:
    """The manuscript of a document in one language, if the studio has one."""
    asked = (
        select(Document, Manuscript, Revision)
        .join(Manuscript, col(Manuscript.document_id) == col(Document.id))
        .join(Revision, col(Revision.id) == col(Manuscript.revision_id))
        .where(col(Document.id) == key, col(Manuscript.locale) == locale)
    )
    if lock:
        asked = asked.with_for_update(of=Manuscript)
    row = session.execute(asked).one_or_none()
    return Writing(row[0], row[1], row[2]) if row else None


def writing_for_change(session: Session, key: str, locale: Locale) -> Writing:
    """The manuscript, held until the transaction ends; `NotFound` where there is none."""
    found = writing(session, key, locale, lock=True)
    if found is None:
        raise NotFound
    return found


def live_text(session: Session, key: str, locale: Locale) -> Revision | None:
    """The text that readers have now; None where there is none, or it was published before there were revisions."""
    asked = (
        select(Revision)
        .join(VARIANT, VARIANT.c.live_revision_id == col(Revision.id))
        .where(VARIANT.c.document_id == key, VARIANT.c.locale == locale, VARIANT.c.archived_at.is_(None))
    )
    return session.execute(asked).scalar_one_or_none()


def languages(session: Session, key: str) -> Sequence[Locale]:
    """The languages the studio has a document in."""
    asked = select(col(Manuscript.locale)).where(col(Manuscript.document_id) == key).order_by(col(Manuscript.locale))
    return [as_locale(one) for one in session.execute(asked).scalars()]


def parsed(session: Session, revision: Revision) -> DocumentFile:
    """What a text says. Raises `FileProblems` where it is no document, which no saved text is."""
    return parse_document(revision.text, file=revision.file, zone=zone_of(session))


def set_down(
    session: Session,
    *,
    key: str,
    locale: Locale,
    file: str,
    text: str,
    title: str,
    how: str,
    person: Person,
    now: datetime,
    note: str = "",
    translated_from: int | None = None,
) -> Revision:
    """A new revision, and the manuscript that has it as its newest text."""
    last = select(func.max(REVISION.c.number)).where(REVISION.c.document_id == key, REVISION.c.locale == locale)
    revision = Revision(
        document_id=key,
        locale=locale,
        number=(session.execute(last).scalar() or 0) + 1,
        file=file,
        title=title,
        text=text,
        digest=digest_of(text),
        how=how,
        by=person.name,
        staff_id=person.id or None,
        note=note,
        at=now,
        translated_from_id=translated_from,
    )
    session.add(revision)
    session.flush()
    found = writing(session, key, locale)
    manuscript = found.manuscript if found else _first_of(revision)
    manuscript.slug, manuscript.title, manuscript.changed_at = slug_in(file), title, now
    manuscript.revision_id = revision.id or 0
    if how != "shared":
        manuscript.state = saved(manuscript.state)
        manuscript.written_by = person.id or None
        manuscript.acting_at = None
    session.add(manuscript)
    session.flush()
    return revision


def _first_of(revision: Revision) -> Manuscript:
    return Manuscript(
        document_id=revision.document_id,
        locale=revision.locale,
        slug=slug_in(revision.file),
        title=revision.title,
        revision_id=revision.id or 0,
        changed_at=revision.at,
    )


def note_act(
    session: Session, found: Writing, act: str, *, person: Person | None, now: datetime, note: str = ""
) -> None:
    """Put on record what was done with a text, and by whom; None is the clock."""
    session.add(
        ManuscriptAct(
            document_id=found.document.id,
            locale=found.manuscript.locale,
            act=act,
            revision_id=found.revision.id,
            staff_id=person.id if person else None,
            by=person.name if person else "",
            note=note,
            at=now,
        )
    )


def acts_of(session: Session, key: str, locale: Locale, *, limit: int = 20) -> Sequence[ManuscriptAct]:
    """What was done with a manuscript, newest first."""
    asked = (
        select(ManuscriptAct)
        .where(col(ManuscriptAct.document_id) == key, col(ManuscriptAct.locale) == locale)
        .order_by(col(ManuscriptAct.id).desc())
        .limit(limit)
    )
    return session.execute(asked).scalars().all()


def forget_unsaved(session: Session, *, key: str, locale: Locale, staff_id: int) -> None:
    """What this person had typed is saved, or not wanted any more."""
    session.execute(
        delete(Unsaved).where(
            col(Unsaved.document_id) == key, col(Unsaved.locale) == locale, col(Unsaved.staff_id) == staff_id
        )
    )


def ensure_collection(session: Session, key: str) -> None:
    """A collection comes into being by being named."""
    if session.execute(select(COLLECTION.c.key).where(COLLECTION.c.key == key)).first() is None:
        session.execute(insert(COLLECTION).values(key=key, title={}, position=None))


def is_taken(session: Session, file: str, *, key: str) -> bool:
    """Whether another document lies at `file`, as a manuscript or in the library."""
    kind, slug, locale = kind_in(file), slug_in(file), file.rsplit(".", 2)[1]
    written = (
        select(col(Manuscript.id))
        .join(Revision, col(Revision.id) == col(Manuscript.revision_id))
        .where(col(Revision.file) == file, col(Manuscript.document_id) != key)
    )
    out = (
        select(VARIANT.c.id)
        .join(DOCUMENT, DOCUMENT.c.id == VARIANT.c.document_id)
        .where(
            *(VARIANT.c.slug == slug, VARIANT.c.locale == locale, VARIANT.c.document_id != key),
            *(DOCUMENT.c.kind == kind, VARIANT.c.archived_at.is_(None)),
        )
    )
    return session.execute(written.limit(1)).first() is not None or session.execute(out.limit(1)).first() is not None
