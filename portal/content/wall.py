"""The wall: what one reader may see of the library, decided from the rules and the facts of this very moment.

Every list, article, neighbour and link goes through it, so there is one place to get it right. What is not admitted
does not exist for the reader: nobody can tell a document that is not for them from one that was never written.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.conditions.model import Condition
from portal.conditions.service import holds_for_member
from portal.content.library import Entry, Variant
from portal.content.readers import Reader
from portal.kit.i18n import LOCALES, Locale


class Wall:
    """The wall as one reader meets it in one unit of work; each rule is asked once."""

    def __init__(self, session: Session, reader: Reader, *, now: datetime, zone: ZoneInfo) -> None:
        self.reader = reader
        self._session = session
        self._now = now
        self._zone = zone
        self._answers: dict[Condition, bool] = {}

    def fits(self, audience: Condition | None) -> bool:
        """Whether the reader is in `audience`; None is every member. Staff are in all, strangers in none."""
        if self.reader.kind != "member":
            return self.reader.kind == "staff"
        if audience is None:
            return True
        if audience not in self._answers:
            self._answers[audience] = holds_for_member(
                self._session,
                audience,
                account_id=self.reader.account_id,
                member_id=self.reader.member_id,
                now=self._now,
                zone=self._zone,
            )
        return self._answers[audience]

    def admits(self, entry: Entry) -> bool:
        """Whether the reader may know of `entry` at all: its time has come, and it is public or for them."""
        return any(self._is_open(variant) for variant in entry.variants.values()) and self.is_for(entry)

    def is_for(self, entry: Entry) -> bool:
        """Whether `entry` is public or for the reader, leaving aside whether its time has come."""
        return (entry.is_public and entry.audience is None) or self.fits(entry.audience)

    def choose(self, entry: Entry, locale: Locale) -> Variant | None:
        """What the reader gets to read of `entry`: in their language, else in the one there is; None past the wall."""
        for wanted in (locale, *LOCALES):
            variant = entry.variants.get(wanted)
            if variant is not None and self._is_open(variant):
                return variant if self.is_for(entry) else None
        return None

    def languages(self, entry: Entry) -> dict[Locale, Variant]:
        """Every language the reader may have `entry` in."""
        if not self.admits(entry):
            return {}
        return {locale: variant for locale, variant in entry.variants.items() if self._is_open(variant)}

    def _is_open(self, variant: Variant) -> bool:
        return self.reader.kind == "staff" or variant.is_out(self._now)
