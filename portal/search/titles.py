"""Titles as somebody types: whatever has the letters so far, in the title or in how it is read. No postings are
read."""

from __future__ import annotations

import re

from portal.kit.i18n import Locale
from portal.search.catalogue import Catalogue, Mask
from portal.search.fold import KANA, key

_UNFINISHED = re.compile(f"(?<=[{KANA}])[a-z]{{1,3}}$")
"""What an input method has not turned into kana yet: せいきゅうs."""


def begun(catalogue: Catalogue, typed: str, *, locale: Locale, visible: Mask, limit: int) -> list[int]:
    """Visible entries whose titles have what was typed so far: those that begin with it, then those in the reader's
    language, then the shorter ones. Each thing once, in the reader's language where it is there."""
    piece = _UNFINISHED.sub("", key(typed))
    if not piece:
        return []
    titles, readings = catalogue.lists
    found: dict[int, tuple[int, bool, int, int]] = {}
    looks = (titles.beginning, readings.beginning, titles.having, readings.having)
    for rank, look in enumerate(looks):
        if len(found) >= limit:
            break
        for number in look(piece):
            if not visible[number]:
                continue
            shown = int(catalogue.versions[locale][catalogue.thing[number]])
            if shown < 0 or not visible[shown]:
                shown = number
            place = (rank, catalogue.locales[number] != locale, len(catalogue.titles[number]), number)
            found[shown] = min(place, found.get(shown, place))
    return sorted(found, key=lambda number: found[number])[:limit]
