"""What readers do in the library: look at the shelves, open an article, have read it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.content.library import Body, Entry, Library, Shelf, Variant, body, current
from portal.content.readers import Reader
from portal.content.rules import was_read
from portal.content.wall import Wall
from portal.events.ingest import record
from portal.kit.clock import local_day
from portal.kit.errors import Invalid, NotFound
from portal.kit.i18n import Locale, Message

RELATED_SHOWN = 3


@dataclass(frozen=True)
class Item:
    """A document as one reader may have it."""

    entry: Entry
    variant: Variant

    @property
    def path(self) -> str:
        """Where it is."""
        return self.entry.path(self.variant)


@dataclass(frozen=True)
class ShelfView:
    """A collection with what one reader may see of it."""

    shelf: Shelf
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Article:
    """One document, opened: what a page of it needs and nothing a reader may not know.

    `translations` are the other languages, `related` what else may help; `edition` changes whenever anything in the
    library does.
    """

    item: Item
    shelf: Shelf
    body: Body
    previous: Item | None
    following: Item | None
    translations: tuple[Item, ...]
    related: tuple[Item, ...]
    edition: str


@dataclass(frozen=True)
class Moved:
    """The document is there, at another address."""

    path: str


def shelves(
    session: Session, reader: Reader, *, locale: Locale, now: datetime, zone: ZoneInfo
) -> tuple[ShelfView, ...]:
    """All that `reader` may see, by collection; a collection with nothing for them is not shown."""
    wall = Wall(session, reader, now=now, zone=zone)
    seen = ((shelf, _items(wall, shelf.entries, locale)) for shelf in current(session).shelves)
    return tuple(ShelfView(shelf, items) for shelf, items in seen if items)


def open_article(
    session: Session, reader: Reader, *, key: str, slug: str | None, locale: Locale, now: datetime, zone: ZoneInfo
) -> Article | Moved:
    """The document at `/manuals/{key}/{slug}`, or its right address where that is another.

    Raises `NotFound` for what does not exist and, no different, for what is not for `reader`. A right address never
    leads on: the one it says depends on nothing but what is there now.
    """
    library = current(session)
    wall = Wall(session, reader, now=now, zone=zone)
    found = library.find(key)
    variant = wall.choose(found, locale) if found else None
    if found is None or variant is None:
        raise NotFound
    item = Item(found, variant)
    if key != found.id or slug != variant.slug:
        return Moved(item.path)
    shelf = library.shelf_of(found)
    position = shelf.places[found.id]
    others = wall.languages(found)
    return Article(
        item=item,
        shelf=shelf,
        body=body(session, library, variant),
        previous=_first(wall, shelf.entries[:position][::-1], locale),
        following=_first(wall, shelf.entries[position + 1 :], locale),
        translations=tuple(Item(found, other) for other in others.values() if other is not variant),
        related=_related(wall, library, found, locale),
        edition=library.token,
    )


@dataclass(frozen=True)
class Sight:
    """What a browser saw of a reading: for how many seconds the page was in sight, and how much of it in %."""

    seconds: int
    depth: int


def record_reading(
    session: Session, reader: Reader, *, key: str, locale: Locale, sight: Sight | None, now: datetime, zone: ZoneInfo
) -> None:
    """A member has read the document: the event `article.read`, once a day for each. `NotFound` past the wall.

    Without a `sight` they said so themselves, which the event tells. Raises `Invalid` for a sight that is no reading.
    """
    library = current(session)
    entry = library.entries.get(key)
    variant = Wall(session, reader, now=now, zone=zone).choose(entry, locale) if entry else None
    if entry is None or variant is None:
        raise NotFound
    if reader.kind != "member":
        return
    said: dict[str, object] = {"how": "said"}
    if sight is not None:
        needed = body(session, library, variant).seconds
        if not was_read(seconds=sight.seconds, depth=sight.depth, needed=needed):
            raise Invalid(Message("This was not in sight for long enough to count as read."))
        said = {"how": "seen", "seconds": sight.seconds, "depth": sight.depth}
    once = f"{reader.member_id}/{entry.id}/{local_day(now, zone)}"
    record(
        session,
        account_id=reader.account_id,
        member_id=reader.member_id,
        name="article.read",
        at=now,
        properties={"document": entry.id, "locale": variant.locale, "revision": variant.revision, **said},
        message_id=f"article.read:{hashlib.sha256(once.encode()).hexdigest()[:40]}",
        now=now,
        zone=zone,
    )


def titles(library: Library, locale: Locale) -> dict[str, str]:
    """The title of every document by its id, for those who refer to one."""
    return {
        key: (entry.variants.get(locale) or next(iter(entry.variants.values()))).title
        for key, entry in library.entries.items()
    }


def _related(wall: Wall, library: Library, entry: Entry, locale: Locale) -> tuple[Item, ...]:
    """The best few of what is related that the reader may see: what they may not never takes a place."""
    there = (library.entries[key] for key in entry.related if key in library.entries)
    chosen = ((other, wall.choose(other, locale)) for other in there)
    return tuple(islice((Item(other, variant) for other, variant in chosen if variant is not None), RELATED_SHOWN))


def _items(wall: Wall, entries: tuple[Entry, ...], locale: Locale) -> tuple[Item, ...]:
    chosen = ((entry, wall.choose(entry, locale)) for entry in entries)
    return tuple(Item(entry, variant) for entry, variant in chosen if variant is not None)


def _first(wall: Wall, entries: tuple[Entry, ...], locale: Locale) -> Item | None:
    for entry in entries:
        variant = wall.choose(entry, locale)
        if variant is not None:
            return Item(entry, variant)
    return None
