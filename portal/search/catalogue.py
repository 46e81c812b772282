"""All that can be found, kept in memory under the state of the index: numbers to count with, titles to look through.

An entry's number is its place in the order of shelf, key and language, so that equal scores stand in one order on every
database. Postings are read as they are asked for and kept; texts stay in the database.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlmodel import Session

from portal.kit.i18n import LOCALES, Locale, as_locale
from portal.kit.prepared import Prepared
from portal.kit.sql import among
from portal.search.index import ENTRY, POSTING, STATE
from portal.search.lines import Lines
from portal.search.models import BLOCK
from portal.search.postings import Numbers, Places, PostingCache, unpacked
from portal.search.rank import norms_of
from portal.search.words import MARK_WORD

POSTINGS_KEPT: Final = 48 * 1024 * 1024
KEPT: Final = 2
NOTHING: Final = Places(np.zeros(0, np.int64), np.zeros(0, np.float32))
Mask = NDArray[np.bool_]
_ASK_TOKEN = Prepared(select(STATE.c.token))
_ASK_PLACES = Prepared(select(*POSTING.c["term", "block", "places"]).where(among(POSTING.c.term, "terms")))


@dataclass(frozen=True)
class Catalogue:
    """The index in one state. Everything is by an entry's number; `lists` are titles and readings to look through.

    `thing` says which one an entry is, `versions` for each thing which entry is it in a language, -1 for none.
    """

    token: str
    ids: Numbers
    shelves: Sequence[str]
    keys: Sequence[str]
    locales: Sequence[Locale]
    titles: Sequence[str]
    readings: Sequence[str]
    norms: NDArray[np.float32]
    thing: Numbers
    versions: Mapping[Locale, Numbers]
    lists: tuple[Lines, Lines] = field(repr=False)
    _numbers: Numbers = field(repr=False)
    _postings: PostingCache = field(repr=False)
    _vocabulary: list[Sequence[str]] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def of_thing(self, shelf: str, key: str) -> list[int]:
        """The entries of one thing, in whatever languages it is there."""
        wanted = (shelf, key)
        first = bisect_left(range(len(self)), wanted, key=self._named)
        return [
            number for number in range(first, min(first + len(LOCALES), len(self))) if self._named(number) == wanted
        ]

    def places(self, session: Session, terms: Collection[str]) -> dict[str, Places]:
        """Where each of `terms` is; those that are nowhere have no places."""
        found = {term: kept for term in terms if (kept := self._postings.get(term)) is not None}
        missing = [term for term in dict.fromkeys(terms) if term not in found]
        if missing:
            rows: dict[str, list[tuple[int, bytes]]] = {term: [] for term in missing}
            for term, block, places in _ASK_PLACES.all(session, {"terms": missing}):
                rows[term].append((block, places))
            for term, blocks in rows.items():
                found[term] = self._joined(sorted(blocks))
                self._postings.keep(term, found[term])
        return found

    def vocabulary(self, session: Session) -> Sequence[str]:
        """Every whole word in the index, folded, in order."""
        if not self._vocabulary:
            after = chr(ord(MARK_WORD) + 1)
            asked = select(POSTING.c.term).distinct().where(POSTING.c.term > MARK_WORD, POSTING.c.term < after)
            words = sorted(term.removeprefix(MARK_WORD) for term in session.connection().execute(asked).scalars())
            self._vocabulary.append(tuple(words))
        return self._vocabulary[0]

    def beginning_with(self, session: Session, character: str, limit: int) -> list[str]:
        """Terms that begin with one character, itself included."""
        asked = (
            select(POSTING.c.term)
            .distinct()
            .where(POSTING.c.term >= character, POSTING.c.term < chr(ord(character) + 1))
            .order_by(POSTING.c.term)
            .limit(limit)
        )
        return list(session.connection().execute(asked).scalars())

    def _named(self, number: int) -> tuple[str, str]:
        return self.shelves[number], self.keys[number]

    def _joined(self, blocks: Sequence[tuple[int, bytes]]) -> Places:
        if not blocks:
            return NOTHING
        entries, weights = [], []
        for block, packed in blocks:
            places, weighs = unpacked(packed)
            entries.append(places.astype(np.int64) + block * BLOCK)
            weights.append(weighs)
        numbers = self._numbers[np.concatenate(entries)]
        return Places(numbers, np.concatenate(weights).astype(np.float32))


_kept: dict[str, Catalogue] = {}
_lock = threading.Lock()


def token(session: Session) -> str:
    """The state of the index; empty where nothing was ever indexed."""
    found = _ASK_TOKEN.first(session, {})
    return found[0] if found else ""


def is_at_hand(session: Session) -> bool:
    """Whether the catalogue is in memory; reading it takes long enough to be done elsewhere than on the event loop."""
    return token(session) in _kept


def current(session: Session) -> Catalogue:
    """The index as this transaction sees it."""
    wanted = token(session)
    kept = _kept.get(wanted)
    if kept is None:
        kept = _load(session, wanted)
        with _lock:
            _kept[wanted] = kept
            while len(_kept) > KEPT:
                del _kept[next(iter(_kept))]
    return kept


def _load(session: Session, wanted: str) -> Catalogue:
    columns = ENTRY.c["id", "shelf", "key", "locale", "title", "reading", "length"]
    rows = sorted(session.connection().execute(select(*columns)), key=lambda row: (row.shelf, row.key, row.locale))
    ids = np.array([row.id for row in rows], np.int64)
    numbers = np.full(int(ids.max(initial=0)) + 1, -1, np.int64)
    numbers[ids] = np.arange(len(rows))
    things: dict[tuple[str, str], int] = {}
    thing = np.array([things.setdefault((row.shelf, row.key), len(things)) for row in rows], np.int64)
    versions = {locale: np.full(len(things), -1, np.int64) for locale in LOCALES}
    for number, row in enumerate(rows):
        versions[as_locale(row.locale)][thing[number]] = number
    return Catalogue(
        token=wanted,
        ids=ids,
        shelves=[row.shelf for row in rows],
        keys=[row.key for row in rows],
        locales=[as_locale(row.locale) for row in rows],
        titles=[row.title for row in rows],
        readings=[row.reading for row in rows],
        norms=norms_of(np.array([row.length for row in rows], np.float32)),
        thing=thing,
        versions=versions,
        lists=(Lines([row.title for row in rows]), Lines([row.reading for row in rows])),
        _numbers=numbers,
        _postings=PostingCache(POSTINGS_KEPT),
    )
