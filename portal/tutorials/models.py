"""Tables of tutorials, and of how far each member has come."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text, UniqueConstraint
from sqlmodel import Field

from portal.kit.rows import Json, Row, one_of


class Tutorial(Row, table=True):
    """A tutorial as it was last published. `audience` is a condition as written; None is every member."""

    key: str = Field(primary_key=True, max_length=64)
    title: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    description: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    minutes: int | None = None
    position: int | None = None
    audience: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None


class TutorialStep(Row, table=True):
    """One screen of a tutorial. A step that its file no longer names is deleted; what members did of it is kept."""

    __tablename__ = "tutorial_step"

    tutorial_key: str = Field(
        sa_column=Column(String(64), ForeignKey("tutorial.key", ondelete="CASCADE"), primary_key=True)
    )
    key: str = Field(primary_key=True, max_length=64)
    position: int
    title: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class TutorialText(Row, table=True):
    """A step in one language, rendered when it was published; the columns are those of a document's variant."""

    __tablename__ = "tutorial_text"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tutorial_key", "step_key"], ["tutorial_step.tutorial_key", "tutorial_step.key"], ondelete="CASCADE"
        ),
        one_of("locale", "ja", "en"),
    )

    tutorial_key: str = Field(primary_key=True, max_length=64)
    step_key: str = Field(primary_key=True, max_length=64)
    locale: str = Field(primary_key=True, max_length=2)
    source: str = Field(sa_column=Column(Text, nullable=False))
    html: str = Field(sa_column=Column(Text, nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))
    links: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    digest: str = Field(max_length=64)
    rendering: int


class TutorialRun(Row, table=True):
    """One member's way through one tutorial. `completed_at` is written once and never taken back."""

    __tablename__ = "tutorial_run"
    __table_args__ = (
        UniqueConstraint("member_id", "tutorial_key"),
        Index("ix_tutorial_run_account_id", "account_id", "tutorial_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    member_id: int = Field(sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), nullable=False))
    tutorial_key: str = Field(
        sa_column=Column(String(64), ForeignKey("tutorial.key", ondelete="CASCADE"), nullable=False)
    )
    started_at: datetime
    last_at: datetime
    last_step: str | None = Field(default=None, max_length=64)
    completed_at: datetime | None = None


class TutorialStepDone(Row, table=True):
    """A step a member has done, when. `step_key` is no foreign key: the record outlives the step."""

    __tablename__ = "tutorial_step_done"

    run_id: int = Field(sa_column=Column(Integer, ForeignKey("tutorial_run.id", ondelete="CASCADE"), primary_key=True))
    step_key: str = Field(primary_key=True, max_length=64)
    at: datetime
