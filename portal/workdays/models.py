"""Tables of the vendor's calendar: how its weeks are worked, and the days of its own."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from portal.kit.rows import Row


class WorkWeek(Row, table=True):
    """How the vendor works, in one row; without it the defaults of `rules.Calendar` hold.

    `weekdays` are the digits of ISO 8601: `12345` is Monday to Friday.
    """

    __tablename__ = "work_week"
    __table_args__ = (CheckConstraint("id = 1", name="one"), CheckConstraint("weekdays <> ''", name="weekdays"))

    id: int | None = Field(default=1, primary_key=True)
    weekdays: str = Field(max_length=7)
    holidays: bool
    new_year: bool
    obon: bool
    changed_at: datetime
    changed_by: str = Field(max_length=254)


class OwnDay(Row, table=True):
    """A day of the vendor's own: closed, or worked although it would be closed. `name` is why, for colleagues."""

    __tablename__ = "own_day"

    day: date = Field(primary_key=True)
    is_open: bool = False
    name: str = Field(default="", max_length=100)
    added_at: datetime
    added_by: str = Field(max_length=254)
