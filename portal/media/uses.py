"""Where media are shown, and so who may see them: whoever may see something that shows them.

What shows media is the business of the rooms above. Each opens a door here for its own kind of thing: it says whether
one of the places is visible to a reader, and writes its pages anew when a medium was replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, insert, select
from sqlmodel import Session, col

from portal.accounts.viewers import AnyViewer
from portal.media.models import Media, MediaUse

PREFIX = "/media/"
Place = tuple[str, str]
"""The key of what shows a medium, and the part of it."""
Admits = Callable[[Session, AnyViewer | None, Collection[Place], datetime, ZoneInfo], bool]
Renew = Callable[[Session, Collection[Place], datetime], None]


@dataclass(frozen=True)
class Door:
    """What a room says of the things of its kind."""

    admits: Admits
    renew: Renew


_doors: dict[str, Door] = {}


def open_door(kind: str, door: Door) -> None:
    """From now on `door` speaks for everything of `kind`; opening it twice counts once."""
    _doors[kind] = door


def admits(session: Session, viewer: AnyViewer | None, key: str, *, now: datetime, zone: ZoneInfo) -> bool:
    """Whether `viewer` may see the medium: staff every one, others what something shows that they may see."""
    if viewer is not None and viewer.kind == "staff":
        return True
    return any(
        kind in _doors and _doors[kind].admits(session, viewer, places, now, zone)
        for kind, places in places_of(session, key).items()
    )


def renew(session: Session, key: str, *, now: datetime) -> None:
    """Everything that shows the medium is written anew: it is another from this transaction on."""
    for kind, places in places_of(session, key).items():
        if kind in _doors:
            _doors[kind].renew(session, places, now)


def places_of(session: Session, key: str) -> dict[str, list[Place]]:
    """Every place that shows the medium, by kind."""
    found: dict[str, list[Place]] = {}
    rows = session.execute(
        select(col(MediaUse.kind), col(MediaUse.owner), col(MediaUse.part))
        .where(col(MediaUse.media_key) == key)
        .order_by(col(MediaUse.kind), col(MediaUse.owner), col(MediaUse.part))
    )
    for kind, owner, part in rows:
        found.setdefault(kind, []).append((owner, part))
    return found


def note_uses(session: Session, kind: str, shown: Mapping[Place, Iterable[str | None]]) -> None:
    """Each of these places shows exactly the media among these addresses. What names none that there is, is no use."""
    if not shown:
        return
    wanted = {place: {key for url in urls if (key := key_of(url))} for place, urls in shown.items()}
    for place in wanted:
        session.execute(delete(MediaUse).where(_is(kind, place)))
    named = {key for keys in wanted.values() for key in keys}
    there = set(session.execute(select(col(Media.key)).where(col(Media.key).in_(named))).scalars()) if named else set()
    rows = [
        {"kind": kind, "owner": owner, "part": part, "media_key": key}
        for (owner, part), keys in wanted.items()
        for key in sorted(keys & there)
    ]
    if rows:
        session.execute(insert(MediaUse), rows)


def forget_uses(session: Session, kind: str, places: Iterable[Place]) -> None:
    """These places show nothing any more."""
    for place in places:
        session.execute(delete(MediaUse).where(_is(kind, place)))


def key_of(url: str | None) -> str | None:
    """The key in the address of a medium; None in any other address."""
    if url is None or not url.startswith(PREFIX):
        return None
    return url.removeprefix(PREFIX).partition("/")[0] or None


def _is(kind: str, place: Place) -> ColumnElement[bool]:
    owner, part = place
    return (col(MediaUse.kind) == kind) & (col(MediaUse.owner) == owner) & (col(MediaUse.part) == part)
