"""While somebody types: titles that have the letters so far, and where none has, the best answers to what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.content.readers import Reader
from portal.finding.service import place_of
from portal.finding.sight import sight_of
from portal.kit.i18n import Locale
from portal.search import service as search
from portal.search.excerpt import Part, mark, marks
from portal.search.question import LONGEST, understand
from portal.search.titles import begun

MOST: Final = 8
SHORTEST: Final = 2
"""Of fewer letters the whole index has too many."""


@dataclass(frozen=True)
class Suggestion:
    """A thing that may be meant: its title with the letters marked, and where it is."""

    kind: str
    called: str
    title: Sequence[Part]
    path: str
    locale: Locale


def suggest(
    session: Session, reader: Reader, *, typed: str, locale: Locale, now: datetime, zone: ZoneInfo
) -> list[Suggestion]:
    """What `reader` may be about to ask for; nothing they may not see is ever in it."""
    typed = typed[:LONGEST]
    sight = sight_of(session, reader, now=now, zone=zone)
    numbers = begun(sight.catalogue, typed, locale=locale, visible=sight.visible, limit=MOST)
    if not numbers and len(typed.strip()) >= SHORTEST:
        ranking = search.rank(session, sight.catalogue, typed, locale=locale, visible=sight.visible)
        numbers = [int(number) for number in ranking.entries[:MOST]]
    wanted = marks(understand(typed).words)
    found = []
    for number in numbers:
        kind, _, title, path = place_of(sight, number)
        found.append(Suggestion(kind, title, mark(title, wanted), path, sight.catalogue.locales[number]))
    return found
