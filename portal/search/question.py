"""What a reader typed, understood: the words that carry it, and the glue between them.

クレジットカードを変更するには is about クレジットカード and 変更; を and するには decide nothing, but still speak for a
text that says the same. A question of nothing but glue is asked by its glue.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from portal.search.fold import DASHES, HANGUL, KANJI, KATAKANA, fold, key
from portal.search.words import (
    COMPOUND,
    JOINED,
    MARK_VERB,
    RUN,
    katakana_word,
    latin_terms,
    pairs,
    skeleton,
)

LONGEST: Final = 200
MOST_WORDS: Final = 12
COMMON: Final = 0.25
"""What a word weighs that is in every other question: 方法, how."""
_COMMON_KANJI = "方法 手順 使方 仕方 場合 教 知 何 時 件 利用 説明 使 私 上 中 為 事 際"
"""Without okurigana; a verb by its kanji."""
_COMMON_ENGLISH = (
    "how what where when why who which can could do does did is are am was be been i me my we our you your it its this "
    "that the a an to of in on at for from with by and or not cannot can't don't doesn't didn't isn't want need please "
    "help way if there have has get got use using about"
)
_COMMON_WORDS = frozenset(f"{_COMMON_KANJI} {_COMMON_ENGLISH}".split())
_GLUE = re.compile(
    "(?:でき(?:ません|ない|なかつた|なくなつた|る|ます)|し?(?:たい|たく|ました|ましよう|ます|ません|ない|ていない|ています|ている|"
    "てください|てほしい|ておきたい|なければ|れば|よう)|される|されない|された|されません|する|した|して|しない|について|における|"
    "ください|でしようか|です|ですか|どう|どこ|なに|いつ|なぜ|ある|いる|なる|いい|よい|こと|とき|ため|から|まで|より|には|では|とは|"
    "への|での|ので|のに|けど|つて|[のがはにへとでもか])+"
)
_WRITTEN_ON = re.compile(f".{{0,3}}?(?:{_GLUE.pattern})?")
"""The kana a kanji is written on with, and glue after them."""
_ENDING = re.compile(
    "(?:でき(?:ません|ない|なかつた|る|ます)|し?(?:たい|ました|ます|ません|ない|ています|ている|てください)|する|した|して|"
    "(?:する)?(?:には|とは|について)|ください|です(?:か)?)+$"
)
_LAST_PARTICLE = re.compile("[のがはにでと]$")
_AFTER_PARTICLE = re.compile("[のをがはにでへと](.{3,})$")
_KANA = "ぁ-ゖゝゞー"
_SCRIPTS = re.compile(
    f"(?P<latin>{JOINED.pattern})|(?P<katakana>[{KATAKANA}][{KATAKANA}\\-]*)|(?P<japanese>[{KANJI}{_KANA}]+)"
    f"|(?P<hangul>[{HANGUL}]+)"
)
_KANJI_WORD = re.compile(f"({COMPOUND.pattern}|[{KANJI}]+)|([^{KANJI}]+)")

Script = Literal["latin", "katakana", "kanji", "kana"]


@dataclass(frozen=True)
class Word:
    """One word of a question. A text has it by `terms`, and as a whole word by `whole`.

    `text` is folded, `shown` as it was typed. `weight` is its part in what is asked, up to 1.
    """

    text: str
    shown: str
    script: Script
    terms: tuple[str, ...]
    whole: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Question:
    """A question, cut into words. `text` is folded, without spaces; `glue` are pairs of kana that only lend colour."""

    asked: str
    text: str
    words: tuple[Word, ...]
    glue: tuple[str, ...] = ()


@lru_cache(maxsize=4_096)
def understand(asked: str) -> Question:
    """Cut a question into words; beyond `LONGEST` characters and `MOST_WORDS` words it is not read."""
    typed = _repaired(asked)
    words: list[Word] = []
    glue: list[str] = []
    for found in _SCRIPTS.finditer(typed):
        match found.lastgroup:
            case "latin":
                words.append(_latin(found[0]))
            case "katakana":
                words.append(_katakana(found[0]))
            case "hangul":
                words.append(_pairwise(found[0], found[0], "kanji"))
            case _:
                _take_japanese(fold(found[0]).text, words, glue)
    if not any(word.weight == 1 for word in words):
        # All of it is said in every question, so all of it counts.
        words = [replace(word, weight=1.0) for word in words]
        whole = "" if words else "".join(RUN.findall(fold(typed).text))
        if whole:
            words, glue = [_pairwise(whole, typed, "kana")], []
    return Question(typed, key(typed).replace(" ", ""), tuple(_once(words)), tuple(dict.fromkeys(glue)))


def normal(asked: str) -> str:
    """The one way to write a question, for counting: widths, case and spaces evened, kana as they were typed."""
    return " ".join(_repaired(asked).split())


def _repaired(asked: str) -> str:
    """As typed, but widths and case evened, and every dash within katakana a long-vowel mark."""
    evened = unicodedata.normalize("NFKC", asked[: 2 * LONGEST]).lower()[:LONGEST]
    evened = re.sub(f"[{DASHES}ー]", "ー", evened)
    evened = re.sub(f"(?<![{KATAKANA}{_KANA}])ー", "-", evened)
    return re.sub(f"(?<=[{KATAKANA}])-(?=[{KATAKANA}]|\\s|$)", "ー", evened).strip()


def _latin(typed: str) -> Word:
    folded = fold(typed).text
    weight = COMMON if folded in _COMMON_WORDS else 1.0
    return Word(folded, typed, "latin", latin_terms(folded) or (folded,), weight=weight)


def _katakana(typed: str) -> Word:
    folded = fold(typed).text
    word = _pairwise(folded, typed, "katakana")
    whole = katakana_word(folded)
    return replace(word, whole=whole, terms=word.terms if len(folded) > 1 else (whole,))


def _kanji(folded: str, typed: str) -> Word:
    bones = skeleton(folded)
    weight = COMMON if bones in _COMMON_WORDS else 1.0
    if len(bones) == 1:
        # A verb is one kanji and what follows it; alone it is asked for by whatever begins with it.
        followed = not typed.endswith(folded)
        return Word(folded, folded, "kanji", (bones + MARK_VERB if followed else bones,), weight=weight)
    return replace(_pairwise(bones, folded, "kanji"), text=folded, weight=weight)


def _take_japanese(folded: str, words: list[Word], glue: list[str]) -> None:
    after_kanji = False
    for kanji, kana in _KANJI_WORD.findall(folded):
        if kanji:
            words.append(_kanji(kanji, folded))
        elif after_kanji and _WRITTEN_ON.fullmatch(kana):
            glue.extend(list(pairs(kana))[:-1])
        else:
            _take_kana(kana, words, glue)
        after_kanji = bool(kanji)


def _take_kana(kana: str, words: list[Word], glue: list[str]) -> None:
    """Kana are glue, or a word somebody did not turn into kanji; を is never within a word."""
    for piece in filter(None, kana.split("を")):
        if _GLUE.fullmatch(piece):
            glue.extend(list(pairs(piece))[:-1])
            continue
        rest = piece
        if words and (after := _AFTER_PARTICLE.search(piece)):
            rest = after[1]
        rest = _ENDING.sub("", rest)
        if rest != piece and len(rest) > 3:
            rest = _LAST_PARTICLE.sub("", rest)
        if len(rest) < (3 if words else 2) or _GLUE.fullmatch(rest):
            glue.extend(list(pairs(piece))[:-1])
        else:
            words.append(_pairwise(rest, rest, "kana"))


def _pairwise(folded: str, typed: str, script: Script) -> Word:
    """A word by its pairs; a single character by itself."""
    cut = tuple(dict.fromkeys(list(pairs(folded))[:-1])) or (folded,)
    return Word(folded, typed, script, cut)


def _once(words: list[Word]) -> Iterator[Word]:
    yield from list({word.terms: word for word in words if word.text}.values())[:MOST_WORDS]
