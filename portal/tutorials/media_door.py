"""What tutorials say of the media their steps show; the twin of the library's door."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select, update
from sqlmodel import Session

from portal.accounts.viewers import AnyViewer
from portal.content.prepare import RENDERING, render_text
from portal.content.readers import reader_of
from portal.media.service import every
from portal.media.shelf import Shelf
from portal.media.uses import Door, Place, note_uses
from portal.tutorials.service import TEXT, visible_keys

KIND = "tutorial"


def admits(
    session: Session, viewer: AnyViewer | None, places: Collection[Place], now: datetime, zone: ZoneInfo
) -> bool:
    """Whether one of these tutorials is for `viewer`."""
    wanted = {key for key, _ in places}
    return bool(wanted & visible_keys(session, reader_of(viewer), wanted, now=now, zone=zone))


def renew(session: Session, places: Collection[Place], now: datetime) -> None:
    """Render these texts again with their links as they are."""
    shelf = Shelf(every(session))
    wanted = set(places)
    rows = session.execute(select(TEXT).where(TEXT.c.tutorial_key.in_({key for key, _ in wanted}))).all()
    for row in rows:
        place = (row.tutorial_key, f"{row.step_key}.{row.locale}")
        if place not in wanted:
            continue
        folder = f"tutorials/{row.tutorial_key}/steps"
        text = render_text("", row.source, known=None, resolve=row.links.get, media=shelf.finder(folder))
        if text.rendered is None or text.rendered.html == row.html:
            continue
        this = and_(
            TEXT.c.tutorial_key == row.tutorial_key, TEXT.c.step_key == row.step_key, TEXT.c.locale == row.locale
        )
        values = {"html": text.rendered.html, "text": text.rendered.text, "links": dict(text.links)}
        session.execute(update(TEXT).where(this).values(rendering=RENDERING, **values))
        note_uses(session, KIND, {place: text.links.values()})


DOOR = Door(admits, renew)
