"""Tables of templates, rules, letters and addresses; of who reads summaries, and of alerts to staff."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of

RULES = ("welcome", "next_step", "deadline_near", "overdue", "completed", "weekly")
WHOM = ("admins", "members", "lacking")
ALERTS = ("overdue", "completed", "silent", "bounced")
STANDS = text("cleared_at IS NULL")
UNSENT = text("sent_at IS NULL")


class MailTemplate(Row, table=True):
    """What staff have written: over a shipped template of the same key, or their own.

    `texts` is `{"ja": {"subject", "body"}, "en": {…}}`; a language may be missing, never both.
    """

    __tablename__ = "mail_template"

    key: str = Field(primary_key=True, max_length=64)
    title: str = Field(max_length=200)
    texts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    changed_at: datetime
    changed_by: str = Field(default="", max_length=254)


class MailRule(Row, table=True):
    """A rule as staff have set it; without a row it is as shipped, and off. `days` is what its kind counts."""

    __tablename__ = "mail_rule"
    __table_args__ = (one_of("kind", *RULES), one_of("whom", *WHOM), CheckConstraint("days BETWEEN 0 AND 365", "days"))

    kind: str = Field(primary_key=True, max_length=16)
    template_key: str = Field(max_length=64)
    whom: str = Field(max_length=8)
    days: int = 0
    checklist_key: str | None = Field(default=None, max_length=64)
    switched_on_at: datetime | None = None
    switched_by: str = Field(default="", max_length=254)


class MailSettings(Row, table=True):
    """One row: when mails may go, how many one gets within seven days, and what stands below each."""

    __tablename__ = "mail_settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="single"),
        CheckConstraint("opens < closes AND opens >= 0 AND closes <= 24", name="hours"),
        CheckConstraint("per_person > 0 AND per_account > 0", name="caps"),
    )

    id: int = Field(default=1, primary_key=True)
    opens: int = 9
    closes: int = 18
    per_person: int = 2
    per_account: int = 10
    footer: str = Field(default="", max_length=1000)
    reply_to: str = Field(default="", max_length=254)


class MailBatch(Row, table=True):
    """What one person sent to a selection, in the words they confirmed.

    `key` came with the form: sent twice, it is done once.
    """

    __tablename__ = "mail_batch"
    __table_args__ = (UniqueConstraint("key"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=40)
    template_key: str = Field(max_length=64)
    title: str = Field(max_length=200)
    texts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    whom: str = Field(max_length=8)
    checklist_key: str | None = Field(default=None, max_length=64)
    at_once: bool = False
    by: str = Field(max_length=254)
    by_name: str = Field(default="", max_length=200)
    at: datetime


class Letter(Row, table=True):
    """One mail to one person, decided or to be decided.

    `occasion` is what a rule writes about, once for each run and person (`dedupe_key`). `at` is when what `state` says
    came about. `begun_at` is when it was handed to the mail server: a letter that was begun is never begun again,
    unless the server certainly did not take it. `member_id` outlives a member, like those of events, until they are
    erased; without it the letter went to somebody named in `to` alone, or to nobody.
    """

    __tablename__ = "mail_letter"
    __table_args__ = (
        one_of("cause", "rule", "hand"),
        one_of("state", "waiting", "sending", "sent", "held", "failed", "uncertain"),
        UniqueConstraint("dedupe_key"),
        Index("ix_mail_letter_account_id", "account_id", "at", "id"),
        Index("ix_mail_letter_member_id", "member_id"),
        Index("ix_mail_letter_to_key", "to_key", "begun_at"),
        Index("ix_mail_letter_enrollment_id", "enrollment_id", "rule"),
        Index("ix_mail_letter_batch_id", "batch_id", "state"),
        Index("ix_mail_letter_at", "at", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    member_id: int | None = None
    to: str = Field(default="", max_length=254)
    to_key: str = Field(default="", max_length=254)
    cause: str = Field(max_length=8)
    rule: str | None = Field(default=None, max_length=16)
    template_key: str = Field(max_length=64)
    batch_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("mail_batch.id", ondelete="CASCADE"), nullable=True)
    )
    enrollment_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("enrollment.id", ondelete="SET NULL"), nullable=True)
    )
    occasion: str = Field(default="", max_length=40)
    dedupe_key: str | None = Field(default=None, max_length=200)
    because: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    state: str = Field(default="waiting", max_length=9)
    reason: str | None = Field(default=None, max_length=32)
    detail: str = Field(default="", max_length=500)
    subject: str = Field(default="", max_length=500)
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    by: str = Field(default="", max_length=254)
    by_name: str = Field(default="", max_length=200)
    created_at: datetime
    begun_at: datetime | None = None
    at: datetime


class StoppedAddress(Row, table=True):
    """An address that gets no more mails: its owner does not want them, or nobody is reached there.

    Cleared ones stay on record.
    """

    __tablename__ = "mail_stopped_address"
    __table_args__ = (
        one_of("why", "unsubscribed", "bounced"),
        Index("ux_mail_stopped_address", "email_key", "why", unique=True, sqlite_where=STANDS, postgresql_where=STANDS),
        Index("ix_mail_stopped_address_at", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    email_key: str = Field(max_length=254)
    why: str = Field(max_length=16)
    at: datetime
    detail: str = Field(default="", max_length=500)
    by: str = Field(default="", max_length=254)
    cleared_at: datetime | None = None
    cleared_by: str = Field(default="", max_length=254)


class SummaryReader(Row, table=True):
    """Somebody outside the portal who is told of a customer's progress each week, until it is taken back."""

    __tablename__ = "summary_reader"
    __table_args__ = (UniqueConstraint("account_id", "email_key"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    name: str = Field(default="", max_length=200)
    email: str = Field(max_length=254)
    email_key: str = Field(max_length=254)
    locale: str | None = Field(default=None, max_length=35)
    by: str = Field(max_length=254)
    by_name: str = Field(default="", max_length=200)
    created_at: datetime
    seen_at: datetime | None = None
    revoked_at: datetime | None = None


class AlertChannel(Row, table=True):
    """Where staff are told. `sealed` is its address and keys, encrypted; `hint` is what may be shown of them."""

    __tablename__ = "alert_channel"
    __table_args__ = (one_of("kind", "mail", "slack", "teams", "chatwork"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=8)
    title: str = Field(max_length=100)
    sealed: str = Field(sa_column=Column(Text, nullable=False))
    hint: str = Field(max_length=300)
    wants: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    silent_days: int = 14
    locale: str = Field(default="ja", max_length=2)
    created_at: datetime
    created_by: str = Field(default="", max_length=254)
    off_at: datetime | None = None
    worked_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = Field(default="", max_length=500)


class AlertLine(Row, table=True):
    """One thing one channel is to be told, once; `about` are the places of its sentence."""

    __tablename__ = "alert_line"
    __table_args__ = (
        one_of("kind", *ALERTS),
        UniqueConstraint("channel_id", "key"),
        Index("ix_alert_line_unsent", "channel_id", "id", sqlite_where=UNSENT, postgresql_where=UNSENT),
        Index("ix_alert_line_account_id", "account_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    channel_id: int = Field(
        sa_column=Column(Integer, ForeignKey("alert_channel.id", ondelete="CASCADE"), nullable=False)
    )
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    kind: str = Field(max_length=16)
    key: str = Field(max_length=120)
    about: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    at: datetime
    sent_at: datetime | None = None
