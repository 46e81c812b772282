"""What was probably meant, where no text that the reader may see has the word they typed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from portal.search.fold import CJK

CLOSEST: Final = 6
SHORTEST: Final = 3
COMPLETIONS: Final = 8
_CJK = re.compile(f"[{CJK}]")


def candidates(word: str, vocabulary: Sequence[str]) -> list[str]:
    """Words of `vocabulary` that a slip of the finger or two makes of a folded word, the closest first.

    One edit is forgiven in a word of three to five letters, two in a longer one; swapping two neighbours is one. The
    first letter counts for a little more, since people seldom miss it.
    """
    if len(word) < SHORTEST:
        return []
    allowed = 1 if len(word) <= 5 else 2
    is_cjk = bool(_CJK.search(word))
    found = process.extract(
        word, vocabulary, scorer=OSA.distance, score_cutoff=allowed, limit=4 * CLOSEST, processor=None
    )
    close = [
        (distance + (0.5 if other[0] != word[0] else 0), other)
        for other, distance, _ in found
        if bool(_CJK.search(other)) == is_cjk and other != word
    ]
    return [other for _, other in sorted(close)][:CLOSEST]


def completions(word: str, vocabulary: Sequence[str]) -> list[str]:
    """Words of `vocabulary`, which is in order, that begin with what was typed so far, the shortest first."""
    if len(word) < SHORTEST:
        return []
    first = bisect_left(vocabulary, word)
    begun = takewhile(lambda other: other.startswith(word), map(vocabulary.__getitem__, range(first, len(vocabulary))))
    return sorted(begun, key=lambda other: (len(other), other))[:COMPLETIONS]
