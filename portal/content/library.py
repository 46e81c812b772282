"""The library as it stands, kept in memory: what there is, where it is, in which order.

Every request asks the database one cheap thing, the edition's token; titles, addresses and rendered bodies are kept
under it. Whom a document is *for* is part of what is kept, as a rule; whether the rule holds for a reader never is
(see `wall`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import structlog
from markupsafe import Markup
from sqlalchemy import func, insert, select, update
from sqlmodel import Session

from portal.conditions.model import Condition
from portal.conditions.parse import ConditionProblems, parse
from portal.content.models import Edition
from portal.content.rules import EXCERPT, LEAST_SECONDS, beginning, seconds_to_read
from portal.kit.i18n import Locale, as_locale
from portal.kit.markdown.media import has_players
from portal.kit.memory import Recent
from portal.kit.prepared import Prepared
from portal.kit.rows import Row
from portal.kit.secrets import new_token

EDITIONS_KEPT = 8
BODIES_KEPT = 500
DEEPEST_HEADING = 3
NOTHING_YET = "nothing yet"

EDITION, COLLECTION, DOCUMENT, REVISION, VARIANT, FORMER, RELATED = (
    Row.metadata.tables[name]
    for name in (
        *("library_edition", "collection", "document"),
        *("document_revision", "document_variant", "former_slug", "document_related"),
    )
)
ASK_TOKEN = Prepared(select(EDITION.c.token))
log = structlog.get_logger()


@dataclass(frozen=True)
class Variant:
    """A document in one language, without its body."""

    id: int
    locale: Locale
    slug: str
    title: str
    revision: int
    updated_at: datetime
    publish_at: datetime | None
    unpublish_at: datetime | None

    @cached_property
    def quoted(self) -> str:
        """The slug as it stands in an address."""
        return quote(self.slug)

    def is_out(self, now: datetime) -> bool:
        """Whether its time has come, and has not passed."""
        begun = self.publish_at is None or self.publish_at <= now
        return begun and (self.unpublish_at is None or now < self.unpublish_at)

    @property
    def changed_at(self) -> datetime:
        """When readers could last find something new in it."""
        return max(self.updated_at, self.publish_at) if self.publish_at else self.updated_at


@dataclass(frozen=True)
class Entry:
    """A document as the library lists it. `audience_said` is the condition as it was written.

    `related` are the ids of what else may help, the best first; whether a reader may see them is not decided here.
    """

    id: str
    kind: str
    collection: str
    is_public: bool
    audience: Condition | None
    audience_said: Mapping[str, Any] | None
    variants: Mapping[Locale, Variant]
    related: tuple[str, ...] = ()

    def path(self, shown: Variant) -> str:
        """The one address of this document in the language of `shown`."""
        return f"/manuals/{self.id}/{shown.quoted}"


@dataclass(frozen=True)
class Shelf:
    """A collection with all its documents, in their order."""

    key: str
    title: Mapping[str, str]
    entries: tuple[Entry, ...]

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each document stands among `entries`, by its id."""
        return {entry.id: place for place, entry in enumerate(self.entries)}


@dataclass(frozen=True)
class Body:
    """What a page shows of a variant, rendered when it was published. `toc` is its headings: level, id, words.

    `seconds` is how long it takes to have read it, `has_players` whether it can play films of other sites, and
    `about` how it begins.
    """

    html: Markup
    toc: tuple[tuple[int, str, str], ...]
    seconds: int = LEAST_SECONDS
    has_players: bool = False
    about: str = ""


@dataclass(frozen=True)
class Library:
    """One edition of the library. `addresses` leads from every alias, slug and former slug to a document's id."""

    token: str
    shelves: tuple[Shelf, ...]
    entries: Mapping[str, Entry]
    addresses: Mapping[str, str]

    def find(self, key: str) -> Entry | None:
        """The document `key` names: an id, else an alias, a slug, or a slug it once had."""
        return self.entries.get(key) or self.entries.get(self.addresses.get(key, ""))

    def shelf_of(self, entry: Entry) -> Shelf:
        """The shelf `entry` stands on."""
        return next(shelf for shelf in self.shelves if shelf.key == entry.collection)


_editions: Recent[str, Library] = Recent(EDITIONS_KEPT)
_bodies: Recent[tuple[str, int], Body] = Recent(BODIES_KEPT)


def current(session: Session) -> Library:
    """The library as this transaction sees it."""
    found = ASK_TOKEN.first(session, {})
    if found is None:
        return Library(NOTHING_YET, (), {}, {})
    token: str = found[0]
    return _editions.get(token, lambda: _load(session, token))


def changed(session: Session, *, now: datetime) -> str:
    """The library is another from this transaction on; its new token. Whoever changes anything in it says so."""
    token = new_token(size=16)
    result = session.execute(update(Edition).values(token=token, changed_at=now).returning(EDITION.c.id))
    if result.first() is None:
        session.execute(insert(Edition).values(id=1, token=token, changed_at=now))
    return token


def body(session: Session, library: Library, shown: Variant) -> Body:
    """The rendered body of a variant of `library`, from memory where it was read before."""

    def read() -> Body:
        asked = select(
            *VARIANT.c["html", "toc"],
            func.length(VARIANT.c.text).label("characters"),
            func.substr(VARIANT.c.text, 1, EXCERPT + 1).label("beginning"),
        )
        row = session.execute(asked.where(VARIANT.c.id == shown.id)).one()
        toc = tuple((part["level"], part["id"], part["text"]) for part in row.toc if part["level"] <= DEEPEST_HEADING)
        seconds = seconds_to_read(row.characters, shown.locale)
        html = Markup(row.html)  # noqa: S704 - sanitised when it was rendered (kit.markdown)
        return Body(html, toc, seconds, has_players(html), beginning(row.beginning))

    return _bodies.get((library.token, shown.id), read)


def _load(session: Session, token: str) -> Library:
    connection = session.connection()
    titles = {
        row.key: (row.position, row.title)
        for row in connection.execute(select(*COLLECTION.c["key", "title", "position"]))
    }
    variants: dict[str, dict[Locale, Variant]] = {}
    slugs: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for row in connection.execute(
        select(
            *VARIANT.c[
                *("id", "document_id", "locale", "slug", "title", "revision"),
                *("updated_at", "publish_at", "unpublish_at", "aliases"),
            ]
        )
        .where(VARIANT.c.archived_at.is_(None))
        .order_by(VARIANT.c.document_id, VARIANT.c.locale)
    ):
        locale = as_locale(row.locale)
        variants.setdefault(row.document_id, {})[locale] = Variant(
            *(row.id, locale, row.slug, row.title, row.revision),
            *(row.updated_at, row.publish_at, row.unpublish_at),
        )
        slugs.setdefault(row.slug, row.document_id)
        aliases.update(dict.fromkeys(row.aliases, row.document_id))
    related: dict[str, list[str]] = {}
    for row in connection.execute(select(RELATED).order_by(RELATED.c.document_id, RELATED.c.position)):
        related.setdefault(row.document_id, []).append(row.related_id)
    entries = _entries(connection.execute(_DOCUMENTS), variants, related)
    former = {
        row.slug: row.document_id
        for row in connection.execute(select(FORMER).order_by(FORMER.c.given_up_at, FORMER.c.locale.desc()))
    }
    # What is in use now goes before what was given up, wherever both have the same name.
    addresses = {name: key for name, key in {**former, **aliases, **slugs}.items() if key in entries}
    shelves = [
        Shelf(
            key, title or {"ja": key, "en": key}, tuple(entry for entry in entries.values() if entry.collection == key)
        )
        for key, (_, title) in sorted(titles.items(), key=lambda item: (item[1][0] is None, item[1][0] or 0, item[0]))
    ]
    return Library(token, tuple(shelf for shelf in shelves if shelf.entries), entries, addresses)


_DOCUMENTS = (
    select(*DOCUMENT.c["id", "kind", "collection_key", "position", "is_public", "audience"])
    .where(DOCUMENT.c.archived_at.is_(None))
    .order_by(DOCUMENT.c.position.is_(None), DOCUMENT.c.position, DOCUMENT.c.id)
)


def _entries(
    rows: Iterable[Any], variants: Mapping[str, Mapping[Locale, Variant]], related: Mapping[str, Sequence[str]]
) -> dict[str, Entry]:
    entries = {}
    for row in rows:
        if row.id not in variants:
            continue
        try:
            audience = None if row.audience is None else parse(row.audience, level="member")
        except ConditionProblems as error:
            # A rule nobody can read any more must keep a document in, never let it out.
            log.error("document left out: its audience cannot be read", document=row.id, error=str(error))
            continue
        entries[row.id] = Entry(
            id=row.id,
            kind=row.kind,
            collection=row.collection_key,
            is_public=row.is_public,
            audience=audience,
            audience_said=row.audience,
            variants=variants[row.id],
            related=tuple(related.get(row.id, ())),
        )
    return entries
