"""What the library says of the media its documents show: who may see them, and that a replaced one is shown at once.

A medium is visible through a document in the languages that show it, and through nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_, update
from sqlmodel import Session

from portal.accounts.viewers import AnyViewer
from portal.content.library import DOCUMENT, VARIANT, changed, current
from portal.content.places import DOCUMENT_FOLDERS
from portal.content.prepare import RENDERING, render_text, toc_of
from portal.content.readers import reader_of
from portal.content.wall import Wall
from portal.media.service import every
from portal.media.shelf import Shelf
from portal.media.uses import Door, Place, note_uses

KIND = "document"
FOLDERS = {kind: f"content/{folder}" for folder, kind in DOCUMENT_FOLDERS.items()}


def admits(
    session: Session, viewer: AnyViewer | None, places: Collection[Place], now: datetime, zone: ZoneInfo
) -> bool:
    """Whether one of these documents, in one of these languages, is visible to `viewer`."""
    library = current(session)
    wall = Wall(session, reader_of(viewer), now=now, zone=zone)
    return any(
        entry is not None and locale in wall.languages(entry)
        for entry, locale in ((library.entries.get(document), locale) for document, locale in places)
    )


def renew(session: Session, places: Collection[Place], now: datetime) -> None:
    """Render these texts again, from what they were written in and with their links as they are: some 8 ms each."""
    shelf = Shelf(every(session))
    rows = session.execute(
        select(
            *VARIANT.c["id", "document_id", "locale", "title", "source", "html", "links", "revision"], DOCUMENT.c.kind
        )
        .join(DOCUMENT, DOCUMENT.c.id == VARIANT.c.document_id)
        .where(tuple_(VARIANT.c.document_id, VARIANT.c.locale).in_(list(places)))
    ).all()
    renewed = False
    for row in rows:
        text = render_text(
            row.title, row.source, known=None, resolve=row.links.get, media=shelf.finder(FOLDERS[row.kind])
        )
        rendered = text.rendered
        if rendered is None or rendered.html == row.html:
            continue
        session.execute(
            update(VARIANT)
            .where(VARIANT.c.id == row.id)
            .values(
                html=rendered.html,
                text=rendered.text,
                toc=toc_of(rendered),
                links=dict(text.links),
                rendering=RENDERING,
                revision=row.revision + 1,
            )
        )
        note_uses(session, KIND, {(row.document_id, row.locale): text.links.values()})
        renewed = True
    if renewed:
        changed(session, now=now)


DOOR = Door(admits, renew)
