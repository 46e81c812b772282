"""Figures of the onboarding page in the reader's words: each with its N, what it means, and where its accounts are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from babel.dates import format_date

from portal.checklists.definition import Definition, in_words
from portal.checklists.rate import RateRow
from portal.checklists.report import Report
from portal.kit import charts
from portal.kit.dates import percent
from portal.kit.i18n import Locale, Message

WHERE = "/staff/onboarding/accounts"
BOXES: dict[str, Message] = {
    "started": Message("Started, in all"),
    "matured": Message("Deadline passed"),
    "completed_in_time": Message("Kept the deadline"),
    "completed_late": Message("Completed late"),
    "missed": Message("Not completed"),
    "left": Message("Left before completing"),
    "in_progress": Message("Still within the time"),
    "already_completed": Message("of these, completed already"),
    "completed": Message("Completed so far"),
}
MEANINGS: dict[str, Message] = {
    "started": Message("Customers enrolled whose run has begun. Excluded ones are not counted anywhere."),
    "matured": Message("Customers whose deadline has passed. Only these can have kept or missed it."),
    "completed_in_time": Message("Completed no later than the last second of the deadline day."),
    "completed_late": Message("Completed after the deadline day."),
    "missed": Message("The deadline has passed, and they have neither completed nor left."),
    "left": Message("Customers who left before completing, once their deadline has passed."),
    "in_progress": Message("The deadline lies ahead, or is suspended by a pause. They are not failures."),
    "already_completed": Message("Completed, though the deadline still lies ahead."),
    "completed": Message("All who completed, in time or late, whether or not their deadline has passed."),
}


@dataclass(frozen=True)
class Figure:
    """One large figure."""

    name: Message
    value: str | None
    basis: Message
    interval: tuple[float, float, float] | None
    interval_text: Message | None
    href: str
    meaning: Message


@dataclass(frozen=True)
class Line:
    """One line of the table: a group, its counts with links, its rates."""

    group: str
    counts: Sequence[tuple[int, str]]
    rate: float | None
    interval: tuple[float, float] | None
    cumulative_rate: float | None
    median_days: int | None


COLUMNS = (
    "started",
    "matured",
    "completed_in_time",
    "completed_late",
    "missed",
    "left",
    "in_progress",
    "already_completed",
)


def figures_of(report: Report, link: Callable[..., str], locale: Locale) -> list[Figure]:
    """The three figures that come first."""
    row = report.total
    point = None
    said = None
    if row.rate is not None and row.interval is not None:
        point = (*row.interval, row.rate)
        said = Message(
            "95%% interval %(low)s to %(high)s",
            low=percent(row.interval[0], locale=locale),
            high=percent(row.interval[1], locale=locale),
        )
    completed = row.completed_in_time + row.completed_late + row.already_completed
    return [
        Figure(
            name=Message("Completed in time"),
            value=percent(row.rate, locale=locale) if row.rate is not None else None,
            basis=Message("%(done)s of %(all)s whose deadline has passed", done=row.completed_in_time, all=row.matured),
            interval=point,
            interval_text=said,
            href=link("matured"),
            meaning=Message(
                "Customers that completed by their deadline ÷ customers whose deadline has passed. Whoever is still "
                "within the time is not counted."
            ),
        ),
        Figure(
            name=Message("Completed so far"),
            value=percent(row.cumulative_rate, locale=locale) if row.cumulative_rate is not None else None,
            basis=Message("%(done)s of %(all)s that started", done=completed, all=row.started),
            interval=None,
            interval_text=None,
            href=link("completed"),
            meaning=Message("All customers that completed, whenever ÷ all customers that started."),
        ),
        Figure(
            name=Message("Median days to completion"),
            value=str(row.median_days) if row.median_days is not None else None,
            basis=Message("over %(all)s that started, those still on the way included", all=row.started),
            interval=None,
            interval_text=None,
            href=link("started"),
            meaning=Message(
                "The day by which half of all customers have completed, estimated with those still on the way and with "
                "leaving as another outcome (Aalen–Johansen). None until half have completed."
            ),
        ),
    ]


def lines_of(report: Report, link: Callable[..., str], locale: Locale) -> list[Line]:
    """The table, one line a group."""
    return [
        Line(
            group=group_name(row.group, report.by, locale),
            counts=[(getattr(row, column), link(column, row.group)) for column in COLUMNS],
            rate=row.rate,
            interval=row.interval,
            cumulative_rate=row.cumulative_rate,
            median_days=row.median_days,
        )
        for row in report.rows
    ]


def bars_of(report: Report, link: Callable[..., str], locale: Locale) -> charts.BarChart:
    """Completion by group: matured and in progress told apart."""
    return charts.cohort_bars([_cohort(row, report, link, locale) for row in report.rows])


def curve_of(report: Report, locale: Locale) -> charts.CurveChart:
    """The share completed by day since the start."""
    last = max([point.day for point in report.curve] + [report.due_days or 0, 1])
    return charts.curve(
        [(point.day, point.completed) for point in report.curve],
        last_day=last,
        day_label="%d日" if locale == "ja" else "day %d",
        due_day=report.due_days,
        due_label=Message("deadline").into(locale),
    )


def funnel_of(
    report: Report, definition: Definition, link: Callable[..., str], locale: Locale
) -> tuple[charts.FunnelRow, ...]:
    """From step to step."""
    titles = {step.key: in_words(step.title, locale) for step in definition.steps}
    return charts.funnel(
        [
            (
                titles.get(row.key, row.key),
                row.reached,
                row.completed,
                str(row.completed),
                Message("of %(reached)s that got there", reached=row.reached).into(locale),
                link(f"step:{row.key}") if report.unit == "account" else "",
            )
            for row in report.steps
        ],
        started=report.total.started,
    )


def group_name(group: str | None, by: str, locale: Locale) -> str:
    """A group as it is shown: months in words, "none" for those without a value."""
    if by == "none":
        return Message("All").into(locale)
    if group is None:
        return Message("None").into(locale)
    if by == "month":
        year, month = group.split("-")
        return format_date(date(int(year), int(month), 1), "y年M月" if locale == "ja" else "MMM y", locale=locale)
    return group


def linker(checklist: str, by: str, unit: str, as_of: str) -> Callable[..., str]:
    """Addresses of the accounts behind a figure: `link(box, group)`."""

    def link(box: str, group: str | None = None) -> str:
        query = {"checklist": checklist, "box": box}
        if by != "none":
            query["by"] = by
            query |= {"group": group} if group is not None else {}
        if unit != "account":
            query["unit"] = unit
        if as_of:
            query["as_of"] = as_of
        return f"{WHERE}?{urlencode(query)}"

    return link


def _cohort(row: RateRow, report: Report, link: Callable[..., str], locale: Locale) -> charts.Cohort:
    name = group_name(row.group, report.by, locale)
    short = name
    if report.by == "month" and row.group:
        month = int(row.group.split("-")[1])
        short = f"{month}月" if locale == "ja" else format_date(date(2000, month, 1), "MMM", locale="en")
    is_open = row.in_progress > 0
    share = row.already_completed / row.in_progress if is_open else None
    return charts.Cohort(
        label=short,
        basis=f"N={row.started}",
        rate=row.rate,
        value=percent(row.rate, locale=locale) if row.rate is not None else "",
        interval=row.interval,
        open_rate=share,
        open_value=percent(share, locale=locale) if share is not None else "",
        href=link("started", row.group),
        spoken=Message(
            "%(group)s: %(rate)s of %(matured)s in time, %(open)s in progress",
            group=name,
            rate=percent(row.rate, locale=locale),
            matured=row.matured,
            open=row.in_progress,
        ).into(locale),
    )
