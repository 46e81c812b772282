"""The geometry of charts: bars start at zero, shares stay in the box, words stay inside the edges."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from portal.kit.charts import TOP, Cohort, cohort_bars, curve, funnel

SHARE = st.floats(0, 1)


def test_a_bar_is_as_high_as_its_rate() -> None:
    chart = cohort_bars([Cohort("6月", "4社", rate=0.5, value="50%", interval=(0.25, 0.75))])
    bar, whisker = chart.slots[0].bar, chart.slots[0].whisker
    assert bar is not None
    assert whisker is not None
    room = chart.floor - TOP
    assert bar.y + bar.height == chart.floor
    assert bar.height == room / 2
    assert (whisker.bottom, whisker.top) == (chart.floor - room / 4, chart.floor - room * 3 / 4)
    assert chart.slots[0].value_y < whisker.top


def test_those_still_within_their_deadline_never_look_like_a_rate() -> None:
    only_open, both = cohort_bars(
        [Cohort("11月", "5社", open_rate=0.4, open_value="2/5"), Cohort("10月", "7社", rate=0.5, open_rate=0.2)]
    ).slots
    assert only_open.bar is None
    assert only_open.open is not None
    assert both.bar is not None
    assert both.open is not None
    assert both.bar.x + both.bar.width <= both.open.x + 0.01, "side by side, not one over the other"


def test_no_cohort_draws_an_empty_frame() -> None:
    assert cohort_bars([]).slots == ()


@given(st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=24))
def test_bars_stay_in_their_own_slots(rates: list[tuple[float, float]]) -> None:
    chart = cohort_bars([Cohort("x", "", rate=rate, open_rate=opened) for rate, opened in rates])
    slot = 100 / len(rates)
    for index, placed in enumerate(chart.slots):
        for bar in (placed.bar, placed.open):
            assert bar is not None
            assert index * slot <= bar.x
            assert bar.x + bar.width <= (index + 1) * slot + 0.05
            assert TOP <= bar.y <= chart.floor


def test_a_curve_is_a_staircase_that_goes_on_to_the_last_day() -> None:
    drawn = curve([(0, 0.0), (10, 0.25), (20, 0.5)], last_day=40)
    assert drawn.line == "M0,1000H0V1000H250V750H500V500H1000"
    assert drawn.area == drawn.line + "V1000Z"
    assert [dot.label for dot in drawn.dots] == ["50%"]


def test_the_value_on_the_due_day_counts_that_day() -> None:
    drawn = curve([(0, 0.0), (30, 0.4), (31, 0.6)], last_day=60, due_day=30, due_label="期限")
    assert [dot.label for dot in drawn.dots] == ["40%", "60%"]
    assert drawn.due is not None
    assert (drawn.due.x, drawn.due.label) == (50, "期限")


def test_points_after_the_last_day_are_left_out() -> None:
    assert "V0" not in curve([(5, 0.5), (90, 1.0)], last_day=30).line


def test_an_empty_curve_lies_on_the_ground() -> None:
    drawn = curve([], last_day=0)
    assert (drawn.line, drawn.dots) == ("M0,1000H1000", ())


@given(
    st.lists(st.tuples(st.integers(0, 500), SHARE), max_size=40),
    st.integers(1, 500),
    st.one_of(st.none(), st.integers(0, 600)),
)
def test_a_curve_stays_in_its_box(points: list[tuple[int, float]], last: int, due: int | None) -> None:
    drawn = curve(points, last_day=last, due_day=due)
    assert all(0 <= int(number) <= 1000 for number in re.findall(r"\d+", drawn.line))
    assert all(0 <= dot.x <= 100 and TOP <= dot.y <= drawn.floor for dot in drawn.dots)
    assert 2 <= len(drawn.ticks) <= 8
    assert drawn.ticks[0].anchor == "start"


def test_a_funnel_measures_all_steps_by_those_who_started() -> None:
    first, second = funnel([("a", 8, 6, "6社", "/ 8社", ""), ("b", 6, 3, "3社", "/ 6社", "#")], started=8)
    assert (first.reached, first.completed) == (100, 75)
    assert (second.reached, second.completed) == (75, 37.5)


def test_a_funnel_of_nobody_is_empty() -> None:
    assert funnel([("a", 0, 0, "0", "", "")], started=0)[0].completed == 0
