"""Tables of contacts and tasks: each row says who, when and what; what is taken back stays on record."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, text
from sqlmodel import Field

from portal.kit.rows import Row, one_of

KINDS = ("mail", "phone", "meeting", "chat", "note")
ACTS = ("made", "changed", "handed", "done", "reopened", "removed", "restored")
OPEN = text("done_at IS NULL AND removed_at IS NULL")
STANDS = text("removed_at IS NULL")


class Contact(Row, table=True):
    """One contact with a customer, or a note about it. `at` is when it was; `with_whom` as staff wrote it.

    `sets_next`: it decides when to come back, on `next_on` or not at all. Every contact does, a note only where it
    names a day or takes one away.
    """

    __table_args__ = (
        one_of("kind", *KINDS),
        Index("ix_contact_account_id", "account_id", "at"),
        CheckConstraint("sets_next OR next_on IS NULL", name="next"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    kind: str = Field(max_length=8)
    at: datetime
    with_whom: str = Field(default="", max_length=200)
    text: str = Field(default="", max_length=4000)
    sets_next: bool = True
    next_on: date | None = None
    staff_id: int | None = Field(default=None, foreign_key="staff.id")
    by: str = Field(max_length=254)
    by_name: str = Field(max_length=200)
    recorded_at: datetime
    removed_at: datetime | None = None
    removed_by: str = Field(default="", max_length=200)


class Touch(Row, table=True):
    """Where a customer stands with us: the last contact (notes are none) and the day to come back.

    It follows from the customer's contacts and is kept so that lists of thousands are one look.
    """

    __table_args__ = (
        Index(
            "ix_touch_next_on",
            "next_on",
            sqlite_where=text("next_on IS NOT NULL"),
            postgresql_where=text("next_on IS NOT NULL"),
        ),
    )

    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    last_at: datetime | None = None
    last_kind: str = Field(default="", max_length=8)
    next_on: date | None = None


class Task(Row, table=True):
    """Something one of the vendor's people does for a customer. `outcome` is what came of it, once it is done.

    `remind_on` is the day on whose morning its owner is mailed; `reminded_at` that they were, so never twice.
    """

    __table_args__ = (
        Index("ix_task_account_id", "account_id"),
        Index("ix_task_open", "staff_id", "due_on", sqlite_where=OPEN, postgresql_where=OPEN),
        CheckConstraint("title <> ''", name="title"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    title: str = Field(max_length=200)
    note: str = Field(default="", max_length=4000)
    staff_id: int = Field(foreign_key="staff.id")
    due_on: date | None = None
    remind_on: date | None = None
    reminded_at: datetime | None = None
    created_at: datetime
    done_at: datetime | None = None
    outcome: str = Field(default="", max_length=2000)
    removed_at: datetime | None = None


class TaskAct(Row, table=True):
    """What was done with a task, on record: made, changed, handed on, done, opened again, removed; `text` says more."""

    __tablename__ = "task_act"
    __table_args__ = (
        one_of("kind", *ACTS),
        Index("ix_task_act_account_id", "account_id", "at"),
        Index("ix_task_act_task_id", "task_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    task_id: int = Field(sa_column=Column(Integer, ForeignKey("task.id", ondelete="CASCADE"), nullable=False))
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    kind: str = Field(max_length=8)
    at: datetime
    by: str = Field(max_length=254)
    by_name: str = Field(max_length=200)
    text: str = Field(default="", max_length=2000)
