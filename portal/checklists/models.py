"""Tables of checklists, their versions, who runs through them, what is done and what was made an exception of.

What an account has achieved is kept as rows that say who, when and how; nothing is deleted by undoing it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlmodel import AutoString, Field

from portal.kit.rows import BigId, Json, Row, one_of

HOW = ("event", "tutorial", "webinar", "document", "webhook", "api", "member", "staff")
EXCEPTIONS = ("start", "due", "pause", "resume", "exclude", "include", "withdraw", "return")
ORIGINS = ("file", "studio")
COUNTED = text("excluded_at IS NULL AND withdrawn_at IS NULL")
OPEN = text("completed_at IS NULL AND excluded_at IS NULL AND withdrawn_at IS NULL")
A_PART = text("member_id IS NOT NULL")
SET_ASIDE = text("excluded_at IS NOT NULL OR withdrawn_at IS NOT NULL")


class Checklist(Row, table=True):
    """A checklist by its key; `version` is the number of the live one.

    `origin` says who has the last word: its `file`, or the people who write it in the browser (since `forked_at`, where
    it came from a file).
    """

    __table_args__ = (one_of("origin", *ORIGINS),)

    key: str = Field(primary_key=True, max_length=64)
    version: int
    origin: str = Field(default="file", max_length=8)
    forked_at: datetime | None = None
    file: str | None = Field(default=None, max_length=300)
    position: int = 0
    first_published_at: datetime
    archived_at: datetime | None = None


class ChecklistVersion(Row, table=True):
    """One published definition; `digest` names its content, so that it is read once per process.

    `source` is the file it was published from, word for word, so that it can be given back with its comments.
    """

    __tablename__ = "checklist_version"
    __table_args__ = (UniqueConstraint("checklist_key", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    checklist_key: str = Field(foreign_key="checklist.key", max_length=64)
    number: int
    definition: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    digest: str = Field(max_length=64)
    published_at: datetime
    published_by: str = Field(default="", max_length=200)
    source: str | None = None


class Enrollment(Row, table=True):
    """An account's run through a checklist.

    `started_at` follows the account until it is moved; `due_at` follows `started_at` until it is set. `completed_at` is
    derived from the completions, and kept so that rates are one scan. `furthest` is the position (from 1) of the last
    step done, 0 before any. An account that no longer belongs to the audience is withdrawn, unless it has completed.
    """

    __table_args__ = (
        UniqueConstraint("account_id", "checklist_key"),
        # All that a completion rate reads of a run, in the order of the accounts it is joined with; and the others.
        # The last two are always empty here, but without them SQLite looks into every row to see that they are.
        Index(
            "ix_enrollment_counted",
            "checklist_key",
            "account_id",
            "started_at",
            "due_at",
            "completed_at",
            "version",
            "furthest",
            "last_progress_at",
            "excluded_at",
            "withdrawn_at",
            sqlite_where=COUNTED,
            postgresql_where=COUNTED,
        ),
        # What is still open, for the list of who is stuck and of whose deadline comes.
        Index(
            "ix_enrollment_open",
            "checklist_key",
            "due_at",
            "started_at",
            "last_progress_at",
            "account_id",
            "paused_at",
            "version",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_enrollment_set_aside", "checklist_key", sqlite_where=SET_ASIDE, postgresql_where=SET_ASIDE),
        CheckConstraint("furthest >= 0", name="furthest"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    checklist_key: str = Field(foreign_key="checklist.key", max_length=64)
    version: int
    enrolled_at: datetime
    started_at: datetime
    start_moved: bool = False
    due_at: datetime | None = None
    due_moved: bool = False
    paused_at: datetime | None = None
    excluded_at: datetime | None = None
    withdrawn_at: datetime | None = None
    completed_at: datetime | None = None
    furthest: int = 0
    last_progress_at: datetime | None = None


class EnrollmentException(Row, table=True):
    """An exception, on record: what was changed, by whom, why, from what to what."""

    __tablename__ = "enrollment_exception"
    __table_args__ = (one_of("kind", *EXCEPTIONS), Index("ix_enrollment_exception_enrollment_id", "enrollment_id"))

    id: int | None = Field(default=None, primary_key=True)
    enrollment_id: int = Field(
        sa_column=Column(Integer, ForeignKey("enrollment.id", ondelete="CASCADE"), nullable=False)
    )
    kind: str = Field(max_length=8)
    at: datetime
    by: str = Field(max_length=200)
    reason: str = Field(default="", max_length=1000)
    before: str | None = Field(default=None, max_length=40)
    after: str | None = Field(default=None, max_length=40)


class OverdueNotice(Row, table=True):
    """That a deadline of a run has passed was told; a deadline that is moved is another one."""

    __tablename__ = "overdue_notice"

    enrollment_id: int = Field(
        sa_column=Column(
            Integer, ForeignKey("enrollment.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    due_at: datetime = Field(primary_key=True)
    told_at: datetime


class Pause(Row, table=True):
    """A time in which the deadline did not run; `until` is None while it lasts."""

    __table_args__ = (Index("ix_pause_enrollment_id", "enrollment_id"),)

    id: int | None = Field(default=None, primary_key=True)
    enrollment_id: int = Field(
        sa_column=Column(Integer, ForeignKey("enrollment.id", ondelete="CASCADE"), nullable=False)
    )
    since: datetime
    until: datetime | None = None


class Completion(Row, table=True):
    """A step done: for one member (`member_id`), or for the account.

    `at` is when it was done, in event time; `recorded_at` when Banso learned of it. `days` are the whole local days
    from the run's start to `at`. An undone completion stays on record; `undone_whole` says that the step itself was
    undone (only what happens later can complete it again), rather than that it lost a member's part. `derived`: it
    follows from its members' completions by the step's scope.
    """

    __table_args__ = (
        one_of("how", *HOW),
        Index(
            "ux_completion_account",
            "enrollment_id",
            "step_key",
            unique=True,
            sqlite_where=text("member_id IS NULL AND undone_at IS NULL"),
            postgresql_where=text("member_id IS NULL AND undone_at IS NULL"),
        ),
        Index(
            "ux_completion_member",
            "enrollment_id",
            "step_key",
            "member_id",
            unique=True,
            sqlite_where=text("member_id IS NOT NULL AND undone_at IS NULL"),
            postgresql_where=text("member_id IS NOT NULL AND undone_at IS NULL"),
        ),
        Index(
            "ix_completion_funnel",
            "checklist_key",
            "step_key",
            "days",
            "at",
            "enrollment_id",
            "member_id",
            "undone_at",
            sqlite_where=text("member_id IS NULL AND undone_at IS NULL"),
            postgresql_where=text("member_id IS NULL AND undone_at IS NULL"),
        ),
        Index("ix_completion_enrollment_id", "enrollment_id"),
        Index("ix_completion_member_id", "member_id", sqlite_where=A_PART, postgresql_where=A_PART),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    enrollment_id: int = Field(
        sa_column=Column(Integer, ForeignKey("enrollment.id", ondelete="CASCADE"), nullable=False)
    )
    checklist_key: str = Field(max_length=64)
    step_key: str = Field(max_length=64)
    member_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), nullable=True)
    )
    at: datetime
    days: int
    recorded_at: datetime
    how: str = Field(max_length=8)
    by: str = Field(default="", max_length=200)
    by_name: str = Field(default="", max_length=200)
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    undone_at: datetime | None = None
    undone_by: str | None = Field(default=None, max_length=200)
    undone_whole: bool = False
    derived: bool = False


class StuckRule(Row, table=True):
    """From when on a customer counts as stuck in one checklist, in business days; without a row the defaults hold.

    `quiet_days` without a step done; `overdue_days` after the deadline, 0 for as soon as it has passed.
    """

    __tablename__ = "stuck_rule"
    __table_args__ = (
        CheckConstraint("quiet_days > 0", name="quiet_days"),
        CheckConstraint("overdue_days >= 0", name="overdue_days"),
    )

    checklist_key: str = Field(
        sa_column=Column(AutoString(64), ForeignKey("checklist.key", ondelete="CASCADE"), primary_key=True)
    )
    quiet_days: int
    overdue_days: int
    changed_at: datetime
    changed_by: str = Field(max_length=254)
