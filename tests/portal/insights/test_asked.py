"""What addresses may ask for, and what becomes of odd words in them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from portal.insights.asked import asked_for, known_checklist, moment_of
from portal.kit.errors import NotFound

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 6, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", datetime(2026, 1, 31, 14, 59, 59, tzinfo=UTC)),
        ("2026-01-31T09:00:00+09:00", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T09:00:00 09:00", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31t00:00:00z", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31 00:00:00.123456789Z", datetime(2026, 1, 31, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2199-12-31", datetime(2199, 12, 31, 14, 59, 59, tzinfo=UTC)),
        ("2200-01-01", None),
        ("1969-12-31", None),
        ("9999-12-31T23:59:59Z", None),
        ("2026-02-30", None),
        ("2026-W05-6", None),
        ("20260131", None),
        ("2026-01-31T09:00:00", None),
        ("2026-01-31T25:00:00Z", None),
        ("2026-01-31T00:00:00+24:00", None),
        ("２０２６-01-31", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_moment(text: str, expected: datetime | None) -> None:
    assert moment_of(text, TOKYO) == expected


def test_odd_words_mean_the_default() -> None:
    asked = asked_for(checklist="start", by="moon", unit="planet", as_of="soon", now=NOW, zone=TOKYO)
    assert (asked.by, asked.unit, asked.as_of, asked.as_of_text) == ("month", "account", NOW, "")


def test_the_first_checklist_is_the_default_and_an_unknown_one_is_not_there() -> None:
    assert known_checklist("", ["a", "b"]) == "a"
    assert known_checklist("b", ["a", "b"]) == "b"
    assert known_checklist("", []) == ""
    with pytest.raises(NotFound):
        known_checklist("c", ["a", "b"])
