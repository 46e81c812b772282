"""Many short texts as one long one, so that looking through all of them for a few letters is one search."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

END: Final = "\n"
MOST_LOOKED_AT: Final = 2_000


class Lines:
    """Texts by their number."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._text = END + END.join(titles) + END
        self._starts: list[int] = []
        at = 1
        for title in titles:
            self._starts.append(at)
            at += len(title) + 1

    def having(self, piece: str) -> Iterator[tuple[int, bool]]:
        """The number of each text that has `piece`, and whether it begins with it; the same one maybe several times."""
        at = self._text.find(piece)
        for _ in range(MOST_LOOKED_AT):
            if at < 0:
                return
            number = bisect_right(self._starts, at) - 1
            yield number, at == self._starts[number]
            at = self._text.find(piece, at + 1)
