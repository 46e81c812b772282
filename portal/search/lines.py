"""Many short texts as one long one, so that looking through all of them for a few letters is one search."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

END: Final = "\n"
MOST_LOOKED_AT: Final = 200


class Lines:
    """Texts by their number."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._text = END + END.join(titles) + END
        self._starts: list[int] = []
        at = 1
        for title in titles:
            self._starts.append(at)
            at += len(title) + 1

    def beginning(self, piece: str) -> Iterator[int]:
        """The numbers of texts that begin with `piece`."""
        return self._having(END + piece, skip=1)

    def having(self, piece: str) -> Iterator[int]:
        """The numbers of texts that have `piece`; the same one maybe several times."""
        return self._having(piece, skip=0)

    def _having(self, piece: str, *, skip: int) -> Iterator[int]:
        at = self._text.find(piece)
        for _ in range(MOST_LOOKED_AT):
            if at < 0:
                return
            yield bisect_right(self._starts, at + skip) - 1
            at = self._text.find(piece, at + 1)
