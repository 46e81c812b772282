"""What is done with media: kept, found, listed, replaced, put back, removed.

Replacing makes a new edition under the same key and has everything that shows it written anew in the same transaction.
Nothing here is lost at once: the former edition and what was removed stay until the nightly upkeep forgets them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, or_, select, update
from sqlmodel import Session, col

from portal.kit.db import Database
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import Message
from portal.media import blobs, uses
from portal.media.items import Item, Rendition, new_key
from portal.media.making import Made
from portal.media.models import Media, MediaBlob, MediaEdition, MediaRendition, MediaUse

KEPT = timedelta(days=30)
"""How long a former edition and a removed medium can be brought back."""
STRAY = timedelta(days=1)
MAX_ALT = 500


async def keep_files(database: Database, made: Made, *, now: datetime) -> None:
    """Keep the bytes of what was made, in transactions of their own; nothing shows them until it is saved."""
    for part in made.parts:
        with part.opened() as file:
            await blobs.keep_large(database, part.digest, file, size=part.size, now=now)


def keep_files_now(session: Session, made: Made, *, now: datetime) -> None:
    """The same within this transaction, for those who must have all or nothing."""
    for part in made.parts:
        with part.opened() as file:
            blobs.keep(session, part.digest, file, size=part.size, now=now)


def save(
    session: Session, made: Made, *, by: str, now: datetime, alt: str = "", key: str = "", path: str | None = None
) -> Item:
    """A new medium of what was made and whose bytes are kept."""
    key = key or new_key(made.name)
    row = {"kind": made.kind, "path": path, "alt": alt.strip()[:MAX_ALT], "created_at": now, "changed_at": now}
    session.execute(insert(Media).values(key=key, edition=1, removed_at=None, **row))
    _add_edition(session, key, 1, made, by=by, now=now)
    return find(session, key)


def replace(session: Session, key: str, made: Made, *, by: str, now: datetime, renewing: bool = True) -> Item:
    """Put what was made in the place of what `key` is, everywhere. `Conflict` where it is another kind of thing.

    Without `renewing` whoever calls sees to it that everything that shows it is written anew.
    """
    item = find(session, key, lock=True)
    if item.kind != made.kind:
        raise Conflict(Message("This is not the same kind of thing as what it is to replace. Nothing was changed."))
    if item.digest == made.digest:
        return item
    number = _next_edition(session, key)
    _add_edition(session, key, number, made, by=by, now=now)
    return _use_edition(session, key, number, now=now, renewing=renewing)


def put_back(session: Session, key: str, number: int, *, by: str, now: datetime) -> Item:
    """What the medium was in edition `number` is what it is again, everywhere. `NotFound` where that is forgotten."""
    find(session, key, lock=True)
    of = (col(MediaEdition.media_key) == key) & (col(MediaEdition.number) == number)
    found = session.execute(select(MediaEdition).where(of)).scalar_one_or_none()
    if found is None:
        raise NotFound
    fresh = _next_edition(session, key)
    session.add(MediaEdition(**{**found.model_dump(), "number": fresh, "made_at": now, "made_by": by}))
    files = select(MediaRendition).where(col(MediaRendition.media_key) == key, col(MediaRendition.edition) == number)
    for file in session.execute(files).scalars().all():
        session.add(MediaRendition(**{**file.model_dump(), "edition": fresh}))
    session.flush()
    return _use_edition(session, key, fresh, now=now)


def describe(session: Session, key: str, alt: str, *, now: datetime) -> Item:
    """What is said to those who cannot see it, where the text that shows it says nothing."""
    find(session, key, lock=True)
    session.execute(update(Media).where(col(Media.key) == key).values(alt=alt.strip()[:MAX_ALT], changed_at=now))
    uses.renew(session, key, now=now)
    return find(session, key)


def remove(session: Session, key: str, *, now: datetime) -> None:
    """Take a medium out of the lists. `Conflict` where something still shows it."""
    find(session, key, lock=True)
    if uses.places_of(session, key):
        raise Conflict(Message("This is still shown somewhere. Take it out of those texts first."))
    session.execute(update(Media).where(col(Media.key) == key).values(removed_at=now))


def bring_back(session: Session, key: str) -> Item:
    """Undo `remove`."""
    session.execute(update(Media).where(col(Media.key) == key).values(removed_at=None))
    return find(session, key)


def find(session: Session, key: str, *, lock: bool = False) -> Item:
    """The medium, removed or not; `NotFound` where there is none."""
    asked = _ITEMS.where(col(Media.key) == key)
    found = _items(session, asked.with_for_update(of=Media) if lock else asked)
    if not found:
        raise NotFound
    return found[0]


def every(session: Session) -> list[Item]:
    """All there is, what was removed included."""
    return _items(session, _ITEMS.order_by(col(Media.key)))


@dataclass(frozen=True)
class Listed:
    """A part of the list, how many there are in all, and how often each is shown."""

    items: Sequence[Item]
    total: int
    shown: dict[str, int]


def listed(
    session: Session, *, q: str = "", kind: str = "", unused: bool = False, removed: bool = False, skip: int, most: int
) -> Listed:
    """Media by what was changed last; `q` is looked for in names, descriptions and keys."""
    wanted: list[Any] = [col(Media.removed_at).is_not(None) if removed else col(Media.removed_at).is_(None)]
    if q.strip():
        like = "%" + re.sub(r"([%_\\])", r"\\\1", q.strip().lower()) + "%"
        texts = (col(MediaEdition.name), col(Media.alt), col(Media.key))
        wanted.append(or_(*(func.lower(text).like(like, escape="\\") for text in texts)))
    if kind:
        wanted.append(col(Media.kind) == kind)
    if unused:
        wanted.append(col(Media.key).not_in(select(col(MediaUse.media_key))))
    total = session.execute(select(func.count()).select_from(_ITEMS.where(*wanted).subquery())).scalar_one()
    order = (col(Media.changed_at).desc(), col(Media.key))
    items = _items(session, _ITEMS.where(*wanted).order_by(*order).offset(skip).limit(most))
    counted = (
        select(col(MediaUse.media_key), func.count(func.distinct(col(MediaUse.owner))))
        .where(col(MediaUse.media_key).in_([item.key for item in items]))
        .group_by(col(MediaUse.media_key))
    )
    return Listed(items, total, {row[0]: row[1] for row in session.execute(counted)})


def editions(session: Session, key: str) -> Sequence[MediaEdition]:
    """Every edition that can still be had, newest first."""
    asked = select(MediaEdition).where(col(MediaEdition.media_key) == key).order_by(col(MediaEdition.number).desc())
    return session.execute(asked).scalars().all()


def rendition(session: Session, item: Item, name: str) -> Rendition | None:
    """The file `name` of a medium as it is now."""
    blob = MediaBlob
    row = session.execute(
        select(col(MediaRendition.media_type), col(MediaRendition.width), col(blob.digest), col(blob.size))
        .join(blob, col(blob.digest) == col(MediaRendition.blob))
        .where(
            col(MediaRendition.media_key) == item.key,
            col(MediaRendition.edition) == item.edition,
            col(MediaRendition.name) == name,
        )
    ).one_or_none()
    return Rendition(name, row[0], row[1], row[2], row[3]) if row else None


def forget(session: Session, *, now: datetime) -> None:
    """The nightly upkeep: what was removed or replaced long ago goes, and the bytes that nothing uses any more."""
    past = now - KEPT
    session.execute(delete(Media).where(col(Media.removed_at) < past))
    current = select(col(Media.edition)).where(col(Media.key) == col(MediaEdition.media_key)).scalar_subquery()
    settled = select(col(Media.key)).where(col(Media.changed_at) < past)
    session.execute(
        delete(MediaEdition).where(col(MediaEdition.number) != current, col(MediaEdition.media_key).in_(settled))
    )
    there = select(col(MediaEdition.number)).where(col(MediaEdition.media_key) == col(MediaRendition.media_key))
    session.execute(delete(MediaRendition).where(col(MediaRendition.edition).not_in(there)))
    blobs.sweep(session, before=now - STRAY)


_ITEMS = select(Media, MediaEdition).join(
    MediaEdition,
    (col(MediaEdition.media_key) == col(Media.key)) & (col(MediaEdition.number) == col(Media.edition)),
)


def _items(session: Session, asked: Select[Media, MediaEdition]) -> list[Item]:
    rows = session.execute(asked.execution_options(populate_existing=True)).all()
    names: dict[tuple[str, int], list[tuple[str, int]]] = {}
    if rows:
        files = select(
            col(MediaRendition.media_key),
            col(MediaRendition.edition),
            col(MediaRendition.name),
            col(MediaRendition.width),
        )
        few = (
            files.where(col(MediaRendition.media_key).in_([media.key for media, _ in rows]))
            if len(rows) < 500
            else files
        )
        for key, edition, name, width in session.execute(few.order_by(col(MediaRendition.width))):
            names.setdefault((key, edition), []).append((name, width))
    return [_item(media, edition, names.get((media.key, edition.number), ())) for media, edition in rows]


def _item(media: Media, edition: MediaEdition, names: Iterable[tuple[str, int]]) -> Item:
    return Item(
        key=media.key,
        kind=media.kind,  # type: ignore[arg-type]  # a CHECK holds it to the three
        path=media.path,
        alt=media.alt,
        edition=edition.number,
        name=edition.name,
        digest=edition.digest,
        label=edition.label,
        width=edition.width,
        height=edition.height,
        is_animated=edition.is_animated,
        size=edition.size,
        changed_at=media.changed_at,
        removed_at=media.removed_at,
        names=tuple(names),
    )


def _add_edition(session: Session, key: str, number: int, made: Made, *, by: str, now: datetime) -> None:
    session.execute(
        insert(MediaEdition).values(
            media_key=key,
            number=number,
            name=made.name,
            digest=made.digest,
            label=made.label,
            width=made.width,
            height=made.height,
            is_animated=made.is_animated,
            size=made.size,
            made_at=now,
            made_by=by[:200],
        )
    )
    parts = [
        {
            "media_key": key,
            "edition": number,
            "name": part.name,
            "media_type": part.media_type,
            "width": part.width,
            "blob": part.digest,
        }
        for part in made.parts
    ]
    session.execute(insert(MediaRendition), parts)


def _next_edition(session: Session, key: str) -> int:
    newest = select(func.max(col(MediaEdition.number))).where(col(MediaEdition.media_key) == key)
    return int(session.execute(newest).scalar_one()) + 1


def _use_edition(session: Session, key: str, number: int, *, now: datetime, renewing: bool = True) -> Item:
    session.execute(update(Media).where(col(Media.key) == key).values(edition=number, changed_at=now, removed_at=None))
    if renewing:
        uses.renew(session, key, now=now)
    return find(session, key)
