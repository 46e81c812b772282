"""The table of the audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, UniqueConstraint
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of


class TrailEntry(Row, table=True):
    """One line of the audit log: who did or saw what, of which customer, when. Added, never changed.

    `act` is a word of ours (`staff.signed_in`) or the address of the page that was asked for, with names in place of
    what it named (`/staff/accounts/{external_id}/edit`); `detail` tells what it named, and `changes` what became of
    fields, as [before, after]. `once` keeps views to one line a person, page and hour. `member_id` is no foreign key:
    the line outlives the person.
    """

    __tablename__ = "trail_entry"
    __table_args__ = (
        UniqueConstraint("once"),
        one_of("kind", "changed", "seen", "exported", "access"),
        Index("ix_trail_entry_at", "at", "id"),
        Index("ix_trail_entry_account_id", "account_id", "at"),
        Index("ix_trail_entry_staff_id", "staff_id", "at"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    at: datetime
    kind: str = Field(max_length=8)
    act: str = Field(max_length=200)
    staff_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("staff.id", ondelete="SET NULL"), nullable=True)
    )
    by: str = Field(max_length=254)
    by_name: str = Field(max_length=200)
    account_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("account.id", ondelete="SET NULL"), nullable=True)
    )
    member_id: int | None = None
    about: str = Field(default="", max_length=300)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    once: str | None = Field(default=None, max_length=300)
