"""What the editor is given: a text to write on, where it stands, and who else is at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from portal.content.models import Document, Revision
from portal.kit.db import zone_of
from portal.kit.errors import NotFound
from portal.kit.i18n import LOCALES, Locale
from portal.studio import rules
from portal.studio.front import Form, at_minute, form_of
from portal.studio.history import live_number
from portal.studio.listing import facets
from portal.studio.manuscripts import acts_of, kind_in, live_text, slug_in, writing
from portal.studio.models import ManuscriptAct, Unsaved
from portal.studio.releases import together
from portal.studio.rules import Person
from portal.studio.writing import others_at_work, unsaved_of


@dataclass(frozen=True)
class Opened:
    """A document in one language, opened by a person.

    `base` is the number of the revision that `form` shows; 0 where this language is begun, from `origin` of the other.
    `unsaved` is what the person had typed. `live` is the number of what readers have.
    """

    document: Document
    locale: Locale
    form: Form
    base: int
    state: str
    acting_at: datetime | None
    acts: tuple[str, ...]
    others: Sequence[tuple[str, datetime]]
    unsaved: Unsaved | None
    live: int | None
    record: Sequence[ManuscriptAct]
    collections: Sequence[tuple[str, str]]
    languages: Sequence[tuple[Locale, str]]
    origin: Revision | None
    release: tuple[int, str] | None
    publish_at: datetime | None
    saved_at: datetime | None
    saved_by: str


def open_text(session: Session, *, document: Document, locale: Locale, person: Person, now: datetime) -> Opened:
    """Open a document that is written here, in a language that it has or is to have. `NotFound` where it has none."""
    key = document.id
    found = writing(session, key, locale)
    written = [(other, one) for other in LOCALES if (one := writing(session, key, other)) is not None]
    if not written:
        raise NotFound
    origin = None if found else written[0][1].revision
    shown = found.revision if found else written[0][1].revision
    form = form_of(shown.text, slug=slug_in(shown.file), kind=kind_in(shown.file), zone=zone_of(session))
    state = found.manuscript.state if found else "draft"
    held = found.manuscript.release_id if found else None
    live = live_number(session, key, locale)
    acts = rules.offered(
        state, person=person, written_by=found.manuscript.written_by if found else person.id, is_out=live is not None
    )
    return Opened(
        document=document,
        locale=locale,
        form=form,
        base=found.revision.number if found else 0,
        state=state,
        acting_at=found.manuscript.acting_at if found else None,
        acts=acts if found else tuple(act for act in acts if act != "put_away"),
        others=others_at_work(session, key=key, locale=locale, person=person, now=now),
        unsaved=unsaved_of(session, key=key, locale=locale, person=person),
        live=live,
        record=acts_of(session, key, locale),
        collections=[(one, title.get(locale) or next(iter(title.values()), one)) for one, title in facets(session)],
        languages=[(other, one.manuscript.state) for other, one in written],
        origin=origin,
        publish_at=at_minute(form.publish_at, zone_of(session)),
        release=(held, together(session, held).release.title) if held else None,
        saved_at=found.revision.at if found else None,
        saved_by=(found.revision.by or "") if found else "",
    )


@dataclass(frozen=True)
class Filed:
    """A document that comes from a file, in one language, as readers have it."""

    document: Document
    locale: Locale
    revision: Revision
    form: Form
    languages: Sequence[Locale]


def open_file(session: Session, *, document: Document, locale: Locale) -> Filed:
    """Look at a document that comes from a file. `NotFound` where it is not published in this language."""
    texts = {other: live_text(session, document.id, other) for other in LOCALES}
    found = texts[locale]
    if found is None:
        raise NotFound
    form = form_of(found.text, slug=slug_in(found.file), kind=kind_in(found.file), zone=zone_of(session))
    return Filed(document, locale, found, form, [other for other, text in texts.items() if text is not None])
