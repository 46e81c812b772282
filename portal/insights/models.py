"""Tables of the monthly close: figures as they stood, and what staff chose for the report."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, UniqueConstraint
from sqlmodel import Field

from portal.kit.rows import Json, Row, one_of


class MonthlyClose(Row, table=True):
    """One month, closed: its figures as they stood at `as_of`, the month's last second in the vendor's zone.

    `taken_at` is when they were worked out, later than `as_of` by minutes, or by days where no worker ran. Added once
    and never changed: what is known later stands beside it.
    """

    __tablename__ = "monthly_close"
    __table_args__ = (UniqueConstraint("month"),)

    id: int | None = Field(default=None, primary_key=True)
    month: str = Field(max_length=7)
    as_of: datetime
    taken_at: datetime
    taken_by: str = Field(default="", max_length=254)
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class LiveFigures(Row, table=True):
    """One month as it was known at `counted_at`: kept only where counting takes long, and written anew each time."""

    __tablename__ = "live_figures"

    month: str = Field(primary_key=True, max_length=7)
    counted_at: datetime
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class ReportChoice(Row, table=True):
    """What staff set for the report, each time as a row of its own; the last one counts.

    `target` is a share from `month` on (None takes it away), `fiscal_start` the month 1–12 in which the year begins.
    """

    __tablename__ = "report_choice"
    __table_args__ = (
        one_of("kind", "target", "fiscal_start"),
        CheckConstraint("kind <> 'fiscal_start' OR (number >= 1 AND number <= 12)", name="month_of_year"),
        CheckConstraint("kind <> 'target' OR (number >= 0 AND number <= 1)", name="share"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=12)
    checklist: str = Field(default="", max_length=64)
    month: str = Field(default="", max_length=7)
    number: float | None = None
    by: str = Field(max_length=254)
    at: datetime
