"""When an article counts as read: a rule that a person who read it meets, and one who passed by does not. And how it
begins, for whoever shows it in a line."""

from __future__ import annotations

from typing import Final

from portal.kit.i18n import Locale

CHARACTERS_A_SECOND: Final = {"ja": 25, "en": 60}
"""Skimming, not reading: some 1,500 characters a minute in Japanese, 700 words in English. Reading takes twice that."""
LEAST_SECONDS = 10
MOST_SECONDS = 90
LEAST_DEPTH = 80
LONGEST = 24 * 60 * 60
EXCERPT: Final = 160
"""Characters of a text that say what it is about; whoever asks for its beginning asks for one more."""


def seconds_to_read(characters: int, locale: Locale) -> int:
    """For how long an article of so many characters must have been in sight: 10 to 90 seconds."""
    return min(max(characters // CHARACTERS_A_SECOND[locale], LEAST_SECONDS), MOST_SECONDS)


def was_read(*, seconds: int, depth: int, needed: int) -> bool:
    """Whether it was in sight for long enough, and most of it: `depth` is the share that came into the window, in %."""
    return needed <= seconds <= LONGEST and LEAST_DEPTH <= depth <= 100


def beginning(text: str) -> str:
    """How a text begins, in one line of at most `EXCERPT` characters and a mark where it goes on."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[:EXCERPT].rstrip() + "…"
