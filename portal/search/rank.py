"""How well each entry answers a question: BM25 over weighted terms, word by word, and how much of the question it has.

A text's terms weigh more in its title and headings than in its body (BM25F: weights are added before they saturate).
A word counts by the share of its pairs that a text has, squared, so that 解約手続 found whole stands far above one that
only has 手続; and by the root of how many pairs it has, since pairs of one word do not come by chance. Pure: it is
given the places of the terms, and everything is an array with a number for each entry.

Robertson, Zaragoza: The Probabilistic Relevance Framework: BM25 and Beyond (2009), sections 3.1 and 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from portal.search.postings import Places
from portal.search.question import Word

SATURATION: Final = 1.2
LENGTH_COUNTS: Final = 0.4
BODY_WEIGHS: Final = 2.0
WITHIN_ANOTHER: Final = 0.5
"""What is left of a katakana word that is only part of another: ロック in ブロック."""
WHOLE_WORD: Final = 0.5
GLUE: Final = 0.08
Points = NDArray[np.float32]


@dataclass(frozen=True)
class Way:
    """One way for a text to have a word: by all of `terms`, or `least` a share of them.

    `whole` is the term of the word standing by itself; where a text `needs_whole` and lacks it, the rest counts less.
    """

    terms: tuple[str, ...]
    whole: str = ""
    needs_whole: bool = False
    least: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True)
class Sought:
    """A word of the question with every way to have it: as asked, by a synonym, as it was probably meant.

    `words` are the words of all these ways, for showing where a text has them.
    """

    ways: Sequence[Way]
    words: tuple[Word, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class Scores:
    """By an entry's number: `points` for how well it answers, `share` of the question that it has, 0 to 1."""

    points: Points
    share: Points


def norms_of(lengths: NDArray[np.float32]) -> Points:
    """What each entry's length takes from what its terms weigh."""
    average = float(lengths.mean()) if len(lengths) else 1.0
    return SATURATION * (1 - LENGTH_COUNTS + LENGTH_COUNTS * lengths / np.float32(max(average, 1.0)))


def score(
    sought: Sequence[Sought], glue: Sequence[str], places: Mapping[str, Places], norms: NDArray[np.float32]
) -> Scores:
    """Score every entry. Entries that have nothing of the question get 0."""
    count = len(norms)
    points, share = np.zeros(count, np.float32), np.zeros(count, np.float32)
    total = sum(one.weight for one in sought) or 1.0
    for one in sought:
        got, had = _word(one, places, norms)
        points += np.float32(one.weight) * got
        share += np.float32(one.weight / total) * had
    points *= np.float32(0.2) + np.float32(0.8) * share * share
    if glue and count:
        colour = np.zeros(count, np.float32)
        for term in glue:
            _add(colour, places.get(term), norms)
        points += np.float32(GLUE) * colour * (points > 0)
    return Scores(points, share)


def _word(one: Sought, places: Mapping[str, Places], norms: Points) -> tuple[Points, Points]:
    """The best of a word's ways for each entry, and the share of its terms that the entry has."""
    best, had = np.zeros(len(norms), np.float32), np.zeros(len(norms), np.float32)
    for way in one.ways:
        points, hits = np.zeros(len(norms), np.float32), np.zeros(len(norms), np.float32)
        for term in way.terms:
            found = places.get(term)
            _add(points, found, norms)
            if found is not None:
                hits[found.entries] += 1
        hits /= np.float32(len(way.terms))
        if way.least:
            hits[hits < np.float32(way.least)] = 0
        points *= np.float32(way.weight / math.sqrt(len(way.terms))) * hits * hits
        if way.whole and (found := places.get(way.whole)) is not None:
            if way.needs_whole:
                apart = np.full(len(norms), WITHIN_ANOTHER, np.float32)
                apart[found.entries] = 1
                points *= apart
            _add(points, found, norms, WHOLE_WORD * way.weight)
        hits *= np.float32(min(1.0, 0.5 + way.weight / 2))
        np.maximum(had, hits, out=had)
        np.maximum(best, points, out=best)
    return best, had


def _add(points: Points, found: Places | None, norms: Points, factor: float = 1.0) -> None:
    if found is None or not len(found.entries):
        return
    count, having = len(norms), len(found.entries)
    rarity = np.float32(math.log(1 + (count - having + 0.5) / (having + 0.5)))
    weight = found.weights / np.float32(BODY_WEIGHS)
    points[found.entries] += (
        np.float32(factor) * rarity * weight * np.float32(SATURATION + 1) / (weight + norms[found.entries])
    )
