"""Which bytes a request asks for (RFC 9110, 14): one range, the whole, or one that cannot be given.

Several ranges in one request are answered with the whole, as the standard allows: nobody needs them for a film.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """The bytes from `first` to `last`, both included, of `size`."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1

    @property
    def is_whole(self) -> bool:
        """Whether it is everything."""
        return self.length == self.size


def span_of(said: str | None, size: int) -> Span | None:
    """What a `Range` header asks of `size` bytes; None where no byte of it is there (416)."""
    whole = Span(0, size - 1, size)
    found = _RANGE.fullmatch(said or "")
    if found is None or not (found[1] or found[2]):
        return whole
    if not found[1]:
        wanted = int(found[2])
        return Span(max(size - wanted, 0), size - 1, size) if wanted and size else None
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return whole  # not a range at all: the standard has it ignored
    return Span(first, last, size) if first < size else None
