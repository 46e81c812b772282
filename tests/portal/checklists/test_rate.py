"""Completion rates against hand-computed tables, and the curve against lifelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter

from portal.checklists.deadlines import Pause, effective_due
from portal.checklists.rate import (
    CurvePoint,
    RateRow,
    Run,
    StepRow,
    completion_rate,
    curve,
    rate_rows,
    seconds,
    steps_funnel,
)
from portal.kit.clock import Span, deadline, local_day
from portal.kit.intervals import wilson

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


def jst(month: int, day: int, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=TOKYO).astimezone(UTC)


START = jst(1, 1)
DUE = deadline(START, Span(30, "d"), TOKYO)  # 31 January, 23:59:59
AFTER = jst(3, 1)


def run(
    *,
    started: datetime = START,
    due: datetime | None = DUE,
    completed: datetime | None = None,
    left: datetime | None = None,
    group: str | None = None,
) -> Run:
    started_at = seconds(started)
    assert started_at is not None
    return Run(group, started_at, seconds(due), seconds(completed), seconds(left))


def row(*runs: Run, as_of: datetime = AFTER) -> RateRow:
    (found,) = rate_rows(runs, as_of=as_of, zone=TOKYO)
    return found


def boxes(*runs: Run, as_of: datetime = AFTER) -> dict[str, int]:
    """The counts that are not zero."""
    names = ("in_time", "late", "missed", "left", "in_progress", "already")
    found = row(*runs, as_of=as_of)
    counts = (
        found.completed_in_time,
        found.completed_late,
        found.missed,
        found.left,
        found.in_progress,
        found.already_completed,
    )
    assert found.matured == sum(counts[:4])
    assert found.started == found.matured + found.in_progress
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def test_the_deadline_is_the_last_second_of_january() -> None:
    assert jst(1, 31, 23, 59, 59) == DUE


@pytest.mark.parametrize(
    ("one", "as_of", "expected"),
    [
        pytest.param(run(), jst(1, 31, 23, 59, 59), {"in_progress": 1}, id="last second of the deadline day"),
        pytest.param(run(), jst(2, 1, 0), {"missed": 1}, id="the next second"),
        pytest.param(run(completed=jst(1, 31, 23, 59, 59)), AFTER, {"in_time": 1}, id="done in the last second"),
        pytest.param(run(completed=jst(2, 1, 0)), AFTER, {"late": 1}, id="done in the next second"),
        pytest.param(run(completed=jst(1, 9)), jst(1, 20), {"in_progress": 1, "already": 1}, id="done, not matured"),
        pytest.param(run(completed=jst(1, 25)), jst(1, 20), {"in_progress": 1}, id="done after we look"),
        pytest.param(run(completed=jst(2, 20)), jst(2, 10), {"missed": 1}, id="late, but not yet as we look"),
        pytest.param(run(completed=jst(2, 20)), jst(2, 20), {"late": 1}, id="late, as we look"),
        pytest.param(run(left=jst(1, 10)), jst(1, 20), {"in_progress": 1}, id="left, deadline to come"),
        pytest.param(run(left=jst(1, 10)), jst(1, 31, 23, 59, 59), {"in_progress": 1}, id="left, deadline day"),
        pytest.param(run(left=jst(1, 10)), jst(2, 1, 0), {"left": 1}, id="left, deadline over"),
        pytest.param(run(left=jst(2, 10)), AFTER, {"left": 1}, id="left after the deadline"),
        pytest.param(run(left=jst(2, 10)), jst(2, 9), {"missed": 1}, id="left after the deadline and after we look"),
        pytest.param(run(completed=jst(1, 9), left=jst(1, 10)), AFTER, {"in_time": 1}, id="done, then left"),
        pytest.param(run(completed=jst(1, 9), left=jst(1, 9)), AFTER, {"in_time": 1}, id="done as they left"),
        pytest.param(run(completed=jst(1, 10), left=jst(1, 9)), AFTER, {"left": 1}, id="left, then done"),
        pytest.param(run(completed=jst(1, 10), left=jst(1, 9)), jst(1, 20), {"in_progress": 1}, id="same, to mature"),
        pytest.param(run(completed=jst(2, 9), left=jst(2, 8)), jst(2, 8, 9), {"missed": 1}, id="neither known yet"),
        pytest.param(run(due=None), AFTER, {"in_progress": 1}, id="no deadline"),
        pytest.param(run(due=None, left=jst(1, 9)), AFTER, {"in_progress": 1}, id="no deadline, left"),
        pytest.param(
            run(due=None, completed=jst(1, 9)), AFTER, {"in_progress": 1, "already": 1}, id="no deadline, done"
        ),
        pytest.param(run(started=jst(3, 2)), AFTER, {}, id="starts after we look"),
        pytest.param(run(started=AFTER, due=None), AFTER, {"in_progress": 1}, id="starts as we look"),
        pytest.param(run(), datetime(2030, 1, 1, tzinfo=UTC), {"missed": 1}, id="looking ahead"),
    ],
)
def test_which_box(one: Run, as_of: datetime, expected: dict[str, int]) -> None:
    assert boxes(one, as_of=as_of) == expected


def test_a_moved_start_moves_the_box() -> None:
    moved = jst(2, 15)
    due = deadline(moved, Span(30, "d"), TOKYO)
    assert boxes(run(), as_of=AFTER) == {"missed": 1}
    assert boxes(run(started=moved, due=due), as_of=AFTER) == {"in_progress": 1}
    assert boxes(run(started=moved, due=due), as_of=jst(2, 14)) == {}


def test_a_pause_takes_a_customer_out_of_the_matured_until_it_ends() -> None:
    pause = [Pause(jst(1, 20), jst(2, 20))]

    def as_known(as_of: datetime) -> dict[str, int]:
        return boxes(run(due=effective_due(DUE, pause, as_of=as_of, zone=TOKYO)), as_of=as_of)

    assert as_known(jst(2, 10)) == {"in_progress": 1}
    assert as_known(jst(3, 3)) == {"in_progress": 1}
    assert as_known(jst(3, 4)) == {"missed": 1}
    assert boxes(run(), as_of=jst(2, 10)) == {"missed": 1}


def test_the_whole_table() -> None:
    """Ten customers who started on 1 January, and two in February; worked out by hand."""
    february = {"started": jst(2, 20), "due": jst(3, 22, 23, 59, 59)}
    found = row(
        run(completed=jst(1, 6)),
        run(completed=jst(1, 11)),
        run(completed=jst(1, 31, 23, 59, 59)),
        run(completed=jst(1, 31, 9), left=jst(2, 3)),
        run(completed=jst(2, 1, 0)),
        run(completed=jst(2, 15)),
        run(),
        run(),
        run(left=jst(1, 11)),
        run(left=jst(2, 11)),
        run(started=february["started"], due=february["due"], completed=jst(2, 22)),
        run(started=february["started"], due=february["due"], left=jst(2, 25)),
    )
    assert found == RateRow(
        group=None,
        started=12,
        matured=10,
        completed_in_time=4,
        completed_late=2,
        missed=2,
        left=2,
        in_progress=2,
        already_completed=1,
        rate=0.4,
        interval=found.interval,
        cumulative_rate=7 / 12,
        median_days=31,
    )
    assert found.interval == pytest.approx((0.168180, 0.687326), abs=1e-6)


def test_nobody_gives_one_row_of_zeros_and_nulls() -> None:
    assert astuple(row()) == (None, 0, 0, 0, 0, 0, 0, 0, 0, None, None, None, None)
    assert curve([], as_of=AFTER, zone=TOKYO) == [CurvePoint(0, 0.0, 0)]
    assert rate_rows([], as_of=AFTER, zone=TOKYO, grouped=True) == []


def test_nobody_matured_has_no_rate_but_a_cumulative_one() -> None:
    found = row(run(completed=jst(1, 5)), run(), as_of=jst(1, 10))
    assert (found.rate, found.interval, found.cumulative_rate) == (None, None, 0.5)
    found = row(run(), run(), as_of=jst(1, 10))
    assert (found.in_progress, found.rate, found.cumulative_rate, found.median_days) == (2, None, 0.0, None)


def test_groups_come_in_the_order_asked_for_then_by_name_then_none() -> None:
    runs = [run(group=group) for group in ("pro", None, "starter", "b", "a", "pro")]
    rows = rate_rows(runs, as_of=AFTER, zone=TOKYO, grouped=True, groups_order=["starter", "gone", "pro"])
    assert [(found.group, found.started) for found in rows] == [
        ("starter", 1),
        ("pro", 2),
        ("a", 1),
        ("b", 1),
        (None, 1),
    ]
    assert rate_rows(runs, as_of=AFTER, zone=TOKYO) == [row(*runs)]
    assert row(*runs).group is None


def test_a_group_in_which_nobody_has_started_has_no_row() -> None:
    runs = [run(group="a"), run(group="b", started=jst(3, 2))]
    assert [found.group for found in rate_rows(runs, as_of=AFTER, zone=TOKYO, grouped=True)] == ["a"]


def test_days_are_the_calendar_of_the_vendor_and_never_negative() -> None:
    late_evening = run(started=jst(1, 1, 23, 59), completed=jst(1, 2, 0, 1))
    before_the_start = run(started=jst(1, 10), completed=jst(1, 2))
    assert row(late_evening).median_days == 1
    assert row(before_the_start).median_days == 0
    (found,) = rate_rows([late_evening], as_of=AFTER, zone=NEW_YORK)
    assert found.median_days == 0


def test_days_count_right_over_summer_time_and_a_skipped_day() -> None:
    def days(started: datetime, completed: datetime, zone: ZoneInfo) -> int | None:
        (found,) = rate_rows([run(started=started, completed=completed)], as_of=AFTER + 999 * DAY, zone=zone)
        return found.median_days

    for hour in range(24):
        started = datetime(2026, 3, 7, hour, 30, tzinfo=UTC)
        completed = datetime(2026, 11, 2, 23 - hour, 30, tzinfo=UTC)
        expected = (local_day(completed, NEW_YORK) - local_day(started, NEW_YORK)).days
        assert days(started, completed, NEW_YORK) == expected


def test_a_slip_of_millennia_is_borne() -> None:
    slip = run(started=datetime(2, 1, 1, tzinfo=UTC), due=None, completed=jst(1, 5))
    found = completion_rate([slip, run(completed=jst(1, 5))], as_of=datetime(9990, 1, 1, tzinfo=UTC), zone=TOKYO)
    assert found.rows[0].completed_in_time == 1
    assert [point.day for point in found.curve[:2]] == [0, 4]
    assert 199 * 365 < found.curve[2].day < 201 * 365


@pytest.mark.parametrize(
    ("done", "n", "expected"),
    [
        (0, 0, None),
        (5, 10, (0.2366, 0.7634)),
        (10, 10, (0.7225, 1.0)),
        # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson(done: int, n: int, expected: tuple[float, float] | None) -> None:
    assert wilson(done, n) == (None if expected is None else pytest.approx(expected, abs=5e-5))


def observed(kind: str, day: int, follow_up: int = 0) -> Run:
    """Someone seen `done` or `left` on that day, or still there (`open`) when we look at AFTER."""
    started = AFTER - (day + follow_up) * DAY
    end = started + day * DAY
    return run(
        started=started,
        due=None,
        completed=end if kind == "done" else None,
        left=end if kind == "left" else None,
    )


def points(runs: Sequence[Run]) -> list[tuple[int, object, int]]:
    found = curve(runs, as_of=AFTER, zone=TOKYO)
    return [(point.day, pytest.approx(point.completed), point.at_risk) for point in found]


def test_the_curve_by_hand() -> None:
    runs = [
        observed("done", 2, 9),
        observed("done", 5, 9),
        observed("left", 5, 9),
        observed("open", 5),
        observed("done", 8, 9),
        observed("open", 9),
    ]
    # day 2: 1/6. day 5: + 5/6 x 1/5 = 1/3; waiting 5/6 x 3/5 = 1/2. day 8: + 1/2 x 1/2 = 7/12.
    assert points(runs) == [(0, 0.0, 6), (2, 1 / 6, 6), (5, 1 / 3, 5), (8, 7 / 12, 2), (9, 7 / 12, 1)]
    assert row(*runs).median_days == 8


def test_who_is_done_at_once_is_in_the_first_point() -> None:
    assert points([observed("done", 0, 3), observed("open", 3)]) == [(0, 0.5, 2), (3, 0.5, 1)]


def test_the_median_is_where_exactly_half_are_done() -> None:
    """Adding up ten tenths must not fall short of the half by a rounding error."""
    for n in range(2, 60, 2):
        half = [observed("done", day, 99) for day in range(1, n // 2 + 1)]
        assert row(*half, *[observed("open", 120)] * (n // 2)).median_days == n // 2
        assert row(*half, *[observed("open", 120)] * (n // 2 + 1)).median_days is None


kinds = st.sampled_from(["done", "done", "left", "open"])
people = st.lists(st.tuples(kinds, st.integers(0, 60), st.integers(0, 5)), min_size=1, max_size=40)


@settings(max_examples=100, deadline=None)
@given(people)
def test_the_curve_is_the_textbook_formula_in_fractions(seen: list[tuple[str, int, int]]) -> None:
    runs = [observed(kind, day, 0 if kind == "open" else follow_up) for kind, day, follow_up in seen]
    incidence, waiting, expected = Fraction(0), Fraction(1), []
    for day in sorted({0} | {day for _, day, _ in seen}):
        at_risk = sum(d >= day for _, d, _ in seen)
        done = sum(kind == "done" and d == day for kind, d, _ in seen)
        left = sum(kind == "left" and d == day for kind, d, _ in seen)
        incidence += waiting * Fraction(done, at_risk)
        waiting *= 1 - Fraction(done + left, at_risk)
        expected.append((day, float(incidence), at_risk))
    assert points(runs) == expected
    median = next((day for day, share, _ in expected if share >= 0.5 - 1e-9), None)
    assert row(*runs).median_days == median


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(kinds, st.integers(1, 40), st.integers(1, 5)), min_size=2, max_size=60))
def test_the_curve_is_aalen_johansens(seen: list[tuple[str, int, int]]) -> None:
    """Completions fall on even days and leaving on odd ones: lifelines would shake ties between the two apart."""
    seen = [(kind, day * 2 + (kind == "left"), more) for kind, day, more in seen]
    runs = [observed(kind, day, 0 if kind == "open" else more) for kind, day, more in seen]
    fitter = AalenJohansenFitter(calculate_variance=False)
    events = pd.Series([{"open": 0, "done": 1, "left": 2}[kind] for kind, _, _ in seen])
    fitter.fit(pd.Series([day for _, day, _ in seen]), events, event_of_interest=1)
    expected = list(fitter.cumulative_density_.iloc[:, 0].items())
    assert [(day, completed) for day, completed, _ in points(runs)] == expected
    at_risk = fitter.event_table["at_risk"]
    assert [at_risk[day] for day, _, _ in points(runs)] == [count for _, _, count in points(runs)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["done", "open"]), st.integers(0, 50)), min_size=1, max_size=60))
def test_the_curve_is_one_minus_kaplan_meier_when_nobody_left(seen: list[tuple[str, int]]) -> None:
    runs = [observed(kind, day, 0 if kind == "open" else 7) for kind, day in seen]
    fitter = KaplanMeierFitter()
    fitter.fit([day for _, day in seen], [kind == "done" for kind, _ in seen])
    expected = [(day, 1 - share) for day, share in fitter.survival_function_.iloc[:, 0].items()]
    assert [(day, completed) for day, completed, _ in points(runs)] == expected


moments = st.integers(0, 200 * 24).map(lambda hours: jst(1, 1) + timedelta(hours=hours))
any_run = st.builds(
    run,
    started=moments,
    due=st.none() | moments,
    completed=st.none() | moments,
    left=st.none() | moments,
    group=st.none() | st.sampled_from(["a", "b", "c"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(any_run, max_size=30), moments)
def test_everybody_who_started_is_in_exactly_one_box(runs: list[Run], as_of: datetime) -> None:
    report = completion_rate(runs, as_of=as_of, zone=TOKYO, grouped=True)
    whole = row(*runs, as_of=as_of)
    for found in [*report.rows, whole]:
        matured = found.completed_in_time + found.completed_late + found.missed + found.left
        assert found.matured == matured
        assert found.started == found.matured + found.in_progress
        assert 0 <= found.already_completed <= found.in_progress
        for share in (found.rate, found.cumulative_rate, *(found.interval or ())):
            assert share is None or 0 <= share <= 1
        if found.interval is not None and found.rate is not None:
            assert found.interval[0] <= found.rate <= found.interval[1]
    assert whole.started == sum(one.started_at <= (seconds(as_of) or 0) for one in runs)
    for name in ("started", "matured", "completed_in_time", "completed_late", "missed", "left", "already_completed"):
        assert getattr(whole, name) == sum(getattr(found, name) for found in report.rows)
    assert report.curve == curve(runs, as_of=as_of, zone=TOKYO)
    assert report.curve[0].at_risk == whole.started
    shares = [point.completed for point in report.curve]
    assert shares == sorted(shares)
    assert rate_rows(reversed(runs), as_of=as_of, zone=TOKYO) == [whole]


@settings(max_examples=60, deadline=None)
@given(st.lists(any_run, max_size=15), moments)
def test_what_happens_after_we_look_is_not_known(runs: list[Run], as_of: datetime) -> None:
    now = seconds(as_of) or 0
    known = [
        one._replace(
            completed_at=one.completed_at if one.completed_at is not None and one.completed_at <= now else None,
            left_at=one.left_at if one.left_at is not None and one.left_at <= now else None,
        )
        for one in runs
        if one.started_at <= now
    ]
    assert completion_rate(runs, as_of=as_of, zone=TOKYO) == completion_rate(known, as_of=as_of, zone=TOKYO)


def test_seconds_are_cut_off_downwards() -> None:
    assert seconds(None) is None
    assert seconds(datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)) == 1
    assert seconds(datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)) == -1
    assert seconds(datetime(1970, 1, 1, 9, tzinfo=TOKYO)) == 0


def test_the_funnel_says_by_when_half_of_those_who_did_a_step_had_done_it() -> None:
    rows = steps_funnel([("a", 10, {3: 1, 0: 1, 9: 1}), ("b", 8, {1: 2, 5: 2}), ("c", 0, {})])
    assert rows == [StepRow("a", 10, 3, 3), StepRow("b", 8, 4, 1), StepRow("c", 0, 0, None)]
    assert steps_funnel([]) == []
