"""Figures of the onboarding page in the reader's words: each with its N, what it means, and where its accounts are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from urllib.parse import urlencode

from babel.dates import format_date

from portal.checklists.definition import in_words
from portal.checklists.rate import RateRow
from portal.checklists.report import Report, Unit
from portal.kit.dates import number, percent
from portal.kit.i18n import Locale, Message

WHERE = "/staff/onboarding/accounts"


class Everybody:
    """Not one group but all of them; None is the group of those that have no plan, tier or owner."""


EVERYBODY = Everybody()
Link = Callable[..., str]
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
BASES: dict[Unit, tuple[str, str, str]] = {
    "account": (
        Message("%(done)s of %(all)s whose deadline has passed").msgid,
        Message("%(done)s of %(all)s that started").msgid,
        Message("over %(all)s that started, those still on the way included").msgid,
    ),
    "member": (
        Message("%(done)s of %(all)s people whose deadline has passed").msgid,
        Message("%(done)s of %(all)s people who started").msgid,
        Message("over %(all)s people who started, those still on the way included").msgid,
    ),
}
"""What each of the three figures stands on, in customers or in people."""


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
    unit: Message | None = None


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


def figures_of(report: Report, link: Link, locale: Locale) -> list[Figure]:
    """The three figures that come first."""
    row = report.total
    basis = BASES[report.unit]
    count = partial(number, locale=locale)
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
            basis=Message(basis[0], done=count(row.completed_in_time), all=count(row.matured)),
            interval=point,
            interval_text=said,
            href=link("completed_in_time"),
            meaning=Message(
                "Customers that completed by their deadline ÷ customers whose deadline has passed. Whoever is still "
                "within the time is not counted."
            ),
        ),
        Figure(
            name=Message("Completed so far"),
            value=percent(row.cumulative_rate, locale=locale) if row.cumulative_rate is not None else None,
            basis=Message(basis[1], done=count(completed), all=count(row.started)),
            interval=None,
            interval_text=None,
            href=link("completed"),
            meaning=Message("All customers that completed, whenever ÷ all customers that started."),
        ),
        Figure(
            name=Message("Median days to completion"),
            value=str(row.median_days) if row.median_days is not None else None,
            basis=Message(basis[2], all=count(row.started)),
            interval=None,
            interval_text=None,
            href=link("started"),
            unit=None if row.median_days is None else Message("day") if row.median_days == 1 else Message("days"),
            meaning=Message(
                "The day by which half of all customers have completed, estimated with those still on the way and with "
                "leaving as another outcome (Aalen–Johansen). None until half have completed."
            ),
        ),
    ]


def lines_of(report: Report, link: Link, locale: Locale) -> list[Line]:
    """The table, one line a group."""
    return [_line(row, group_name(row.group, report.by, locale, report.titles), report.by, link) for row in report.rows]


def total_of(report: Report, link: Link) -> Line:
    """The line under the table, over all groups."""
    return _line(report.total, "", "none", link)


def group_name(
    group: str | None, by: str, locale: Locale, titles: Mapping[str, Mapping[str, str]] | None = None
) -> str:
    """A group as it is shown: months in words, segments by their title, "none" for those without a value."""
    if by == "none":
        return Message("All together").into(locale)
    if group is None:
        return Message("None").into(locale)
    if by == "month":
        year, month = group.split("-")
        return format_date(date(int(year), int(month), 1), "y年M月" if locale == "ja" else "MMM y", locale=locale)
    title = (titles or {}).get(group)
    return in_words(title, locale) if title else group


def linker(checklist: str, by: str, unit: str, as_of: str) -> Link:
    """Addresses of the accounts behind a figure: `link(box)` of all, `link(box, group)` of one group (None: none)."""

    def link(box: str, group: str | Everybody | None = EVERYBODY) -> str:
        query = {"checklist": checklist, "box": box}
        if not isinstance(group, Everybody):
            query |= {"by": by, "group": group or ""}
        if unit != "account":
            query["unit"] = unit
        if as_of:
            query["as_of"] = as_of
        return f"{WHERE}?{urlencode(query)}"

    return link


def _line(row: RateRow, name: str, by: str, link: Link) -> Line:
    return Line(
        group=name,
        counts=[
            (getattr(row, column), link(column) if by == "none" else link(column, row.group)) for column in COLUMNS
        ],
        rate=row.rate,
        interval=row.interval,
        cumulative_rate=row.cumulative_rate,
        median_days=row.median_days,
    )
