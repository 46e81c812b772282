"""Lists shown a page at a time: which page is meant, and how many rows come before it.

Every list answers alike to a page that no longer is, because rows go while somebody looks: it shows the last there is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paged:
    """One page of a list: of `total` rows, `limit` a page, the one numbered `page` from 1."""

    total: int
    page: int
    limit: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.limit))

    @property
    def skip(self) -> int:
        """How many rows come before this page."""
        return (self.page - 1) * self.limit


def page_at(wanted: int, *, total: int, limit: int) -> Paged:
    """The page `wanted`, or the nearest there is. `limit` is at least 1."""
    last = Paged(total, 1, limit).pages
    return Paged(total, min(max(wanted, 1), last), limit)
