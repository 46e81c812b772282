"""One reader's search: what answers, with the piece of each text that shows why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import select
from sqlmodel import Session

from portal.finding.sight import TUTORIAL, Sight
from portal.kit.i18n import Locale
from portal.kit.prepared import Prepared
from portal.kit.sql import among
from portal.search import service as search
from portal.search.excerpt import Marks, Part, excerpt, mark, marks
from portal.search.index import ENTRY
from portal.search.postings import Numbers, unfolded
from portal.search.question import normal
from portal.tutorials import indexing as tutorials

DEEPEST: Final = 1_000
"""So many results can be paged through; nobody reads on."""


@dataclass(frozen=True)
class Result:
    """A thing that answers. `locale` is the language it is shown in; `title` and `excerpt` come with their marks."""

    kind: str
    key: str
    collection: str
    locale: Locale
    path: str
    called: str
    title: Sequence[Part]
    excerpt: Sequence[Part]
    place: int


@dataclass(frozen=True)
class Answers:
    """What a search found. `total` counts within the filters, `kinds` and `collections` what each filter would leave.

    `meant` is what the question was corrected to, empty where it stands as it is; `normal` is the one way to write it.
    `in_pieces`: none of them has as much as half of the question.
    """

    normal: str
    meant: str
    total: int
    kinds: Mapping[str, int]
    collections: Mapping[str, int]
    results: Sequence[Result]
    in_pieces: bool = False


@dataclass(frozen=True)
class Piece:
    """Which of the answers are wanted: of a kind, in a collection, and so many of them from a place on."""

    kind: str = ""
    collection: str = ""
    limit: int = 10
    offset: int = 0


def find(session: Session, sight: Sight, *, asked: str, locale: Locale, part: Piece) -> Answers:
    """What answers `asked` among all that a reader may see now, the best first."""
    ranking = search.rank(session, sight.catalogue, asked, locale=locale, visible=sight.visible)
    gates, entries = sight.gates, ranking.entries
    of_kind = (
        gates.kind[entries] == gates.kinds.index(part.kind) if part.kind in gates.kinds else _all(entries, part.kind)
    )
    on_shelf = (
        gates.shelf[entries] == gates.shelves.index(part.collection)
        if part.collection in gates.shelves
        else _all(entries, part.collection)
    )
    chosen = entries[of_kind & on_shelf]
    shown = chosen[part.offset : min(part.offset + part.limit, DEEPEST)]
    wanted = marks(ranking.question.words, ranking.words)
    return Answers(
        normal=normal(asked),
        meant=ranking.meant,
        total=len(chosen),
        kinds=_counted(gates.kinds, gates.kind[entries[on_shelf]]),
        collections=_counted(gates.shelves, gates.shelf[entries[of_kind]]),
        results=_results(session, sight, shown, wanted, part.offset),
        in_pieces=ranking.in_pieces,
    )


def place_of(sight: Sight, number: int) -> tuple[str, str, str, str]:
    """What an entry is to its readers: kind, collection, title and address."""
    catalogue, key, locale = sight.catalogue, sight.catalogue.keys[number], sight.catalogue.locales[number]
    if catalogue.shelves[number] == tutorials.SHELF:
        titles = sight.tutorials[key]
        return TUTORIAL, "", titles.get(locale) or next(iter(titles.values())), f"/tutorials/{key}"
    entry = sight.library.entries[key]
    variant = entry.variants[locale]
    return entry.kind, entry.collection, variant.title, entry.path(variant)


def _all(entries: Numbers, filtered_by: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """A filter that is not set lets all through, one that names nothing lets none."""
    return np.full(len(entries), not filtered_by)


def _counted(names: Sequence[str], places: Numbers) -> dict[str, int]:
    counts = np.bincount(places[places >= 0], minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def _results(session: Session, sight: Sight, shown: Numbers, wanted: Marks, offset: int) -> list[Result]:
    if not len(shown):
        return []
    ids = {int(sight.catalogue.ids[number]): int(number) for number in shown}
    pieces = {
        ids[entry]: excerpt(text, unfolded(folded, jumps, len(text)), wanted)
        for entry, text, folded, jumps in _TEXTS.all(session, {"ids": list(ids)})
    }
    results = []
    for place, number in enumerate(map(int, shown), start=offset + 1):
        kind, collection, title, path = place_of(sight, number)
        results.append(
            Result(
                kind=kind,
                key=sight.catalogue.keys[number],
                collection=collection,
                locale=sight.catalogue.locales[number],
                path=path,
                called=title,
                title=mark(title, wanted),
                excerpt=pieces[number],
                place=place,
            )
        )
    return results


_TEXTS = Prepared(select(*ENTRY.c["id", "text", "folded", "jumps"]).where(among(ENTRY.c.id, "ids")))
