"""When something of the library asks for care. Pure: figures and days are given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Final

from portal.kit.intervals import wilson

FEWEST: Final = 5
"""Fewer answers than this say nothing about a text."""
POOR: Final = 0.7
"""A text is poor where even the upper end of Wilson's 95 % interval of "it helped" lies below this share."""


def is_poor(helpful: int, n: int) -> bool:
    """Whether a text surely helps fewer than it should; with few answers nothing is sure, so it is not."""
    interval = wilson(helpful, n)
    return n >= FEWEST and interval is not None and interval[1] < POOR


def overdue_since(named: date | None, settled: Mapping[date, date], *, today: date) -> date | None:
    """Since when a document should have been looked at; None where it need not be.

    `named` is the last day that its text names, `settled` the later days that people set when they looked at it, by the
    day they settled: a text that names another day since is judged by that one.
    """
    last = settled.get(named, named) if named else None
    return last if last is not None and last < today else None


def broken(links: Mapping[str, str | None], documents: Collection[str]) -> tuple[str, ...]:
    """The targets of a text that led nowhere when it was published, or to a document that is gone since; in order.

    `links` leads from each target as written to its address, `documents` are the ids of what there is.
    """
    return tuple(sorted(target for target, address in links.items() if address is None or _gone(address, documents)))


def _gone(address: str, documents: Collection[str]) -> bool:
    parts = address.partition("#")[0].split("/")
    return parts[:2] == ["", "manuals"] and len(parts) > 2 and parts[2] not in documents
