"""What falls into which month, worked out by hand: a year's end, midnight in the vendor's zone, a leap day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from portal.checklists.rate import Run, seconds
from portal.checklists.tallies import Columns, Numbers
from portal.insights.closing_rules import (
    Counts,
    Period,
    counts,
    first_day,
    fiscal_year,
    helped_themselves,
    is_month,
    marks_of,
    month_end,
    on_day,
    shifted,
    to_close,
)
from portal.kit.clock import day_end, day_start
from portal.kit.intervals import wilson
from tests.library import TOKYO


def at(text: str) -> int:
    """A moment of Tokyo's clock, in seconds."""
    return seconds(datetime.fromisoformat(text).replace(tzinfo=TOKYO)) or 0


def due(text: str) -> int:
    return seconds(day_end(date.fromisoformat(text), TOKYO)) or 0


RUNS = (
    Run("in time in December", at("2026-11-20T10:00"), due("2026-12-20"), at("2026-12-10T10:00"), None),
    # The deadline ends with the year: it has passed with the first second of January.
    Run("due on New Year's Eve", at("2026-12-01T00:00"), due("2026-12-31"), at("2026-12-31T23:59:59"), None),
    Run("late in January", at("2026-12-15T10:00"), due("2027-01-14"), at("2027-01-20T10:00"), None),
    # 15:30 in UTC on 31 December is half past midnight of the new year in Tokyo.
    Run(
        "started after midnight",
        seconds(datetime(2026, 12, 31, 15, 30, tzinfo=UTC)) or 0,
        due("2027-01-31"),
        None,
        None,
    ),
    Run("left in November", at("2026-11-01T00:00"), due("2026-12-01"), None, at("2026-11-20T00:00")),
    Run("paused", at("2026-12-05T00:00"), None, None, None),
)


@pytest.mark.parametrize(
    ("first", "month", "started", "matured", "in_time", "completed", "so_far"),
    [
        ("2026-10", "2026-10", 0, 0, 0, 0, None),
        ("2026-11", "2026-11", 2, 0, 0, 0, 0 / 2),
        ("2026-12", "2026-12", 3, 2, 1, 2, 2 / 5),
        ("2027-01", "2027-01", 1, 2, 1, 1, 3 / 6),
        ("2027-02", "2027-02", 0, 1, 0, 0, 3 / 6),
        ("2026-04", "2026-12", 5, 2, 1, 2, 2 / 5),
        ("2026-04", "2027-01", 6, 4, 2, 3, 3 / 6),
        ("2027-01", "2027-02", 1, 3, 1, 1, 3 / 6),
    ],
)
def test_what_falls_into_a_period(
    first: str, month: str, started: int, matured: int, in_time: int, completed: int, so_far: float | None
) -> None:
    end = month_end(month, TOKYO)
    period = Period(seconds(day_start(first_day(first), TOKYO)), seconds(end) or 0)
    rate = in_time / matured if matured else None
    expected = Counts(started, matured, in_time, completed, rate, wilson(in_time, matured), so_far)
    marks = marks_of(Columns.of(RUNS), period, as_of=end)
    assert counts({what: int(which.sum()) for what, which in marks.items()}) == expected


@pytest.mark.parametrize(
    ("month", "end"),
    [
        ("2026-12", datetime(2026, 12, 31, 14, 59, 59, tzinfo=UTC)),
        ("2028-02", datetime(2028, 2, 29, 14, 59, 59, tzinfo=UTC)),
        ("2027-02", datetime(2027, 2, 28, 14, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_month_ends_in_the_vendors_zone(month: str, end: datetime) -> None:
    assert month_end(month, TOKYO) == end


@pytest.mark.parametrize(
    ("month", "start", "year", "first"),
    [
        ("2026-04", 4, 2026, "2026-04"),
        ("2027-03", 4, 2026, "2026-04"),
        ("2027-04", 4, 2027, "2027-04"),
        ("2026-12", 1, 2026, "2026-01"),
        ("2026-11", 12, 2025, "2025-12"),
    ],
)
def test_fiscal_years(month: str, start: int, year: int, first: str) -> None:
    assert fiscal_year(month, start) == (year, first)


@pytest.mark.parametrize(
    ("closed", "now", "months"),
    [
        (None, "2026-06", ["2026-05"]),
        ("2026-05", "2026-06", []),
        ("2026-10", "2027-02", ["2026-11", "2026-12", "2027-01"]),
        ("2026-07", "2026-06", []),
    ],
)
def test_which_months_are_to_be_closed(closed: str | None, now: str, months: list[str]) -> None:
    assert to_close(last_closed=closed, this_month=now) == months


def test_months_are_read_with_care() -> None:
    assert [shifted("2026-12", 1), shifted("2026-01", -1), shifted("2026-06", -18)] == ["2027-01", "2025-12", "2024-12"]
    assert [is_month(text) for text in ("2026-12", "2026-13", "2026-1", "٢٠٢٦-١٢", "")] == [True, *[False] * 4]


def test_who_helped_themselves() -> None:
    def days(*pairs: tuple[int, int]) -> Numbers:
        return np.array([on_day(one, date(2026, 12, 1) + timedelta(days=day - 1)) for one, day in pairs], np.int64)

    readings = days((1, 29), (1, 10), (2, 10), (3, 10), (4, 10))
    contacts = days((1, 32), (2, 10), (3, 14), (3, 9))
    # 29 December and New Year's Day are three days apart; one before or after does not count.
    assert helped_themselves(readings, contacts).tolist() == [False, True, False, True, True]
    assert helped_themselves(days(), days()).tolist() == []
