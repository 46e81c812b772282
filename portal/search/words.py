"""The words in a text, by the scripts they are written in: what both a document and a question are cut into.

Japanese is not written with spaces, so its text is cut into overlapping pairs of characters (解約手続 → 解約, 約手,
手続): no dictionary is asked, and a word of two characters is found as well as any. Three things pairs do not know are
added: where a katakana word begins and ends, that 取り消し is 取消, and that 止める and 止まる share a verb. English is
stemmed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from threading import Lock
from typing import Final

from snowballstemmer import stemmer

from portal.search.fold import CJK, KANA, KANJI, KATAKANA, fold

MARK_WORD: Final = "="
"""Before a term that is a whole word: `=ろつく` is ロック and not ブロック."""
MARK_VERB: Final = "~"
"""After a term that is the one kanji of a word written on in kana: `止~`."""
LONGEST_TERM: Final = 64
SHORTEST_SPLIT: Final = 5

LATIN = f"[^\\W_{CJK}{KATAKANA}]+"
JOINED = re.compile(f"{LATIN}(?:['._+\\-/#&@]{LATIN})*")
RUN = re.compile(f"[{CJK}]+")
KATAKANA_WORD = re.compile(f"[{KATAKANA}ｦ-ﾟ][{KATAKANA}ｦ-ﾟ]+")
OKURIGANA: Final = "いきしちみりえけせてねめれげべびぎじえわつくすうむるよ"
"""What may stand between two kanji of one word, small kana folded. Not the particles を が は に の へ と で も や."""
COMPOUND = re.compile(
    f"[{KANJI}]+(?:(?:[{OKURIGANA}]|[{OKURIGANA}あかさたなまらおこそとのもろ][いきしちみりえけせねめれげべび])[{KANJI}]+)+"
)
VERB = re.compile(f"(?<![{KANJI}])([{KANJI}])(?=[{KANA}])")
NOT_KANJI = re.compile(f"[^{KANJI}]+")
NOT_LATIN = re.compile(f"[^\\w]+|_|[{CJK}]+")
_english = stemmer("english")
_stemming = Lock()
"""The stemmer holds the word it is at: two threads in it at once would each get a piece of the other's."""


def pairs(run: str) -> Iterator[str]:
    """Every two neighbours of a run, and its last character alone."""
    for index in range(len(run) - 1):
        yield run[index : index + 2]
    if run:
        yield run[-1]


def skeleton(word: str) -> str:
    """A compound without its okurigana: 引き落とし → 引落."""
    return NOT_KANJI.sub("", word)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of a folded English word; any other comes back as it is."""
    if not word.isascii() or not word.isalpha():
        return word
    with _stemming:
        made: str = _english.stemWord(word)
    return made


@lru_cache(maxsize=20_000)
def latin_terms(word: str) -> tuple[str, ...]:
    """A folded word in Latin letters or digits, by its parts and joined: e-403 → e, 403, e403."""
    parts = [part for part in NOT_LATIN.split(word.replace("'s", "").replace("'", "")) if part]
    terms = [stem(part) for part in parts]
    if len(parts) > 1:
        terms.append("".join(parts))
    return tuple(term[:LONGEST_TERM] for term in terms)


@lru_cache(maxsize=20_000)
def katakana_word(word: str) -> str:
    """The term of a whole katakana word as it was written."""
    return (MARK_WORD + fold(word).text)[:LONGEST_TERM]
