"""Tables of customers, people, plans and keys."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Numeric, Text, UniqueConstraint
from sqlmodel import Field

from portal.kit.rows import Json, Row, one_of


class Plan(Row, table=True):
    """What an account may have bought. It exists once anything names it; title, limits and rank may come later."""

    key: str = Field(primary_key=True, max_length=64)
    title: str | None = Field(default=None, max_length=200)
    limits: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    features: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    rank: int | None = None


class Account(Row, table=True):
    """A customer company. `is_stub`: only its external id is known yet, from an event that named it.

    `search_key` is its names and its id as `rules.search_text` folds them: no database folds widths and kana alike.
    `name_key` and `reading_key` are the name and the reading by which duplicates are found (`likeness`).
    `mail_domains`, where there are any, are the only ones its people are invited at.
    """

    __table_args__ = (
        UniqueConstraint("external_id"),
        CheckConstraint("seats IS NULL OR seats >= 0", name="seats"),
        Index("ix_account_plan_key", "plan_key"),
        Index("ix_account_name", "name"),
        Index("ix_account_name_key", "name_key"),
        Index("ix_account_reading_key", "reading_key", "name_key"),
        Index("ix_account_started_at", "started_at"),
        # For lists: sorted and filtered by each of these, and looked through without reading whole rows.
        Index("ix_account_tier", "tier"),
        Index("ix_account_owner", "owner"),
        Index("ix_account_renews_at", "renews_at"),
        Index("ix_account_seats", "seats"),
        Index("ix_account_mrr", "mrr"),
        Index("ix_account_left_at", "left_at"),
        Index("ix_account_notice_at", "notice_at"),
        Index("ix_account_is_stub", "is_stub"),
        Index("ix_account_search_key", "search_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    external_id: str = Field(max_length=200)
    name: str = Field(max_length=200)
    name_kana: str | None = Field(default=None, max_length=200)
    plan_key: str | None = Field(default=None, foreign_key="plan.key", max_length=64)
    seats: int | None = None
    tier: str | None = Field(default=None, max_length=64)
    owner: str | None = Field(default=None, max_length=200)
    created_at: datetime
    started_at: datetime
    renews_at: date | None = None
    notice_by: date | None = None
    mrr: Decimal | None = Field(default=None, sa_column=Column(Numeric(14, 2)))
    currency: str | None = Field(default=None, max_length=3)
    notice_at: datetime | None = None
    left_at: datetime | None = None
    goal: str | None = Field(default=None, max_length=1000)
    mail_domains: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    traits: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    search_key: str = ""
    name_key: str = Field(default="", max_length=200)
    reading_key: str = Field(default="", max_length=200)
    is_stub: bool = False
    recorded_at: datetime


class Member(Row, table=True):
    """A person of an account. `email_key` is the address as compared: trimmed, lower case, NFKC.

    Without an external id or an address (an anonymous browser) a member has no identity, and is not counted among
    "every member".
    """

    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        UniqueConstraint("account_id", "email_key"),
        Index("ix_member_external_id", "external_id"),
        Index("ix_member_email_key", "email_key", "account_id"),
        {"sqlite_autoincrement": True},  # events outlive an erased member: no id is ever given out again
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    external_id: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=254)
    email_key: str | None = Field(default=None, max_length=254)
    name: str = Field(default="", max_length=200)
    name_kana: str | None = Field(default=None, max_length=200)
    role: str = Field(default="member", max_length=64)
    department: str | None = Field(default=None, max_length=200)
    locale: str | None = Field(default=None, max_length=35)
    joined_at: datetime
    left_at: datetime | None = None
    traits: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    is_stub: bool = False
    recorded_at: datetime


class MemberJoin(Row, table=True):
    """Two entries of one person became one: `gone_id` was the id of the one that is no more, `member_id` is who it is.

    `gone_id` is no foreign key: by it an address of the desk, or an event that was under way, finds the person.
    """

    __tablename__ = "member_join"
    __table_args__ = (
        Index("ix_member_join_account_id", "account_id", "at"),
        Index("ix_member_join_member_id", "member_id"),
    )

    gone_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    member_id: int = Field(sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), nullable=False))
    at: datetime


class Staff(Row, table=True):
    """A person of the vendor."""

    __table_args__ = (UniqueConstraint("email_key"), one_of("role", "owner", "cs", "editor", "viewer"))

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(max_length=254)
    email_key: str = Field(max_length=254)
    name: str = Field(default="", max_length=200)
    role: str = Field(default="cs", max_length=16)
    locale: str | None = Field(default=None, max_length=35)
    created_at: datetime
    removed_at: datetime | None = None


class SignInLink(Row, table=True):
    """One mailed way in: a link and a six-digit code, both stored hashed, good once and for a while.

    `email_key` and not a person: that the address belongs to nobody must not show, and one person may be a member of
    several accounts.
    """

    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_sign_in_link_email_key", "email_key", "created_at"))
    __tablename__ = "sign_in_link"

    id: int | None = Field(default=None, primary_key=True)
    email_key: str = Field(max_length=254)
    token_hash: str = Field(max_length=64)
    code_hash: str = Field(max_length=64)
    next_path: str = Field(default="/", max_length=500)
    created_at: datetime
    expires_at: datetime
    attempts: int = 0
    used_at: datetime | None = None


class Invitation(Row, table=True):
    """A way in given to one person: by a mail that lasts for days, or by a code read out on the phone, for minutes.

    `token_hash` is that of the mailed link; `email_key` the address it went to, so that it is worth nothing once the
    person has another. `opened_at` is when its page was first looked at, which a mail scanner may have done.
    """

    __table_args__ = (
        UniqueConstraint("token_hash"),
        one_of("how", "mail", "phone"),
        Index("ix_invitation_member_id", "member_id", "created_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    member_id: int = Field(sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), nullable=False))
    how: str = Field(max_length=8)
    email_key: str = Field(max_length=254)
    token_hash: str = Field(max_length=64)
    by: str = Field(max_length=254)
    by_name: str = Field(max_length=200)
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None = None
    joined_at: datetime | None = None
    revoked_at: datetime | None = None


class SignInAttempt(Row, table=True):
    """A try at signing in, counted to slow down guessing; `subject` is a hash of an address or of a client's IP."""

    __table_args__ = (Index("ix_sign_in_attempt_subject", "subject", "at"),)
    __tablename__ = "sign_in_attempt"

    id: int | None = Field(default=None, primary_key=True)
    subject: str = Field(max_length=64)
    at: datetime


class Visit(Row, table=True):
    """One signed-in browser: a server-side session, found by the hash of its cookie, revocable at once.

    `device` is what its owner knows it by ("Chrome · Windows"), to tell one's own sign-ins apart. A staff person's
    browser may look at the portal as a member sees it: `as_member_id`, until `as_until`.
    """

    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("(member_id IS NULL) <> (staff_id IS NULL)", name="who"),
        Index("ix_visit_member_id", "member_id"),
        Index("ix_visit_staff_id", "staff_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(max_length=64)
    member_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), nullable=True)
    )
    staff_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("staff.id", ondelete="CASCADE"), nullable=True)
    )
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    device: str = Field(default="", max_length=80)
    revoked_at: datetime | None = None
    as_member_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("member.id", ondelete="SET NULL"), nullable=True)
    )
    as_until: datetime | None = None


class ApiKey(Row, table=True):
    """An `ak_…` key, stored as SHA-256; `hint` is its last four characters, to tell keys apart."""

    __table_args__ = (UniqueConstraint("key_hash"), UniqueConstraint("name"), one_of("scope", "read", "write"))
    __tablename__ = "api_key"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    key_hash: str = Field(max_length=64)
    hint: str = Field(max_length=4)
    scope: str = Field(default="read", max_length=8)
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class Answer(Row, table=True):
    """What was answered to one request of an API key under an `Idempotency-Key`; `answer` is encrypted."""

    __tablename__ = "api_answer"
    __table_args__ = (Index("ix_api_answer_at", "at"),)

    api_key_id: int = Field(
        sa_column=Column(Integer, ForeignKey("api_key.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    key_hash: str = Field(primary_key=True, max_length=64)
    asked_hash: str = Field(max_length=64)
    answer: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime


class SentForm(Row, table=True):
    """A form that was acted upon: a hash of its key and of what was filled in."""

    __tablename__ = "sent_form"
    __table_args__ = (Index("ix_sent_form_at", "at"),)

    digest: str = Field(primary_key=True, max_length=64)
    at: datetime


class Erasure(Row, table=True):
    """That a person was erased, on record: by whom, when and why, and nothing of who it was."""

    __table_args__ = (Index("ix_erasure_account_id", "account_id"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    member_id: int
    at: datetime
    by: str = Field(max_length=200)
    reason: str = Field(default="", max_length=1000)


class Tombstone(Row, table=True):
    """An id or an address of somebody who was erased from a customer, as a keyed hash: it can be recognised when it
    comes again, and not be read."""

    mac: str = Field(primary_key=True, max_length=64)
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    erased_at: datetime
