"""The monthly report as lines: what was closed, what is known today, what the month before was, and what each means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from portal.insights.closing_figures import Figures
from portal.insights.closing_rules import WAIT_DAYS
from portal.kit.dates import number, percent
from portal.kit.i18n import Locale, Message

Unit = Literal["count", "share", "ratio"]
Span = Literal["month", "year"]
OF_CHECKLIST = frozenset({"started", "matured", "completed_in_time", "rate", "completed", "cumulative_rate"})


@dataclass(frozen=True)
class Figure:
    """One figure of the report and its definition. `is_flow`: over a year it adds up or is counted anew; else it is as
    of the end."""

    key: str
    word: Message
    means: Message
    unit: Unit = "count"


FIGURES: Sequence[Figure] = (
    Figure(
        "started",
        Message("Started in the period"),
        Message("Customers whose run through the checklist began in the period. Excluded ones are counted nowhere."),
    ),
    Figure(
        "matured",
        Message("Deadline passed"),
        Message("Customers whose deadline passed in the period: what the rate divides by (N)."),
    ),
    Figure(
        "completed_in_time",
        Message("Completed by the deadline"),
        Message("Of those whose deadline passed in the period, the ones that had completed by it."),
    ),
    Figure(
        "rate",
        Message("Completion rate in time"),
        Message(
            "Completed in time ÷ deadline passed. Beside it N and Wilson's 95%% interval: where the true rate lies in "
            "95 of 100 samples of this size."
        ),
        "share",
    ),
    Figure(
        "completed",
        Message("Completed in the period"),
        Message("Customers that completed in the period, in time or late, whenever their deadline is."),
    ),
    Figure(
        "cumulative_rate",
        Message("Completion rate so far"),
        Message("All that had completed by the end of the period ÷ all that had started by then, since ever."),
        "share",
    ),
    Figure(
        "customers",
        Message("Customers"),
        Message("Customers at the end of the period: started, and not left."),
    ),
    Figure(
        "active_customers",
        Message("Active customers"),
        Message("Customers with at least one usage event or visit in the period."),
    ),
    Figure(
        "active_members",
        Message("Active people"),
        Message("People with at least one usage event or visit in the period."),
    ),
    Figure(
        "per_cs",
        Message("Customers per CS person"),
        Message("Customers at the end ÷ staff with the role “Customer success” at that time."),
        "ratio",
    ),
    Figure(
        "self_help",
        Message("Helped themselves"),
        Message(
            "Of the days on which somebody of a customer read an article, the share that no contact of that customer "
            "followed on the same day or the %(days)s after it. A day counts in the period in which its %(days)s days "
            "end. Searches are kept without who searched, so they are not counted.",
            days=WAIT_DAYS,
        ),
        "share",
    ),
)
WHYS: Mapping[str, Message] = {
    "nobody_read": Message("Nobody read an article."),
    "no_cs": Message("Nobody has the role “Customer success”."),
}


@dataclass(frozen=True)
class Cell:
    """A value as it is written, and what it stands on."""

    text: str
    basis: str = ""


@dataclass(frozen=True)
class Line:
    """One figure: as closed (None while it is not), as known today, the month before, the change, the year to date.

    `why` says what it lacks where nobody can say it.
    """

    figure: Figure
    why: Message | None
    closed: Cell | None
    live: Cell
    previous: Cell
    change: str
    year: Cell


@dataclass(frozen=True)
class GroupLine:
    """One group of a dimension, in the figures that are shown of groups; `live_rate` is as known today."""

    group: str
    cells: Sequence[Cell]
    live_rate: Cell


OF_GROUPS = ("started", "matured", "completed_in_time", "rate", "cumulative_rate", "active_customers", "active_members")


def value_of(told: Figures, key: str, *, checklist: str, span: Span) -> float | None:
    """One number of the figures, None where there is none."""
    if key in OF_CHECKLIST:
        counts = told["checklists"].get(checklist)
        return counts[span][key] if counts else None
    found: float | None = told["company"][span].get(key)
    return found


def lines_of(
    closed: Figures | None, live: Figures, previous: Figures | None, *, checklist: str, locale: Locale
) -> list[Line]:
    """The table of a month."""
    base = closed or live
    return [
        Line(
            figure=one,
            why=WHYS.get(base["company"]["month"].get(f"{one.key}_why", "")),
            closed=cell_of(closed, one, checklist, "month", locale) if closed else None,
            live=cell_of(live, one, checklist, "month", locale),
            previous=cell_of(previous, one, checklist, "month", locale) if previous else Cell("–"),
            change=_change(base, previous, one, checklist, locale),
            year=cell_of(base, one, checklist, "year", locale),
        )
        for one in FIGURES
    ]


def group_lines(base: Figures, live: Figures, *, by: str, checklist: str, locale: Locale) -> list[GroupLine]:
    """The groups of one dimension, as closed where the month is; those it did not have then are not there."""
    figures = {one.key: one for one in FIGURES}
    now = {line["group"]: line for line in live["by"].get(by, ())}
    return [
        GroupLine(
            group=line["group"],
            cells=[cell_of(line, figures[key], checklist, "month", locale) for key in OF_GROUPS],
            live_rate=cell_of(now[line["group"]], figures["rate"], checklist, "month", locale)
            if line["group"] in now
            else Cell("–"),
        )
        for line in base["by"].get(by, ())
    ]


def cell_of(told: Figures, figure: Figure, checklist: str, span: Span, locale: Locale) -> Cell:
    """A value with its N and its interval; a dash where there is none."""
    value = value_of(told, figure.key, checklist=checklist, span=span)
    if value is None:
        return Cell("–")
    return Cell(_written(value, figure.unit, locale), _basis(told, figure, checklist, span, locale))


def _basis(told: Figures, figure: Figure, checklist: str, span: Span, locale: Locale) -> str:
    if figure.key == "rate":
        counts = told["checklists"][checklist][span]
        low, high = (percent(one, locale=locale) for one in counts["interval"])
        return f"N={number(counts['matured'], locale=locale)} · {low}–{high}"
    if figure.key == "self_help":
        return f"N={number(told['company'][span]['self_help_n'], locale=locale)}"
    if figure.key == "per_cs":
        return f"N={number(told['company'][span]['cs'], locale=locale)}"
    return ""


def _written(value: float, unit: Unit, locale: Locale) -> str:
    if unit == "share":
        return percent(value, locale=locale)
    return number(round(value, 1) if unit == "ratio" else value, locale=locale)


def _change(base: Figures, previous: Figures | None, figure: Figure, checklist: str, locale: Locale) -> str:
    if previous is None:
        return "–"
    then = value_of(previous, figure.key, checklist=checklist, span="month")
    now = value_of(base, figure.key, checklist=checklist, span="month")
    if then is None or now is None:
        return "–"
    difference = round((now - then) * 100, 1) if figure.unit == "share" else round(now - then, 1)
    shown = number(abs(difference), locale=locale)
    sign = "±" if difference == 0 else "+" if difference > 0 else "−"
    return f"{sign}{shown}{' pt' if figure.unit == 'share' else ''}"


COLUMNS = (
    *("month", "state", "as_of", "period", "by", "group", "checklist"),
    *("started", "matured", "completed_in_time", "rate", "interval_low", "interval_high"),
    *("completed", "cumulative_rate", "target"),
    *("customers", "active_customers", "active_members", "cs", "per_cs", "self_help", "self_help_n"),
)


def file_rows(month: str, state: str, told: Figures, targets: Mapping[str, float | None]) -> list[list[Any]]:
    """The figures as lines of a file: everybody first, then each group of each dimension; month and year to date."""
    groups = [("none", "", told)] + [(by, line["group"], line) for by, lines in told["by"].items() for line in lines]
    rows = []
    for by, group, part in groups:
        for checklist in part["checklists"] or ("",):
            for span in ("month", "year"):
                counts = part["checklists"].get(checklist, {}).get(span, {})
                low, high = counts.get("interval") or (None, None)
                values = {
                    **part["company"][span],
                    **counts,
                    "month": month,
                    "state": state,
                    "as_of": told["as_of"],
                    "period": span,
                    "by": by,
                    "group": group,
                    "checklist": checklist,
                    "interval_low": low,
                    "interval_high": high,
                    "target": targets.get(checklist),
                }
                rows.append([values.get(column) for column in COLUMNS])
    return rows
