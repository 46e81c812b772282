"""What one reader may see of the index, as a mask over its entries: the library's own wall, asked once for each
audience.

A library has thousands of documents and a handful of audiences. So which documents share an audience is worked out once
for an edition, and a search asks the wall only whether the reader is in each of them. An entry the library does not
know (any more) is seen by nobody: the index is never what lets a document out.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from portal.content import indexing as documents
from portal.content.library import Entry, Library
from portal.content.library import current as library_of
from portal.content.readers import Reader
from portal.content.wall import Wall
from portal.search import catalogue as index
from portal.search.catalogue import Catalogue, Mask
from portal.search.postings import Numbers
from portal.tutorials import indexing as tutorials
from portal.tutorials.service import within

KEPT: Final = 2
NOBODY: Final = -1
TUTORIAL: Final = "tutorial"


@dataclass(frozen=True)
class Gates:
    """How the entries of one state of the index stand in one edition of the library, by an entry's number.

    `newest` are the numbers of those the library knows, by when readers could last find something new in them.
    `gate` is the place of its audience in `audiences`, each given by one document that has it; `opens` the instant it
    comes out, in seconds; `kind` and `shelf` the places of its kind and collection in `kinds` and `shelves`.
    """

    audiences: Sequence[Entry]
    gate: Numbers
    opens: NDArray[np.float64]
    newest: Numbers
    kinds: Sequence[str]
    kind: Numbers
    shelves: Sequence[str]
    shelf: Numbers
    tutorials: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Sight:
    """One reader before the index: everything a search needs, of one moment. `tutorials` are titles by key."""

    catalogue: Catalogue
    library: Library
    gates: Gates
    visible: Mask
    tutorials: Mapping[str, Mapping[str, str]]
    wall: Wall


def sight_of(session: Session, reader: Reader, *, now: datetime, zone: ZoneInfo) -> Sight:
    """What `reader` may see now."""
    catalogue, library = index.current(session), library_of(session)
    gates = _gates(catalogue, library)
    wall = Wall(session, reader, now=now, zone=zone)
    is_for = np.array([wall.is_for(entry) for entry in gates.audiences] + [False])  # the last is NOBODY's
    visible = is_for[gates.gate]
    if reader.kind != "staff":
        visible &= gates.opens <= now.timestamp()
    open_tutorials = within(session, wall)
    for key in open_tutorials.keys() & gates.tutorials.keys():
        visible[gates.tutorials[key]] = True
    return Sight(catalogue, library, gates, visible, open_tutorials, wall)


def is_at_hand(session: Session) -> bool:
    """Whether all of it is in memory."""
    return index.is_at_hand(session)


_kept: dict[tuple[str, str], Gates] = {}
_lock = threading.Lock()


def _gates(catalogue: Catalogue, library: Library) -> Gates:
    tokens = (catalogue.token, library.token)
    kept = _kept.get(tokens)
    if kept is None:
        kept = _made(catalogue, library)
        with _lock:
            _kept[tokens] = kept
            while len(_kept) > KEPT:
                del _kept[next(iter(_kept))]
    return kept


def _made(catalogue: Catalogue, library: Library) -> Gates:
    count = len(catalogue)
    gate, kind, shelf = (np.full(count, NOBODY, np.int64) for _ in range(3))
    opens, changes = np.full(count, np.inf), np.full(count, -np.inf)
    audiences: dict[tuple[bool, object], tuple[int, Entry]] = {}
    kinds: dict[str, int] = {}
    shelves: dict[str, int] = {}
    of_tutorials: dict[str, list[int]] = {}
    for number in range(count):
        key, locale = catalogue.keys[number], catalogue.locales[number]
        if catalogue.shelves[number] == tutorials.SHELF:
            of_tutorials.setdefault(key, []).append(number)
            kind[number] = kinds.setdefault(TUTORIAL, len(kinds))
            continue
        entry = library.entries.get(key) if catalogue.shelves[number] == documents.SHELF else None
        variant = entry.variants.get(locale) if entry else None
        if entry is None or variant is None:
            continue
        gate[number], _ = audiences.setdefault((entry.is_public, entry.audience), (len(audiences), entry))
        opens[number] = variant.publish_at.timestamp() if variant.publish_at else -np.inf
        changes[number] = variant.changed_at.timestamp()
        kind[number] = kinds.setdefault(entry.kind, len(kinds))
        shelf[number] = shelves.setdefault(entry.collection, len(shelves))
    order = np.argsort(-changes, kind="stable")
    return Gates(
        [entry for _, entry in audiences.values()],
        gate,
        opens,
        order[np.isfinite(changes[order])],
        tuple(kinds),
        kind,
        tuple(shelves),
        shelf,
        of_tutorials,
    )
