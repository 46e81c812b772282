"""What was replaced throughout the library, taken back: each text as it was, where nobody has saved another since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from portal.content.library import VARIANT
from portal.content.models import Document, Revision
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import Locale, Message, as_locale
from portal.studio.forking import unfork
from portal.studio.manuscripts import Key, Writing, live_text, note_act, slug_in
from portal.studio.models import Manuscript, Replacement
from portal.studio.replacing import Done, may_write, standing
from portal.studio.rules import Person


def record_of(session: Session, record_id: int) -> Replacement:
    """What was replaced; `NotFound` where there is none of this id."""
    found = session.get(Replacement, record_id)
    if found is None:
        raise NotFound
    return found


def latest(session: Session, *, most: int = 10) -> Sequence[Replacement]:
    """What was replaced lately, newest first."""
    return session.execute(select(Replacement).order_by(col(Replacement.id).desc()).limit(most)).scalars().all()


def texts_of(session: Session, record: Replacement) -> list[tuple[str, str, Locale]]:
    """The texts it changed: title, where each is written, language."""
    ids = [one["after"] for one in record.changes]
    titles: dict[int, str] = {}
    for start in range(0, len(ids), 500):
        asked = select(col(Revision.id), col(Revision.title)).where(col(Revision.id).in_(ids[start : start + 500]))
        titles |= {row[0]: row[1] for row in session.execute(asked)}
    return [
        (
            titles.get(one["after"], one["document"]),
            f"/staff/content/{one['document']}/{one['locale']}",
            as_locale(one["locale"]),
        )
        for one in record.changes
    ]


def take_back(session: Session, record_id: int, *, person: Person, now: datetime) -> Done:
    """The texts as they were before, where nobody has saved another since; those that readers have of it are to be
    published again. `Conflict` where it was taken back already."""
    may_write(person)
    record = session.get(Replacement, record_id, with_for_update=True)
    if record is None:
        raise NotFound
    if record.undone_at is not None:
        raise Conflict(Message("This was taken back already."))
    record.undone_at, record.undone_by = now, person.name
    session.add(record)
    changed, to_publish, left = [], [], []
    for one in record.changes:
        key = (one["document"], as_locale(one["locale"]))
        found = standing(session, *key)
        if found is None or found.revision.id != one["after"]:
            left.append(found.revision.title if found else one["document"])
            continue
        if _put_back(session, found, one, person=person, now=now):
            to_publish.append(key)
        changed.append(key)
    session.flush()
    return Done(record_id, changed, to_publish, left)


def give_back_files(session: Session, record_id: int, *, person: Person, now: datetime) -> None:
    """What was taken over from files only for this, and reads again as its file does, is its file's again."""
    record = record_of(session, record_id)
    forked = {one["document"] for one in record.changes if one["forked"]}
    for key in sorted(forked):
        document = session.get(Document, key)
        if document is None or document.origin == "file":
            continue
        manuscripts = select(Manuscript).where(col(Manuscript.document_id) == key)
        texts = session.execute(manuscripts).scalars().all()
        live = {one.locale: live_text(session, key, as_locale(one.locale)) for one in texts}
        if all(one.state == "published" and _is_live(one, live[one.locale]) for one in texts):
            unfork(session, key=key, person=person, now=now)


def _put_back(session: Session, found: Writing, change: dict[str, Any], *, person: Person, now: datetime) -> bool:
    """The former text is the newest again, where it stood; whether readers have the other one still."""
    before = session.get_one(Revision, change["before"])
    live = live_text(session, *found.key)
    manuscript = found.manuscript
    manuscript.revision_id, manuscript.title, manuscript.slug = before.id or 0, before.title, slug_in(before.file)
    manuscript.changed_at = now
    was, is_out = change["state"], live is not None and live.id == change["after"]
    manuscript.acting_at = None
    if was == "published" and not is_out:
        manuscript.acting_at = _ends_at(session, found.key)
    # What was to come out at a time waits for somebody to say so again.
    manuscript.state = "approved" if was == "scheduled" or is_out else was
    session.add(manuscript)
    note_act(session, found, "restore", person=person, now=now, note=str(before.number))
    return is_out


def _ends_at(session: Session, key: Key) -> datetime | None:
    asked = select(VARIANT.c.unpublish_at).where(VARIANT.c.document_id == key[0], VARIANT.c.locale == key[1])
    found: datetime | None = session.execute(asked).scalar_one_or_none()
    return found


def _is_live(manuscript: Manuscript, live: Revision | None) -> bool:
    return live is not None and live.id == manuscript.revision_id
