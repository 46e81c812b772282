"""Reports in words, tables and shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.checklists.rate import CurvePoint, RateRow, StepRow
from portal.checklists.report import By, Report, Unit
from portal.insights.drawings import bars_of, curve_of, curve_table, funnel_of, steps_of
from portal.insights.figures import figures_of, group_name, lines_of, linker, total_of
from portal.kit.intervals import wilson

AS_OF = datetime(2026, 6, 3, tzinfo=UTC)


def row(group: str | None, *, started: int = 4, in_time: int = 1, missed: int = 2, already: int = 1) -> RateRow:
    matured = in_time + missed
    return RateRow(
        group=group,
        started=started,
        matured=matured,
        completed_in_time=in_time,
        completed_late=0,
        missed=missed,
        left=0,
        in_progress=started - matured,
        already_completed=already,
        rate=in_time / matured if matured else None,
        interval=wilson(in_time, matured),
        cumulative_rate=(in_time + already) / started if started else None,
        median_days=None,
    )


def report(*rows: RateRow, by: By = "month", unit: Unit = "account", curve: tuple[CurvePoint, ...] = ()) -> Report:
    return Report("start", unit, by, 30, AS_OF, rows, row(None, started=1200), curve, [StepRow("a", 4, 3, 1)])


def asks(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query, keep_blank_values=True).items()}


def test_a_link_says_all_of_one_group_and_of_those_without_one() -> None:
    link = linker("start", "plan", "account", "")
    assert asks(link("matured")) == {"checklist": "start", "box": "matured"}
    assert asks(link("matured", "pro")) == {"checklist": "start", "box": "matured", "by": "plan", "group": "pro"}
    assert asks(link("matured", None)) == {"checklist": "start", "box": "matured", "by": "plan", "group": ""}
    there = asks(linker("start", "plan", "member", "2026-01-31")("left", "a&b=c"))
    assert there == {
        "checklist": "start", "box": "left", "by": "plan", "group": "a&b=c", "unit": "member", "as_of": "2026-01-31"
    }  # fmt: skip


def test_the_three_figures_say_what_they_stand_on() -> None:
    link = linker("start", "month", "account", "")
    rate, cumulative, median = figures_of(report(), link, "ja")
    assert rate.value == "33.3%"
    assert rate.basis.into("ja") == "期限を過ぎた3社のうち1社"
    assert rate.interval is not None
    assert asks(rate.href)["box"] == "completed_in_time"
    assert cumulative.basis.into("ja") == "開始した1,200社のうち2社"
    assert (median.value, median.unit) == (None, None)
    assert figures_of(report(unit="member"), link, "ja")[0].basis.into("ja") == "期限を過ぎた3名のうち1名"


def test_no_rate_is_none_and_never_zero() -> None:
    total = row(None, started=0, in_time=0, missed=0, already=0)
    nobody = Report("start", "account", "none", None, AS_OF, [], total, [], [])
    rate, cumulative, median = figures_of(nobody, linker("start", "none", "account", ""), "en")
    assert (rate.value, rate.interval, cumulative.value, median.value) == (None, None, None, None)


def test_a_table_line_leads_to_its_own_accounts() -> None:
    link = linker("start", "plan", "account", "")
    (line,) = lines_of(report(row(None), by="plan"), link, "en")
    assert (line.group, line.counts[0][0]) == ("None", 4)
    assert asks(line.counts[1][1]) == {"checklist": "start", "box": "matured", "by": "plan", "group": ""}
    assert asks(total_of(report(by="plan"), link).counts[1][1]) == {"checklist": "start", "box": "matured"}


@pytest.mark.parametrize(
    ("group", "by", "ja", "en"),
    [
        ("2026-04", "month", "2026年4月", "Apr 2026"),
        (None, "plan", "なし", "None"),
        ("pro", "plan", "pro", "pro"),
        (None, "none", "全体", "All together"),
    ],
)
def test_group_names(group: str | None, by: str, ja: str, en: str) -> None:
    assert group_name(group, by, "ja") == ja
    assert group_name(group, by, "en") == en


def test_months_without_a_start_keep_their_place() -> None:
    chart = bars_of(report(row("2025-11"), row("2026-02")), linker("start", "month", "account", ""), "en")
    assert [slot.label for slot in chart.slots] == ["Nov", "Dec", "Jan", "Feb"]
    assert [bool(slot.href) for slot in chart.slots] == [True, False, False, True]
    assert [slot.bar is None for slot in chart.slots] == [False, True, True, False]


def test_at_most_eighteen_bars_the_newest_months_or_the_largest_groups() -> None:
    link = linker("start", "month", "account", "")
    months = [row(f"{2020 + index // 12}-{index % 12 + 1:02}") for index in range(40)]
    chart = bars_of(report(*months), link, "en")
    assert (len(chart.slots), chart.slots[-1].label) == (18, "Apr")
    owners = [row(f"o{index:02}", started=100 + index) for index in range(30)]
    chart = bars_of(report(*owners, by="owner"), link, "en")
    assert [slot.label for slot in chart.slots] == [f"o{index:02}" for index in range(12, 30)]


def test_the_curve_ends_where_nobody_completes_any_more() -> None:
    points = (CurvePoint(0, 0.0, 9), CurvePoint(10, 0.5, 9), CurvePoint(400, 0.5, 1))
    chart = curve_of(report(curve=points), "en")
    assert chart.ticks[-1].label == "day 60"
    assert curve_of(report(), "ja").ticks[0].label == "0日"


def test_the_table_of_the_curve_goes_week_by_week_and_names_the_deadline() -> None:
    points = (CurvePoint(0, 0.0, 9), CurvePoint(10, 0.5, 8), CurvePoint(40, 0.75, 3))
    assert curve_table(report(curve=points)) == [
        (0, 0.0, 9),
        (7, 0.0, 8),
        (14, 0.5, 3),
        (21, 0.5, 3),
        (28, 0.5, 3),
        (30, 0.5, 3),
        (35, 0.5, 3),
        (40, 0.75, 3),
    ]
    assert curve_table(report()) == []
    long = (CurvePoint(0, 0.0, 9), CurvePoint(3000, 0.5, 8))
    assert len(curve_table(report(curve=long))) <= 33


def test_a_step_leads_to_who_got_there_and_has_not_done_it() -> None:
    link = linker("start", "month", "account", "")
    (line,) = steps_of(report(), {"a": "最初"}, link)
    assert (line.title, line.open) == ("最初", 1)
    assert [asks(href)["box"] for href in line.hrefs] == ["reached:a", "completed:a", "open:a"]
    (shape,) = funnel_of([line], report(), "ja")
    assert (shape.label, shape.value, shape.href) == ("最初", "3", line.hrefs[2])
