"""Dates and numbers as a reader writes them: 6月3日(水) 14:00, Wed 3 Jun, 14:00.

The year shows when it is not this one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from portal.kit.clock import utcnow
from portal.kit.i18n import Locale

DAY = {"ja": "M月d日(E)", "en": "EEE d MMM"}
DAY_AND_YEAR = {"ja": "y年M月d日(E)", "en": "EEE d MMM y"}


def day(value: date | datetime | None, *, locale: Locale, zone: ZoneInfo, today: date | None = None) -> str:
    """The calendar day of `value` in `zone`; a dash where there is none."""
    if value is None:
        return "–"
    shown = value.astimezone(zone).date() if isinstance(value, datetime) else value
    this_year = (today or utcnow().astimezone(zone).date()).year
    pattern = DAY if shown.year == this_year else DAY_AND_YEAR
    return _written(shown, pattern[locale], locale)


def moment(value: datetime | None, *, locale: Locale, zone: ZoneInfo, today: date | None = None) -> str:
    """The day and the minute of `value` in `zone`; a dash where there is none."""
    if value is None:
        return "–"
    time = f"{value.astimezone(zone):%H:%M}"
    shown = day(value, locale=locale, zone=zone, today=today)
    return f"{shown} {time}" if locale == "ja" else f"{shown}, {time}"


@lru_cache(maxsize=4096)
def _written(shown: date, pattern: str, locale: Locale) -> str:
    """A page names the same few days again and again, and writing one takes as long as a short query."""
    return str(format_date(shown, pattern, locale=locale))


def iso(value: date | datetime | None) -> str:
    """For `<time datetime>`: RFC 3339 in UTC, or a plain day."""
    if value is None:
        return ""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value.isoformat()


def number(value: float | None, *, locale: Locale) -> str:
    """With the thousands told apart; a dash where there is none."""
    return "–" if value is None else _decimal(value, locale)


@lru_cache(maxsize=4_096, typed=True)
def _decimal(value: float, locale: Locale) -> str:
    return str(format_decimal(value, locale=locale))


def percent(value: float | None, *, locale: Locale) -> str:
    """A share as `62.5%`; a dash where there is none: never a made-up 0."""
    return "–" if value is None else str(format_percent(value, "0.0%" if 0 < value < 1 else "0%", locale=locale))
