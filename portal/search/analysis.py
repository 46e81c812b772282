"""What is written into the index of one text: its terms, each with how much it weighs there.

Pure, and the long half of indexing, so it is done before the database's one writer is held.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from portal.search import readings
from portal.search.fold import CJK, Folded, fold
from portal.search.words import (
    COMPOUND,
    JOINED,
    KATAKANA_WORD,
    LONGEST_TERM,
    MARK_VERB,
    MARK_WORD,
    RUN,
    SHORTEST_SPLIT,
    VERB,
    katakana_word,
    latin_terms,
    pairs,
)

ANALYSIS: Final = 1
"""Goes up when another index is made of the same text: the next publish then indexes everything anew."""

BODY, HEADING, READING, TITLE = 2, 4, 6, 9
"""What one occurrence weighs; a heading stands in the body too."""
HEAVIEST: Final = 65_535
LONGEST_TEXT: Final = 300_000
SHORTEST_WORD: Final = 3
_HAS_CJK = re.compile(f"[{CJK}]")


@dataclass(frozen=True)
class Analysed:
    """A text ready to be indexed. `title` and `reading` are folded; `length` counts the terms of the text."""

    title: str
    reading: str
    text: Folded
    weights: Mapping[str, int]
    length: int


def analyse(title: str, text: str, *, headings: Iterable[str] = ()) -> Analysed:
    """Cut a text into terms. What lies beyond `LONGEST_TEXT` characters is not searched."""
    read = readings.reading(title) if _HAS_CJK.search(fold(title).text) else ""
    body = text[:LONGEST_TEXT]
    in_body = terms(body)
    weights: Counter[str] = Counter({term: BODY * count for term, count in in_body.items()})
    for part, weight in ((title, TITLE), *((heading, HEADING) for heading in headings)):
        for term, count in terms(part).items():
            weights[term] += weight * count
    for term in {pair for run in RUN.findall(read) for pair in pairs(run)}:
        weights[term] += READING
    return Analysed(
        title=fold(title).text,
        reading=read,
        text=fold(body),
        weights={term: min(weight, HEAVIEST) for term, weight in weights.items()},
        length=sum(in_body.values()),
    )


def terms(text: str) -> Counter[str]:
    """How often each term stands in `text`."""
    folded = fold(text).text
    found: Counter[str] = Counter()
    for run in RUN.finditer(folded):
        found.update(pairs(run[0]))
    for compound in COMPOUND.finditer(folded):
        found.update(_across_kana(compound[0]))
    found.update(verb[1] + MARK_VERB for verb in VERB.finditer(folded))
    for word in JOINED.finditer(folded):
        cut = latin_terms(word[0])
        found.update(cut)
        if len(word[0]) >= SHORTEST_WORD and word[0].isalpha():
            found[(MARK_WORD + word[0])[:LONGEST_TERM]] += 1
    for word in KATAKANA_WORD.finditer(text):
        found[katakana_word(word[0])] += 1
        if len(word[0]) >= SHORTEST_SPLIT:
            found.update({katakana_word(part) for part in readings.parts(word[0]) if part != word[0]})
    return found


def _across_kana(compound: str) -> Iterable[str]:
    """The pairs of kanji that only their okurigana parts: of 取り込み設定, 取込 and 込設."""
    kanji = [index for index, character in enumerate(compound) if not "ぁ" <= character <= "ゞ"]
    for here, after in pairwise(kanji):
        if after - here > 1:
            yield compound[here] + compound[after]
