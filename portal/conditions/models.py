"""Tables of segments: what each asks for, and which accounts are in it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, String
from sqlmodel import Field

from portal.kit.rows import Json, Row, one_of


class Segment(Row, table=True):
    """A named condition over accounts. `digest` names its content; `origin` is where it is edited.

    One that is archived holds for nobody, and can be brought back.
    """

    __table_args__ = (one_of("origin", "file", "browser"),)

    key: str = Field(primary_key=True, max_length=64)
    title: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    condition: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    digest: str = Field(max_length=64)
    position: int = 0
    origin: str = Field(default="browser", max_length=8)
    changed_at: datetime
    changed_by: str = Field(default="", max_length=200)
    archived_at: datetime | None = None


class SegmentAccount(Row, table=True):
    """An account is in a segment. Derived, and kept so that lists and figures are one join."""

    __tablename__ = "segment_account"
    __table_args__ = (Index("ix_segment_account_account_id", "account_id"),)

    segment_key: str = Field(
        sa_column=Column(String(64), ForeignKey("segment.key", ondelete="CASCADE"), primary_key=True)
    )
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
