"""Dates and numbers as readers of each language write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from portal.kit import dates
from portal.kit.i18n import Locale
from tests.onboarding import TOKYO

TODAY = date(2026, 6, 3)
LATE = datetime(2026, 6, 2, 15, 5, tzinfo=UTC)
"""Already the third in Tokyo."""


@pytest.mark.parametrize(
    ("value", "ja", "en"),
    [
        (LATE, "6月3日(水)", "Wed 3 Jun"),
        (date(2026, 6, 3), "6月3日(水)", "Wed 3 Jun"),
        (date(2025, 12, 31), "2025年12月31日(水)", "Wed 31 Dec 2025"),
        (datetime(2025, 12, 31, 15, tzinfo=UTC), "1月1日(木)", "Thu 1 Jan"),
        (None, "–", "–"),
    ],
)
def test_days(value: date | datetime | None, ja: str, en: str) -> None:
    assert dates.day(value, locale="ja", zone=TOKYO, today=TODAY) == ja
    assert dates.day(value, locale="en", zone=TOKYO, today=TODAY) == en


def test_the_year_is_told_by_the_vendors_own_today() -> None:
    assert dates.day(date(1999, 1, 1), locale="ja", zone=TOKYO) == "1999年1月1日(金)"


@pytest.mark.parametrize(("locale", "text"), [("ja", "6月3日(水) 00:05"), ("en", "Wed 3 Jun, 00:05")])
def test_moments(locale: Locale, text: str) -> None:
    assert dates.moment(LATE, locale=locale, zone=TOKYO, today=TODAY) == text
    assert dates.moment(None, locale=locale, zone=TOKYO) == "–"


def test_for_machines() -> None:
    assert dates.iso(LATE) == "2026-06-02T15:05:00Z"
    assert dates.iso(LATE.astimezone(timezone(timedelta(hours=9)))) == "2026-06-02T15:05:00Z"
    assert dates.iso(TODAY) == "2026-06-03"
    assert dates.iso(None) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234567, "1,234,567"), (2.5, "2.5"), (-1000, "-1,000"), (None, "–")]
)
def test_numbers(value: float | None, text: str) -> None:
    assert {dates.number(value, locale=locale) for locale in ("ja", "en")} == {text}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0%"), (1, "100%"), (0.625, "62.5%"), (1 / 3, "33.3%"), (0.0001, "0.0%"), (None, "–")]
)
def test_shares(value: float | None, text: str) -> None:
    assert {dates.percent(value, locale=locale) for locale in ("ja", "en")} == {text}
