"""The charts of the onboarding page: a report in the shapes of `kit.charts`, with the tables that say the same."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from babel.dates import format_date

from portal.checklists.rate import RateRow
from portal.checklists.report import Report
from portal.insights.figures import Link, group_name
from portal.kit import charts
from portal.kit.dates import number, percent
from portal.kit.i18n import Locale, Message

MOST_BARS = 18
MOST_ROWS = 30


def bars_of(report: Report, link: Link, locale: Locale) -> charts.BarChart:
    """Completion by group: matured and in progress told apart. Months without a start keep their place."""
    if report.by == "month":
        rows = _every_month(report.rows)[-MOST_BARS:]
    else:
        largest = sorted(report.rows, key=lambda row: -row.started)[:MOST_BARS]
        rows = [row for row in report.rows if row in largest]
    return charts.cohort_bars([_cohort(row, report, link, locale) for row in rows])


def curve_of(report: Report, locale: Locale) -> charts.CurveChart:
    """The share completed by day since the start, as far as anybody is still completing."""
    points = [(point.day, point.completed) for point in report.curve]
    last = max((day for day, _ in points), default=0)
    risen = max((day for (day, now), (_, before) in pairwise(reversed(points)) if now > before), default=0)
    due = report.due_days or 0
    return charts.curve(
        points,
        last_day=max(1, min(last, max(risen + 7, 2 * due))),
        day_label=Message("day %(day)s", day="%d").into(locale),
        due_day=report.due_days,
        due_label=Message("deadline").into(locale),
    )


def curve_table(report: Report) -> list[tuple[int, float, int]]:
    """The curve week by week, and at the deadline: (day, share completed, still under way before that day)."""
    points = list(report.curve)
    if not points:
        return []
    last = points[-1].day
    step = 7 if last <= MOST_ROWS * 7 else -(-last // MOST_ROWS)
    days = sorted({*range(0, last + 1, step), last, min(report.due_days or 0, last)})
    starts = [point.day for point in points]
    rows = []
    for day in days:
        at = bisect_right(starts, day) - 1
        after = points[at + 1].at_risk if points[at].day < day and at + 1 < len(points) else points[at].at_risk
        rows.append((day, points[at].completed, after))
    return rows


@dataclass(frozen=True)
class StepLine:
    """One line of the funnel's table, with where the accounts of each count are."""

    title: str
    reached: int
    completed: int
    open: int
    median_days: int | None
    hrefs: tuple[str, str, str]


def steps_of(report: Report, titles: Mapping[str, str], link: Link) -> list[StepLine]:
    """The funnel as a table."""
    return [
        StepLine(
            title=titles.get(row.key, row.key),
            reached=row.reached,
            completed=row.completed,
            open=row.reached - row.completed,
            median_days=row.median_days,
            hrefs=(link(f"reached:{row.key}"), link(f"completed:{row.key}"), link(f"open:{row.key}")),
        )
        for row in report.steps
    ]


def funnel_of(lines: Sequence[StepLine], report: Report, locale: Locale) -> tuple[charts.FunnelRow, ...]:
    """From step to step. The name of a step leads to those who have got there and not done it."""
    of_people = Message("of %(reached)s people whose own it is").msgid
    basis = of_people if report.unit == "member" else Message("of %(reached)s that got there").msgid
    return charts.funnel(
        [
            (
                one.title,
                one.reached,
                one.completed,
                number(one.completed, locale=locale),
                Message(basis, reached=number(one.reached, locale=locale)).into(locale),
                one.hrefs[2],
            )
            for one in lines
        ],
        started=report.total.started,
    )


def _every_month(rows: Sequence[RateRow]) -> list[RateRow]:
    """The rows with empty ones for the months between, so that the distance of two bars is one of time."""
    found = {row.group: row for row in rows if row.group}
    if not found:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (min(found), max(found)))
    names = [f"{index // 12:04}-{index % 12 + 1:02}" for index in range(max(first, last - MOST_BARS), last + 1)]
    return [found.get(name) or RateRow(name, 0, 0, 0, 0, 0, 0, 0, 0, None, None, None, None) for name in names]


def _cohort(row: RateRow, report: Report, link: Link, locale: Locale) -> charts.Cohort:
    name = group_name(row.group, report.by, locale, report.titles)
    short = name
    if report.by == "month" and row.group:
        month = int(row.group.split("-")[1])
        short = f"{month}月" if locale == "ja" else format_date(date(2000, month, 1), "MMM", locale="en")
    is_open = row.in_progress > 0
    share = row.already_completed / row.in_progress if is_open else None
    return charts.Cohort(
        label=short,
        basis=f"N={number(row.started, locale=locale)}",
        rate=row.rate,
        value=percent(row.rate, locale=locale) if row.rate is not None else "",
        interval=row.interval,
        open_rate=share,
        open_value=percent(share, locale=locale) if share is not None else "",
        href=(link("started") if report.by == "none" else link("started", row.group)) if row.started else "",
        spoken=Message(
            "%(group)s: %(rate)s of %(matured)s in time, %(open)s in progress",
            group=name,
            rate=percent(row.rate, locale=locale),
            matured=row.matured,
            open=row.in_progress,
        ).into(locale),
    )
