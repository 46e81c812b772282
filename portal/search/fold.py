"""One spelling for all that means the same to a reader: widths, case, kana, small kana, long-vowel marks and dashes.

ﾛｸﾞｲﾝ, ログイン and ろぐいん fold to the same; so do サーバ, サーバー and サ－バ－. Folding only ever compares: what
people are shown is the original, and every place in a folded text leads back to it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

KANA: Final = "ぁ-ゖゝゞ"
KATAKANA: Final = "ァ-ヺヽヾー"
KANJI: Final = "々〆〇㐀-䶿一-鿿豈-﫿"
HANGUL: Final = "가-힣"
CJK: Final = f"{KANA}ヷ-ヺ{KANJI}{HANGUL}"
DASHES: Final = "‐‑‒–—―−－﹣"

_LONGER = re.compile(f"ー+|(?<=[{KANA}ー])-+(?![a-z0-9-])")
_SMALL = dict(zip("ぁぃぅぇぉっゃゅょゎゕゖ", "あいうえおつやゆよわかか", strict=True))
_SOUNDS = {"ぢ": "じ", "づ": "ず", "ゐ": "い", "ゑ": "え"}
_MOST_ROUNDS = 4


@dataclass(frozen=True)
class Folded:
    """A folded text and the way back. `length` is of the original, in characters.

    The way back is kept as its jumps: from the folded character at `places[i]` on, the originals lie in step from
    `origins[i]`.
    """

    text: str
    length: int
    places: Sequence[int] = field(repr=False)
    origins: Sequence[int] = field(repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original the folded characters from `start` up to `end` come from.

        Marks that folding dropped belong to the character before them, and of a character that became several the
        whole is taken.
        """
        if start >= end:
            raise ValueError("an empty span comes from nowhere")
        first, last = self._origin(start), self._origin(end - 1)
        while end < len(self.text) and self._origin(end) == last:
            end += 1
        return first, self._origin(end) if end < len(self.text) else self.length

    def _origin(self, place: int) -> int:
        index = bisect_right(self.places, place) - 1
        return self.origins[index] + place - self.places[index]


def fold(text: str) -> Folded:
    """Fold `text`. Folding what is folded changes nothing."""
    evened = text.translate(_one_to_one())
    lowered = evened.lower()
    if len(lowered) == len(text) and unicodedata.is_normalized("NFKC", lowered):
        return _without_marks(lowered, None, len(text))
    characters: list[str] = []
    origins: list[int] = []
    for cluster in _cluster().finditer(text):
        piece = _fold_cluster(cluster[0])
        characters.append(piece)
        origins.extend([cluster.start()] * len(piece))
    return _without_marks("".join(characters), origins, len(text))


def key(text: str) -> str:
    """`text` folded, spaces at its ends dropped and those within made one: for comparing whole words and phrases."""
    return " ".join(fold(text).text.split())


def _without_marks(evened: str, origins: Sequence[int] | None, length: int) -> Folded:
    """Drop long-vowel marks and dashes that stand for one, noting where the way back jumps."""
    kept: list[str] = []
    left: list[range] = []
    at = 0
    for mark in _LONGER.finditer(evened):
        kept.append(evened[at : mark.start()])
        left.append(range(at, mark.start()))
        at = mark.end()
    kept.append(evened[at:])
    left.append(range(at, len(evened)))
    places, sources = [0], [0]
    place = 0
    for run in left:
        # Without origins a run lies in step with itself; with them it may jump at each character.
        for index in run[:1] if origins is None else run:
            source = index if origins is None else origins[index]
            here = place + index - run.start
            if source - sources[-1] != here - places[-1]:
                if places[-1] == here:
                    sources[-1] = source
                else:
                    places.append(here)
                    sources.append(source)
        place += len(run)
    return Folded("".join(kept), length, places, sources)


@cache
def _fold_cluster(cluster: str) -> str:
    """A character with its marks. What one round makes may itself fold, so it goes on until nothing changes."""
    for _ in range(_MOST_ROUNDS):
        made = unicodedata.normalize("NFKC", cluster).lower().translate(_one_to_one())
        if made == cluster:
            break
        cluster = made
    return cluster


@cache
def _one_to_one() -> dict[int, str]:
    """All that folds to exactly one character by itself."""
    table = {code: chr(code - 0xFEE0).lower() for code in range(0xFF01, 0xFF5F)}
    table |= {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    hiragana = _SMALL | _SOUNDS
    table |= {ord(one): other for one, other in hiragana.items()}
    for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE):
        table[code] = hiragana.get(chr(code - 0x60), chr(code - 0x60))
    table |= {ord(dash): "-" for dash in DASHES}
    return table | {0x3000: " ", 0x2026: " ", 0x2025: " ", 0xFF70: "ー", 0x2019: "'", 0x2018: "'"}


@cache
def _cluster() -> re.Pattern[str]:
    """A character and what may combine with it: accents, voicing marks (half-width too), vowels of Hangul."""
    marks = "".join(re.escape(one) for one in map(chr, range(0x300, 0x20000)) if unicodedata.combining(one))
    return re.compile(f"[\\s\\S][{marks}\uff9e\uff9f\u1160-\u11ff]*")
