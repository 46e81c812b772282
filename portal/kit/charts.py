"""Where things stand in a chart: pure geometry, so that a template only writes it down.

Across, places are shares of the width in percent; down, they are pixels. So a chart stretches from a phone to a desk
while its words keep their size. Bars begin at zero, and a rate always has the whole 0–100 % as its room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

TOP = 26
BAR_SHARE = 0.62
"""How much of its slot a bar takes."""

DAY_SHARE = 0.8

NICE_STEPS = (1, 2, 5, 7, 10, 14, 20, 30, 60, 90, 180, 365)


@dataclass(frozen=True)
class Line:
    """A line across at `y`, and what stands beside it."""

    y: float
    label: str


@dataclass(frozen=True)
class Rect:
    """A bar: `x` and `width` in percent, `y` and `height` in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Its middle across, in percent."""
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True)
class Whisker:
    """An interval, drawn upright at `x`."""

    x: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Cohort:
    """What one bar says. Rates are shares 0…1 or `None`; words are ready to show: `value` 「83%」, `basis` 「12社」."""

    label: str
    basis: str
    rate: float | None = None
    value: str = ""
    interval: tuple[float, float] | None = None
    open_rate: float | None = None
    open_value: str = ""
    href: str = ""
    spoken: str = ""


@dataclass(frozen=True)
class Slot:
    """One cohort, placed. `bar` is for those whose deadline has passed, `open` for those still within it."""

    label: str
    basis: str
    middle: float
    bar: Rect | None
    value: str
    value_y: float
    whisker: Whisker | None
    open: Rect | None
    open_value: str
    href: str
    spoken: str


@dataclass(frozen=True)
class BarChart:
    """Bars over a zero line at `floor`."""

    height: int
    floor: int
    lines: tuple[Line, ...]
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Dot:
    """A labelled point of a curve."""

    x: float
    y: float
    label: str
    label_y: float
    anchor: str


@dataclass(frozen=True)
class Tick:
    """A word under or over the plot; `anchor` keeps it inside at the edges."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True)
class CurveChart:
    """A step curve in a box of 1000 × 1000 (`line`, `area` are SVG paths), stretched between `top` and `floor`."""

    height: int
    top: int
    floor: int
    lines: tuple[Line, ...]
    line: str
    area: str
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    due: Tick | None


@dataclass(frozen=True)
class FunnelRow:
    """One step: `reached` and `completed` in percent of all that started."""

    label: str
    value: str
    basis: str
    reached: float
    completed: float
    href: str


@dataclass(frozen=True)
class DayBars:
    """One bar a day over a zero line at `floor`; `lines` are 0 and the highest day."""

    height: int
    floor: int
    lines: tuple[Line, ...]
    bars: tuple[Rect, ...]
    ticks: tuple[Tick, ...] = ()


def day_bars(counts: Sequence[int], *, height: int, labels: Sequence[str] = (), highest: str = "") -> DayBars:
    """Counts side by side, the highest as tall as there is room; a day with nothing has no bar.

    With `labels` (the first and the last day) and `highest` (its value in words) there is room for them.
    """
    most, slot = max(counts, default=0), 100 / max(len(counts), 1)
    top, floor = (TOP, height - 28) if labels else (1, height - 1)
    bars = []
    for index, count in enumerate(counts):
        if count:
            tall = max(1.0, round((floor - top) * count / most, 1))
            left = round(index * slot + slot * (1 - DAY_SHARE) / 2, 2)
            bars.append(Rect(left, round(floor - tall, 1), round(slot * DAY_SHARE, 2), tall))
    lines = (Line(floor, "0"), *([Line(top, highest)] if most and highest else []))
    ends = ((0.0, "start"), (100.0, "end"))
    ticks = tuple(Tick(x, label, anchor) for (x, anchor), label in zip(ends, labels, strict=False))
    return DayBars(height, floor, lines, tuple(bars), ticks)


def cohort_bars(cohorts: Sequence[Cohort], *, height: int = 236) -> BarChart:
    """Bars of completion rates, side by side in equal slots; where a cohort has both kinds they share its slot."""
    floor = height - 42
    slot = 100 / len(cohorts) if cohorts else 100
    slots = []
    for index, cohort in enumerate(cohorts):
        left = index * slot
        both = cohort.rate is not None and cohort.open_rate is not None
        width = slot * BAR_SHARE / (2 if both else 1)
        start = left + slot * (1 - BAR_SHARE) / 2
        bar = None if cohort.rate is None else _bar(start, width, cohort.rate, floor)
        opened = None
        if cohort.open_rate is not None:
            opened = _bar(start + (width if both else 0), width, cohort.open_rate, floor)
        whisker = None
        if bar and cohort.interval:
            low, high = cohort.interval
            whisker = Whisker(bar.middle, _y(high, floor), _y(low, floor))
        highest = min(bar.y if bar else floor, whisker.top if whisker else floor)
        slots.append(
            Slot(
                label=cohort.label,
                basis=cohort.basis,
                middle=round(left + slot / 2, 2),
                bar=bar,
                value=cohort.value,
                value_y=round(highest - 6, 1),
                whisker=whisker,
                open=opened,
                open_value=cohort.open_value,
                href=cohort.href,
                spoken=cohort.spoken,
            )
        )
    return BarChart(height=height, floor=floor, lines=_lines(floor), slots=tuple(slots))


def curve(
    points: Sequence[tuple[int, float]],
    *,
    last_day: int,
    day_label: str = "%d",
    value_label: str = "%d%%",
    due_day: int | None = None,
    due_label: str = "",
    height: int = 236,
) -> CurveChart:
    """A step curve through `points` (day, share), held level up to `last_day`.

    `day_label` and `value_label` are %-patterns in the reader's language. The value at the due day and at the end are
    written on the line.
    """
    floor, span = height - 28, max(last_day, 1)
    inside = [(day, share) for day, share in sorted(points) if 0 <= day <= span]
    path, share_now = ["M0,1000"], 0.0
    for day, share in inside:
        path.append(f"H{_thousandth(day / span)}V{_thousandth(1 - share)}")
        share_now = share
    path.append("H1000")
    line = "".join(path)
    dots = [_dot(span, share_now, span, floor, value_label)] if inside else []
    due = None
    if due_day is not None and 0 < due_day < span:
        x = round(100 * due_day / span, 2)
        due = Tick(x, due_label, _anchor(x))
        at_due = max((share for day, share in inside if day <= due_day), default=0.0)
        if inside and x < 85:
            dots.insert(0, _dot(due_day, at_due, span, floor, value_label))
    return CurveChart(
        height=height,
        top=TOP,
        floor=floor,
        lines=_lines(floor),
        line=line,
        area=f"{line}V1000Z",
        dots=tuple(dots),
        ticks=_day_ticks(span, day_label),
        due=due,
    )


def funnel(steps: Sequence[tuple[str, int, int, str, str, str]], *, started: int) -> tuple[FunnelRow, ...]:
    """Rows of (label, reached, completed, value, basis, href), as shares of `started`."""
    whole = max(started, 1)
    return tuple(
        FunnelRow(label, value, basis, _percent(reached / whole), _percent(completed / whole), href)
        for label, reached, completed, value, basis, href in steps
    )


def _bar(x: float, width: float, rate: float, floor: int) -> Rect:
    top = _y(rate, floor)
    return Rect(round(x, 2), top, round(width, 2), round(max(floor - top, 1), 1))


def _y(share: float, floor: int) -> float:
    return round(floor - (floor - TOP) * min(max(share, 0.0), 1.0), 1)


def _lines(floor: int) -> tuple[Line, ...]:
    return tuple(Line(_y(share, floor), f"{round(share * 100)}%") for share in (0, 0.5, 1))


def _dot(day: int, share: float, span: int, floor: int, label: str) -> Dot:
    x, y = round(100 * day / span, 2), _y(share, floor)
    # The curve only rises, so the room above a point and to its left is always free.
    return Dot(x, y, label % round(share * 100), round(y - 10, 1), "end" if x > 12 else "start")


def _day_ticks(span: int, label: str) -> tuple[Tick, ...]:
    step = next((nice for nice in NICE_STEPS if span / nice <= 4), ceil(span / 4))
    days = list(range(0, span + 1, step))
    return tuple(Tick(x := round(100 * day / span, 2), label % day, _anchor(x)) for day in days)


def _anchor(x: float) -> str:
    return "start" if x < 5 else "end" if x > 95 else "middle"


def _percent(share: float) -> float:
    return round(100 * min(max(share, 0.0), 1.0), 2)


def _thousandth(share: float) -> int:
    return round(1000 * min(max(share, 0.0), 1.0))
