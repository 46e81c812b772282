"""What a text was at any time: every save with who and when, and any of them brought back as a new one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.content.library import VARIANT
from portal.content.models import Revision
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale
from portal.studio.front import with_fields
from portal.studio.manuscripts import forget_unsaved, kind_in, note_act, set_down, writing_for_change
from portal.studio.rules import Person

AT_ONCE = 100


def revisions(session: Session, key: str, locale: Locale, *, before: int = 0) -> Sequence[Revision]:
    """The revisions, newest first, at most `AT_ONCE`; `before` gives those with a lower number."""
    asked = select(Revision).where(col(Revision.document_id) == key, col(Revision.locale) == locale)
    if before:
        asked = asked.where(col(Revision.number) < before)
    return session.execute(asked.order_by(col(Revision.number).desc()).limit(AT_ONCE)).scalars().all()


def revision_of(session: Session, key: str, locale: Locale, number: int) -> Revision:
    """One revision; `NotFound` where there is none of that number."""
    asked = select(Revision).where(
        col(Revision.document_id) == key, col(Revision.locale) == locale, col(Revision.number) == number
    )
    found: Revision | None = session.execute(asked).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def live_number(session: Session, key: str, locale: Locale) -> int | None:
    """Which of them readers have now."""
    asked = (
        select(col(Revision.number))
        .join(VARIANT, VARIANT.c.live_revision_id == col(Revision.id))
        .where(VARIANT.c.document_id == key, VARIANT.c.locale == locale, VARIANT.c.archived_at.is_(None))
    )
    return session.execute(asked).scalar_one_or_none()


def restore(session: Session, *, key: str, locale: Locale, number: int, person: Person, now: datetime) -> int:
    """The text of revision `number` as the newest one; its number. The address and the kind stay as they are now.

    What is the newest text already makes no new one.
    """
    found = writing_for_change(session, key, locale)
    old = revision_of(session, key, locale, number)
    kind = kind_in(found.revision.file)
    text = old.text if kind_in(old.file) == kind else with_fields(old.text, {"kind": kind})
    forget_unsaved(session, key=key, locale=locale, staff_id=person.id)
    if text == found.revision.text:
        return found.revision.number
    made = set_down(
        session,
        key=key,
        locale=locale,
        file=found.revision.file,
        text=text,
        title=old.title,
        how="restored",
        person=person,
        now=now,
        note=str(number),
        translated_from=old.translated_from_id,
    )
    note_act(session, found, "restore", person=person, now=now, note=str(number))
    return made.number
