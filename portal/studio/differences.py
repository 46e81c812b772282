"""What differs between two texts, for eyes: line by line, and within a line by word or, in Japanese, by character.

Pure. Japanese has no spaces, so a changed sentence compared by words would be one long change; kana and kanji are
compared one by one, words of other scripts as wholes. Work has limits: beyond them a change is shown coarser, never
left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

CONTEXT = 3
MAX_LINES = 3_000
MAX_WORDS = 1_500
MAX_WORK = 10_000_000
ALIKE = 0.35
"""Two lines less alike than this are one taken away and one added, not one changed."""
WORD = re.compile(r"[A-Za-z0-9_À-ÿ]+|\s+|.", re.DOTALL)

Part = tuple[bool, str]
"""A piece of a line, and whether it differs."""


@dataclass(frozen=True)
class Side:
    """One line of one of the texts; `number` counts from 1."""

    number: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Line:
    """A line of both texts side by side; `before` or `after` is None where the line is only in the other."""

    kind: Literal["same", "changed", "added", "removed"]
    before: Side | None
    after: Side | None


@dataclass(frozen=True)
class Fold:
    """So many lines that are the same in both and not shown."""

    count: int


@dataclass(frozen=True)
class Difference:
    """The whole comparison. `added` and `removed` count lines."""

    rows: tuple[Line | Fold, ...]
    added: int
    removed: int

    @property
    def is_none(self) -> bool:
        """Whether the texts are the same."""
        return not self.added and not self.removed


def compare(before: str, after: str) -> Difference:
    """What differs between two texts."""
    old, new = before.splitlines(), after.splitlines()
    lines = list(_lines(old, new, Budget()))
    added = sum(line.kind in ("added", "changed") for line in lines)
    removed = sum(line.kind in ("removed", "changed") for line in lines)
    return Difference(tuple(_folded(lines)), added, removed)


@dataclass
class Budget:
    """How many more pairs of words may be looked at within lines."""

    left: int = MAX_WORK

    def take(self, old: Sequence[str], new: Sequence[str]) -> bool:
        """Whether these two lines may be compared; if so, it is counted."""
        fits = 0 < len(old) <= MAX_WORDS and 0 < len(new) <= MAX_WORDS and len(old) * len(new) <= self.left
        if fits:
            self.left -= len(old) * len(new)
        return fits


def _lines(old: Sequence[str], new: Sequence[str], budget: Budget) -> Iterator[Line]:
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        yield _same(old, start, start)
        start += 1
    tail = 0
    while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    for tag, a1, a2, b1, b2 in _opcodes(old[start : len(old) - tail], new[start : len(new) - tail]):
        if tag == "equal":
            for step in range(a2 - a1):
                yield _same(old, start + a1 + step, start + b1 + step)
        else:
            yield from _changed(old, new, (start + a1, start + a2), (start + b1, start + b2), budget)
    for step in range(tail):
        yield _same(old, len(old) - tail + step, len(new) - tail + step)


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    if len(old) > MAX_LINES or len(new) > MAX_LINES:
        return [("replace", 0, len(old), 0, len(new))]
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _same(old: Sequence[str], before: int, after: int) -> Line:
    parts = ((False, old[before]),)
    return Line("same", Side(before + 1, parts), Side(after + 1, parts))


def _changed(
    old: Sequence[str], new: Sequence[str], was: tuple[int, int], now: tuple[int, int], budget: Budget
) -> Iterator[Line]:
    """Lines that stand for each other are paired in their order; what is left over was added or taken away."""
    pairs = min(was[1] - was[0], now[1] - now[0])
    for step in range(pairs):
        a, b = was[0] + step, now[0] + step
        within = _within(old[a], new[b], budget)
        if within is None:
            yield Line("removed", Side(a + 1, ((True, old[a]),)), None)
            yield Line("added", None, Side(b + 1, ((True, new[b]),)))
        else:
            yield Line("changed", Side(a + 1, within[0]), Side(b + 1, within[1]))
    for a in range(was[0] + pairs, was[1]):
        yield Line("removed", Side(a + 1, ((True, old[a]),)), None)
    for b in range(now[0] + pairs, now[1]):
        yield Line("added", None, Side(b + 1, ((True, new[b]),)))


def _within(before: str, after: str, budget: Budget) -> tuple[tuple[Part, ...], tuple[Part, ...]] | None:
    old, new = WORD.findall(before), WORD.findall(after)
    if not budget.take(old, new):
        return None
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < ALIKE:
        return None
    left: list[Part] = []
    right: list[Part] = []
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        for parts, words in ((left, old[a1:a2]), (right, new[b1:b2])):
            if words:
                parts.append((tag != "equal", "".join(words)))
    return tuple(left), tuple(right)


def _folded(lines: Sequence[Line]) -> Iterator[Line | Fold]:
    """The changes with a few lines around each."""
    shown: set[int] = set()
    for index, line in enumerate(lines):
        if line.kind != "same":
            shown.update(range(index - CONTEXT, index + CONTEXT + 1))
    hidden = 0
    for index, line in enumerate(lines):
        if index in shown:
            if hidden:
                yield Fold(hidden)
                hidden = 0
            yield line
        else:
            hidden += 1
    if hidden:
        yield Fold(hidden)
