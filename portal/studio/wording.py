"""Where words stand in a text, and the text with other words there. Pure.

Words are found exactly as they are written. Whoever wants ＡＢＣ, abc and ﾊﾞﾝｿｳ to count as ABC and バンソウ says so:
then width and case do not matter, and what stands there is still replaced as it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

AROUND = 40
CLUSTER = re.compile(r".[\u3099\u309a\uff9e\uff9f]*", re.DOTALL)
"""A character with the voicing marks that belong to it: ﾊﾞ is one sound in two characters."""


@dataclass(frozen=True)
class Hit:
    """One place: its `line` from 1, the words there, and what stands around them on that line."""

    line: int
    before: str
    words: str
    after: str


def places(text: str, words: str, *, is_loose: bool = False) -> list[tuple[int, int]]:
    """From where to where `words` stand in `text`, none overlapping; `is_loose`: whatever their width and case."""
    if not words:
        return []
    if not is_loose:
        return [found.span() for found in re.finditer(re.escape(words), text)]
    folded, starts, ends = _folded(text)
    wanted = _folded(words)[0]
    found = (one.span() for one in re.finditer(re.escape(wanted), folded))
    # ㍻ is folded into two characters: a place that begins or ends within one is none.
    return [
        (starts[start], ends[end - 1])
        for start, end in found
        if (start == 0 or starts[start - 1] != starts[start]) and (end == len(ends) or ends[end] != ends[end - 1])
    ]


def replaced(text: str, at: Sequence[tuple[int, int]], becomes: str) -> str:
    """`text` with `becomes` at each of these places."""
    parts, last = [], 0
    for start, end in at:
        parts += [text[last:start], becomes]
        last = end
    return "".join([*parts, text[last:]])


def hits(text: str, at: Sequence[tuple[int, int]], *, most: int) -> Iterator[Hit]:
    """The first `most` places as a person looks at them."""
    line, counted = 1, 0
    for start, end in at[:most]:
        line += text.count("\n", counted, start)
        counted = start
        before = text[max(0, start - AROUND) : start].rpartition("\n")[2]
        after = text[end : end + AROUND].partition("\n")[0]
        yield Hit(line, before, text[start:end], after)


def _folded(text: str) -> tuple[str, list[int], list[int]]:
    """`text` without differences of width and case; for each character where it came from begins and ends."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for found in CLUSTER.finditer(text):
        part = unicodedata.normalize("NFKC", found[0]).casefold()
        parts.append(part)
        starts += [found.start()] * len(part)
        ends += [found.end()] * len(part)
    return "".join(parts), starts, ends
