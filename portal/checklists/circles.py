"""Checklists that wait for each other would all wait for ever: which ones, among those that are to be live. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from portal.checklists.definition import Definition, conditions
from portal.conditions.model import checklists_of


def in_circles(definitions: Iterable[Definition]) -> frozenset[str]:
    """The keys of those that wait, by way of others, for themselves."""
    waits = {
        one.key: {key for _, condition in conditions(one) for key in checklists_of(condition)} for one in definitions
    }
    return frozenset(key for key in waits if key in _reached(waits, key) | (waits[key] & {key}))


def _reached(waits: dict[str, set[str]], key: str) -> set[str]:
    reached: set[str] = set()
    ahead = list(waits[key] - {key})
    while ahead:
        one = ahead.pop()
        if one not in reached:
            reached.add(one)
            ahead += waits.get(one, set())
    return reached
