"""The piece of a text that shows why it was found, with what was looked for marked in it. Pure.

What matches is looked up in the folded text and marked in the original: ﾛｸﾞｲﾝ marks ログイン, 取消 marks 取り消し, and
invoice marks Invoices. Nothing is compiled and no pattern tried at each character: a page of results is made in a
millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Final

from portal.search.fold import KANJI, Folded, fold
from portal.search.question import Word
from portal.search.words import MARK_VERB

WIDTH: Final = 120
"""About so many full-width characters; Latin ones count half."""
BEFORE: Final = 24
MOST_MATCHES: Final = 200
LONGEST_OKURIGANA: Final = 2
_SENTENCE = re.compile(r"[。！？\n]|[.!?](?=\s)")
_KANJI = re.compile(f"[{KANJI}]")
_SPACE = re.compile(r"\s+")

Part = tuple[str, bool]
"""Words, and whether they are what was looked for."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Marks:
    """What to mark: `asked`, or their pieces where a text has one of them not whole, and what stands for them."""

    asked: tuple[Word, ...]
    others: tuple[Word, ...]

    def spans(self, folded: Folded) -> list[Span]:
        """Where in the original something is to be marked, in order and apart from each other."""
        text = folded.text
        found: list[Span] = []
        for looks, _ in self._others:
            for look in looks:
                look.note(text, found)
        for looks, pieces in self._asked:
            before = len(found)
            for look in looks:
                look.note(text, found)
            if len(found) == before:
                for look in pieces:
                    look.note(text, found)
        return _apart(folded.span(*span) for span in _apart(found)[:MOST_MATCHES])

    @cached_property
    def _asked(self) -> Sequence[tuple[Sequence[_Look], Sequence[_Look]]]:
        return [(tuple(_looks(word)), tuple(_looks_for_pieces(word))) for word in self.asked]

    @cached_property
    def _others(self) -> Sequence[tuple[Sequence[_Look], Sequence[_Look]]]:
        return [(tuple(_looks(word)), ()) for word in self.others]


def marks(asked: Iterable[Word], others: Iterable[Word] = ()) -> Marks:
    """What to mark for the words of a question and all `others` that stand for them. Glue is not marked."""
    words = tuple(asked)
    telling = tuple(word for word in words if word.weight == 1) or words
    known = {word.text for word in telling}
    different = {word.text: word for word in others if word.text and word.text not in known and word.weight == 1}
    return Marks(telling, tuple(different.values()))


def mark(text: str, wanted: Marks) -> tuple[Part, ...]:
    """All of a short text with its marks."""
    return tuple(_cut(text, 0, len(text), wanted.spans(_folded(text))))


def excerpt(text: str, folded: Folded, wanted: Marks, *, width: int = WIDTH) -> tuple[Part, ...]:
    """The piece with the most of what was looked for, from the beginning of its sentence where that is near."""
    spans = wanted.spans(folded)
    at = _densest(text, spans, width)
    start = _beginning(text, at) if at else 0
    end = _reach(text, start, width)
    parts = [(_SPACE.sub(" ", part), marked) for part, marked in _cut(text, start, end, spans)]
    if start > 0 and not _SENTENCE.match(text[start - 1]) and not text[start - 1].isspace():
        parts.insert(0, ("…", False))
    if end < len(text):
        parts.append(("…", False))
    return tuple(parts)


_folded = lru_cache(maxsize=2000)(fold)
"""Titles folded: they are few, and shown again and again."""


# --- what matches -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """One way to look for a word in a folded text: a piece of it, and how it must go on. Most texts have most words
    not at all, so that is found out before anything else is done."""

    piece: str
    go_on: Callable[[str, int, int], int] | None = None
    """Where a match at (start, end of the piece) ends; -1 where it is none."""

    def note(self, text: str, found: list[Span]) -> None:
        """Put every match into `found`."""
        piece, go_on, size = self.piece, self.go_on, len(self.piece)
        at = text.find(piece)
        while at >= 0:
            end = at + size
            last = end if go_on is None else go_on(text, at, end)
            if last >= 0:
                found.append((at, last))
            at = text.find(piece, end)


def _looks(word: Word) -> Iterator[_Look]:
    """How to find a word: Japanese with or without okurigana, English with any ending."""
    if word.script == "latin":
        for term in word.terms:
            if len(term) > 1 or len(word.terms) == 1:
                yield _Look(term, partial(_with_ending, is_latin=term[0].isascii()))
        return
    bones = [character for character in word.text if not _is_kana(character)] if word.script == "kanji" else []
    if not bones:
        yield _Look(word.text)
    elif len(bones) == 1:
        yield _Look(bones[0], _as_verb if word.terms[0].endswith(MARK_VERB) else None)
    else:
        yield _Look(bones[0], partial(_through, bones=bones[1:]))


def _looks_for_pieces(word: Word) -> Iterator[_Look]:
    """The pairs of a Japanese word, for a text which has it not whole."""
    if word.script in ("kanji", "katakana") and len(word.terms) > 1:
        for term in word.terms:
            yield _Look(term)


def _as_verb(text: str, start: int, end: int) -> int:
    """One kanji with kana after it, and no kanji before."""
    is_one = text[end : end + 1] and _is_kana(text[end]) and not (start and _KANJI.match(text[start - 1]))
    return end + 1 if is_one else -1


def _with_ending(text: str, start: int, end: int, *, is_latin: bool) -> int:
    """The beginning of an English word, and the rest of it."""
    return -1 if is_latin and start and _is_latin(text[start - 1]) else _letters(text, end)


def _letters(text: str, at: int) -> int:
    while at < len(text) and "a" <= text[at] <= "z":
        at += 1
    return at


def _through(text: str, start: int, at: int, *, bones: Sequence[str]) -> int:
    """Where the rest of a kanji compound ends; -1 where something else goes on."""
    del start
    for bone in bones:
        for _ in range(LONGEST_OKURIGANA):
            if at < len(text) and text[at] != bone and _is_kana(text[at]):
                at += 1
        if at >= len(text) or text[at] != bone:
            return -1
        at += 1
    return at


def _is_kana(character: str) -> bool:
    return "ぁ" <= character <= "ゞ"


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _apart(spans: Iterable[Span]) -> list[Span]:
    """In order, and what touches made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


# --- which piece ------------------------------------------------------------------------------------------------------


def _densest(text: str, spans: Sequence[Span], width: int) -> int:
    """Where to look: the first of those matches with the most different ones in reach."""
    best, most = 0, 0
    for number, (start, _) in enumerate(spans):
        near = set()
        for first, last in spans[number:]:
            if last > start + width:
                break
            near.add(text[first:last].lower())
        if len(near) > most:
            best, most = start, len(near)
    return best


def _beginning(text: str, at: int) -> int:
    """The beginning of the sentence at `at`, or a little before it where the sentence is long."""
    near = max(0, at - BEFORE)
    sentences = [match.end() for match in _SENTENCE.finditer(text, near, at)]
    if sentences:
        start = sentences[-1]
    else:
        space = text.find(" ", near, at) if near and text[near - 1 : near + 1].isascii() else -1
        start = near if space < 0 else space
    while start < at and text[start].isspace():
        start += 1
    return start


def _reach(text: str, start: int, width: int) -> int:
    """Where a piece of `width` that begins at `start` ends."""
    narrow = len(text[start : start + width].encode("ascii", "ignore"))
    return min(len(text), start + width + narrow // 2)


def _cut(text: str, start: int, end: int, spans: Sequence[Span]) -> Iterator[Part]:
    at = start
    for first, last in spans:
        if last <= start or first >= end:
            continue
        if first > at:
            yield text[at:first], False
        yield text[max(first, start) : min(last, end)], True
        at = min(last, end)
    if at < end:
        yield text[at:end], False
