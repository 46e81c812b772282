"""The one box of a run, and the counts of all of them: two ways to the same figure, on random customers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.checklists.rate import FIGURES, RateRow, Run, box_of, completion_rate
from portal.kit.clock import local_day

ZONES = [ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), ZoneInfo("UTC")]
FIRST = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
moments = st.integers(0, 120 * 24).map(lambda hours: FIRST + hours * 3600)
maybe = st.none() | moments
runs = st.lists(st.builds(Run, st.sampled_from(["pro", "free", None]), moments, maybe, maybe, maybe), max_size=30)


def figure(row: RateRow, name: str) -> int:
    if name == "completed":
        return row.completed_in_time + row.completed_late + row.already_completed
    count: int = getattr(row, name)
    return count


@settings(max_examples=200)
@given(runs, moments, st.sampled_from(ZONES))
def test_each_figure_counts_its_boxes(some: list[Run], now: int, zone: ZoneInfo) -> None:
    as_of = datetime.fromtimestamp(now, UTC)
    found = completion_rate(some, as_of=as_of, zone=zone, grouped=True)
    for name, boxes in FIGURES.items():
        for row in found.rows:
            behind = [run for run in some if run.group == row.group and box_of(run, as_of=as_of) in boxes]
            assert len(behind) == figure(row, name)
        assert sum(figure(row, name) for row in found.rows) == figure(found.total, name)


@settings(max_examples=100)
@given(runs, moments, st.sampled_from(ZONES))
def test_the_months_are_those_of_the_calendar_in_the_zone(some: list[Run], now: int, zone: ZoneInfo) -> None:
    as_of = datetime.fromtimestamp(now, UTC)
    found = completion_rate(some, as_of=as_of, zone=zone, monthly=True)
    months = [
        f"{local_day(datetime.fromtimestamp(run.started_at, UTC), zone):%Y-%m}" for run in some if run.started_at <= now
    ]
    assert {row.group: row.started for row in found.rows} == {month: months.count(month) for month in months}
    assert [row.group for row in found.rows] == sorted(set(months))


@given(runs, moments)
def test_the_total_is_the_only_row_of_a_report_without_groups(some: list[Run], now: int) -> None:
    as_of = datetime.fromtimestamp(now, UTC) + timedelta(days=1)
    found = completion_rate(some, as_of=as_of, zone=ZONES[0])
    assert found.rows == [found.total]
