"""Collections: what they are called, and in which order they stand.

Once they are arranged here, `content/collections.yml` is left aside, until they are given back to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session, col

from portal.content.front_matter import is_key
from portal.content.library import COLLECTION, changed
from portal.content.models import Document
from portal.kit.errors import Conflict, FieldProblem, Forbidden, Invalid, NotFound
from portal.kit.i18n import LOCALES, Message
from portal.studio.rules import Person

LONGEST_KEY = 64
LONGEST_TITLE = 200


@dataclass(frozen=True)
class Shelved:
    """A collection with how many documents are in it."""

    key: str
    title: Mapping[str, str]
    count: int
    is_arranged: bool


def collections(session: Session) -> list[Shelved]:
    """All collections, in their order."""
    counted = (
        select(col(Document.collection_key), func.count())
        .where(col(Document.archived_at).is_(None))
        .group_by(col(Document.collection_key))
    )
    counts: dict[str, int] = {row[0]: row[1] for row in session.execute(counted)}
    rows = session.execute(select(COLLECTION))
    ordered = sorted(rows, key=lambda row: (row.position is None, row.position or 0, row.key))
    return [Shelved(row.key, row.title, counts.get(row.key, 0), row.arranged_at is not None) for row in ordered]


def add(session: Session, *, key: str, title: Mapping[str, str], person: Person, now: datetime) -> None:
    """A new collection, the last. `Invalid` names every field at fault."""
    _may_write(person)
    key = key.strip()
    problems = _title_problems(title)
    if not is_key(key, LONGEST_KEY):
        said = Message("A key has small letters, digits, “-” and “_”, at most %(most)s of them.", most=LONGEST_KEY)
        problems.append(FieldProblem("key", "form", said))
    elif any(one.key == key for one in collections(session)):
        problems.append(FieldProblem("key", "taken", Message("There is a collection “%(key)s” already.", key=key)))
    if problems:
        raise Invalid(Message("This cannot be saved as it is."), problems=problems)
    session.execute(insert(COLLECTION).values(key=key, title=_said(title), position=None, arranged_at=now))
    _arrange(session, [one.key for one in collections(session)], now=now)


def rename(session: Session, *, key: str, title: Mapping[str, str], person: Person, now: datetime) -> None:
    """Call a collection otherwise; its key stays."""
    _may_write(person)
    if problems := _title_problems(title):
        raise Invalid(Message("This cannot be saved as it is."), problems=problems)
    done = session.execute(
        update(COLLECTION).where(COLLECTION.c.key == key).values(title=_said(title)).returning(COLLECTION.c.key)
    )
    if done.first() is None:
        raise NotFound
    _arrange(session, [one.key for one in collections(session)], now=now)


def reorder(session: Session, keys: Sequence[str], *, person: Person, now: datetime) -> None:
    """Put the collections into this order. What is not named, since somebody added it meanwhile, comes after."""
    _may_write(person)
    there = [one.key for one in collections(session)]
    wanted = [key for key in dict.fromkeys(keys) if key in there]
    _arrange(session, [*wanted, *(key for key in there if key not in wanted)], now=now)


def move(session: Session, *, key: str, by: int, person: Person, now: datetime) -> None:
    """Move one collection up (-1) or down (1)."""
    there = [one.key for one in collections(session)]
    if key not in there:
        raise NotFound
    place = there.index(key)
    there.insert(min(max(place + by, 0), len(there) - 1), there.pop(place))
    reorder(session, there, person=person, now=now)


def remove(session: Session, *, key: str, person: Person, now: datetime) -> None:
    """Take an empty collection away. `Conflict` where documents, archived ones too, are in it."""
    _may_write(person)
    used = select(col(Document.id)).where(col(Document.collection_key) == key).limit(1)
    if session.execute(used).first() is not None:
        raise Conflict(Message("There are documents in this collection, so it stays. Move them to another first."))
    session.execute(delete(COLLECTION).where(COLLECTION.c.key == key))
    changed(session, now=now)


def give_back(session: Session, *, person: Person, now: datetime) -> None:
    """From the next publication on `collections.yml` says again how they are called and where they stand."""
    _may_write(person)
    session.execute(update(COLLECTION).values(arranged_at=None))
    changed(session, now=now)


def _arrange(session: Session, keys: Sequence[str], *, now: datetime) -> None:
    for position, key in enumerate(keys):
        session.execute(update(COLLECTION).where(COLLECTION.c.key == key).values(position=position, arranged_at=now))
    changed(session, now=now)


def _said(title: Mapping[str, str]) -> dict[str, str]:
    return {locale: " ".join(text.split()) for locale in LOCALES if (text := title.get(locale, "")).strip()}


def _title_problems(title: Mapping[str, str]) -> list[FieldProblem]:
    said = Message("A title has 1 to %(most)s characters.", most=LONGEST_TITLE)
    if not _said(title):
        return [FieldProblem("title_ja", "missing", said)]
    return [
        FieldProblem(f"title_{locale}", "length", said)
        for locale, text in _said(title).items()
        if len(text) > LONGEST_TITLE
    ]


def _may_write(person: Person) -> None:
    if not person.may_write:
        raise Forbidden(Message("Your role lets you read here, and not change anything."))
