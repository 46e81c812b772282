"""Files and studio together: a document that comes from a file is taken over with one click, and given back with one.

While the studio has it, `banso publish` leaves its file aside and says so. Given back, it is its file's again with the
next publication; what was written here stays in its history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml
from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from portal.content.files import digest_of
from portal.content.library import DOCUMENT, REVISION, VARIANT, changed
from portal.content.models import Document
from portal.kit.db import zone_of
from portal.kit.errors import Conflict
from portal.kit.i18n import Message
from portal.studio.front import MINUTES, Form, text_of
from portal.studio.manuscripts import document_of, file_of, languages, note_act, slug_in, writing
from portal.studio.models import Manuscript, Unsaved
from portal.studio.rules import Person


def fork(session: Session, *, key: str, person: Person, now: datetime) -> None:
    """From now on this document is written in the studio, in all its languages. Twice is as good as once."""
    document = document_of(session, key)
    if document.origin == "studio":
        return
    rows = session.execute(select(VARIANT).where(VARIANT.c.document_id == key, VARIANT.c.archived_at.is_(None))).all()
    if not rows:
        raise Conflict(Message("Nothing of this document is published any more, so there is nothing to take over."))
    session.execute(update(DOCUMENT).where(DOCUMENT.c.id == key).values(origin="studio", forked_at=now))
    for row in rows:
        revision_id, file, title = live(session, document, row, now=now)
        session.add(
            Manuscript(
                document_id=key,
                locale=row.locale,
                slug=slug_in(file),
                title=title,
                state="published",
                revision_id=revision_id,
                acting_at=row.unpublish_at,
                changed_at=now,
            )
        )
        session.flush()
        found = writing(session, key, row.locale)
        if found is not None:
            note_act(session, found, "fork", person=person, now=now)
    changed(session, now=now)


def unfork(session: Session, *, key: str, person: Person, now: datetime) -> None:
    """Give the document back to its file. `Conflict` where it was born here and has none."""
    document = document_of(session, key)
    if document.origin == "file":
        return
    if document.forked_at is None:
        raise Conflict(Message("This document was written here and has no file to go back to."))
    for locale in languages(session, key):
        found = writing(session, key, locale)
        if found is not None:
            note_act(session, found, "unfork", person=person, now=now)
    session.flush()
    session.execute(delete(Unsaved).where(col(Unsaved.document_id) == key))
    session.execute(delete(Manuscript).where(col(Manuscript.document_id) == key))
    session.execute(update(DOCUMENT).where(DOCUMENT.c.id == key).values(origin="file", forked_at=None))
    changed(session, now=now)


def live(session: Session, document: Document, row: Any, *, now: datetime) -> tuple[int, str, str]:
    """The revision readers have of a variant: its id, file and title. One is made of what was published before there
    were revisions."""
    if row.live_revision_id is not None:
        found = session.execute(
            select(*REVISION.c["id", "file", "title"]).where(REVISION.c.id == row.live_revision_id)
        ).one()
        return found.id, found.file, found.title
    file = file_of(document.kind, row.slug, row.locale)
    text = written_anew(session, document, row)
    values = {"document_id": document.id, "locale": row.locale, "number": 1, "file": file, "title": row.title}
    values |= {"text": text, "digest": digest_of(text), "how": "file", "note": "", "at": now}
    revision_id = session.execute(insert(REVISION).values(**values).returning(REVISION.c.id)).scalar_one()
    session.execute(update(VARIANT).where(VARIANT.c.id == row.id).values(live_revision_id=revision_id))
    return revision_id, file, row.title


def written_anew(session: Session, document: Document, row: Any) -> str:
    """The file of a variant, made from what is known of it."""
    zone = zone_of(session)

    def minute(at: datetime | None) -> str:
        return at.astimezone(zone).strftime(MINUTES) if at else ""

    form = Form(
        title=row.title,
        slug=row.slug,
        kind=document.kind,
        collection=document.collection_key,
        public="1" if document.is_public else "",
        audience=_yaml(document.audience),
        order="" if document.position is None else str(document.position),
        review_by=row.review_by.isoformat() if row.review_by else "",
        publish_at=minute(row.publish_at),
        unpublish_at=minute(row.unpublish_at),
        aliases="\n".join(row.aliases),
        body=row.source,
    )
    return text_of(form, base="", key=document.id, zone=zone)


def _yaml(audience: Mapping[str, Any] | None) -> str:
    return "" if audience is None else yaml.safe_dump(dict(audience), allow_unicode=True, sort_keys=False)
