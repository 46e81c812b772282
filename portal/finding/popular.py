"""What readers open most after a search, for those who found nothing: the log counts places opened, never who
opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from portal.finding.service import place_of
from portal.finding.sight import Sight
from portal.finding.suggest import Suggestion
from portal.kit.i18n import Locale
from portal.search.log import Period, most_opened

LATELY: Final = timedelta(days=28)
MOST: Final = 6
LOOKED_AT: Final = 40


@dataclass(frozen=True)
class Offer:
    """What to read instead. `is_new` where nothing was opened from results yet, so that what is new must do."""

    items: Sequence[Suggestion] = ()
    is_new: bool = False


def popular(session: Session, sight: Sight, *, locale: Locale, now: datetime) -> Offer:
    """What is opened most and the reader may see, else what is new in the library for them."""
    opened = most_opened(session, Period(now - LATELY, now + timedelta(hours=1)), limit=LOOKED_AT)
    if found := _items(sight, (_shown(sight, name, locale) for name in opened)):
        return Offer(found)
    catalogue, newest = sight.catalogue, sight.gates.newest
    fresh = map(int, newest[sight.visible[newest]][: 2 * MOST])
    names = (f"{catalogue.shelves[number]}/{catalogue.keys[number]}" for number in fresh)
    return Offer(_items(sight, (_shown(sight, name, locale) for name in names)), is_new=True)


def _items(sight: Sight, numbers: Iterable[int | None]) -> list[Suggestion]:
    found: list[Suggestion] = []
    for number in dict.fromkeys(numbers):
        if number is not None and len(found) < MOST:
            kind, _, title, path = place_of(sight, number)
            found.append(Suggestion(kind, title, ((title, False),), path, sight.catalogue.locales[number]))
    return found


def _shown(sight: Sight, name: str, locale: Locale) -> int | None:
    """The entry of `shelf/key` that is shown to a reader of `locale`; None past the wall."""
    numbers = sight.catalogue.of_thing(*name.partition("/")[::2])
    seen = [number for number in numbers if sight.visible[number]]
    return min(seen, key=lambda number: sight.catalogue.locales[number] != locale, default=None)
