"""Tables of the workshop: drafts of checklists, and exceptions made for many accounts at once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of

ACTS = ("start", "due", "extend", "pause", "resume", "exclude", "include")
BATCH_STATES = ("running", "done", "undoing", "undone")
OUTCOMES = ("waiting", "done", "skipped", "undone", "kept")


class ChecklistDraft(Row, table=True):
    """A checklist as somebody is writing it: the fields of its form, whole or not.

    `number` counts the saves, so that the second of two people is told; `base_version` is the live version it began
    from, 0 where there was none.
    """

    __tablename__ = "checklist_draft"

    checklist_key: str = Field(primary_key=True, max_length=64)
    fields: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    number: int = 1
    base_version: int = 0
    saved_at: datetime
    saved_by: str = Field(max_length=200)
    staff_id: int | None = Field(default=None, foreign_key="staff.id")


class ExceptionBatch(Row, table=True):
    """One exception for many runs: what was done, by whom and why. `asked` holds the day or the days."""

    __tablename__ = "exception_batch"
    __table_args__ = (one_of("act", *ACTS), one_of("state", *BATCH_STATES))

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    checklist_key: str = Field(max_length=64)
    act: str = Field(max_length=8)
    asked: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    reason: str = Field(max_length=1000)
    state: str = Field(default="running", max_length=8)
    at: datetime
    by: str = Field(max_length=200)
    by_name: str = Field(default="", max_length=200)
    undone_at: datetime | None = None
    undone_by: str = Field(default="", max_length=200)


class BatchItem(Row, table=True):
    """One run of a batch: what was there before (`before`, to undo it) and after, and what came of it."""

    __tablename__ = "exception_batch_item"
    __table_args__ = (
        one_of("outcome", *OUTCOMES),
        Index("ix_exception_batch_item_batch_id", "batch_id", "outcome", "account_id"),
        Index("ix_exception_batch_item_account_id", "account_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    batch_id: int = Field(sa_column=Column(BigId, ForeignKey("exception_batch.id", ondelete="CASCADE"), nullable=False))
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    outcome: str = Field(default="waiting", max_length=8)
    why: str = Field(default="", max_length=20)
    before: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    after: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
