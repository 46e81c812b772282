"""Tables of sources, events and their daily roll-ups."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, UniqueConstraint, text
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of

FINGERPRINT_BYTES = 12
WAITING = text("account_id IS NULL AND user_ref IS NOT NULL")


NAMELESS = text("member_id IS NULL AND user_ref IS NULL AND anonymous_ref IS NOT NULL AND NOT from_browser")


class Source(Row, table=True):
    """Something that sends events. `write_key_hash` is SHA-256; the two secrets are encrypted under the secret key.

    While a key or a secret is being changed the previous one still counts, until the moment beside it. `webhook_auth`
    is how its webhooks prove where they come from; `events_per_second` is its own limit, where it has one. Its raw
    events are kept for `keep_months`.
    """

    __table_args__ = (
        UniqueConstraint("name"),
        UniqueConstraint("public_key"),
        UniqueConstraint("write_key_hash"),
        one_of("webhook_auth", "signature", "bearer"),
        CheckConstraint("events_per_second > 0", name="events_per_second"),
        CheckConstraint("keep_months >= 3", name="keep_months"),
        Index("ix_source_previous_write_key_hash", "previous_write_key_hash"),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    public_key: str = Field(max_length=64)
    write_key_hash: str = Field(max_length=64)
    webhook_secret: str
    signing_secret: str
    origins: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    created_at: datetime
    last_seen_at: datetime | None = None
    revoked_at: datetime | None = None
    previous_write_key_hash: str | None = Field(default=None, max_length=64)
    previous_write_key_until: datetime | None = None
    previous_webhook_secret: str | None = None
    previous_webhook_secret_until: datetime | None = None
    previous_signing_secret: str | None = None
    previous_signing_secret_until: datetime | None = None
    webhook_auth: str = Field(default="signature", max_length=9, sa_column_kwargs={"server_default": "signature"})
    events_per_second: int | None = None
    keep_months: int = Field(default=25, sa_column_kwargs={"server_default": "25"})


class Event(Row, table=True):
    """Something that happened at `at`. Without an account it waits for an identify or group that says whose it is.

    `user_ref`, `anonymous_ref` and `group_ref` are what the sender called them; a browser without a token is not asked
    for the first and the last. `fingerprint` is what makes a message unique: see `log`. An `identify` keeps its traits
    as properties only while it waits.

    `member_id` is no foreign key: without an index of its own every erased member would cost a walk over all events,
    and that index would be a fifth of all that is written for an event. `ingest.follow_accounts` clears it instead.
    """

    __table_args__ = (
        UniqueConstraint("fingerprint"),
        one_of("kind", "track", "page", "screen", "identify", "group", "alias", "portal", "webhook"),
        Index("ix_event_account_id_at_name", "account_id", "at", "name"),
        Index("ix_event_at", "at"),
        Index("ix_event_waiting", "user_ref", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_event_nameless", "anonymous_ref", sqlite_where=NAMELESS, postgresql_where=NAMELESS),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    fingerprint: bytes = Field(sa_column=Column(LargeBinary(FINGERPRINT_BYTES), nullable=False))
    source_id: int = Field(foreign_key="source.id")
    message_id: str = Field(max_length=100)
    from_browser: bool = False
    kind: str = Field(max_length=8)
    name: str = Field(max_length=200)
    at: datetime
    received_at: datetime
    account_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=True)
    )
    member_id: int | None = None
    user_ref: str | None = Field(default=None, max_length=200)
    anonymous_ref: str | None = Field(default=None, max_length=200)
    group_ref: str | None = Field(default=None, max_length=200)
    properties: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class Alias(Row, table=True):
    """A server said that `ref` means `person`, which may be an alias itself: see `aliases`."""

    ref: str = Field(primary_key=True, max_length=200)
    person: str = Field(primary_key=True, max_length=200, index=True)
    source_id: int = Field(foreign_key="source.id")
    created_at: datetime


class RefusedDelivery(Row, table=True):
    """A webhook that was not taken, and why: `code` as the sender was told it. Only the last of each source are kept.

    `webhook_id` and `type` are what the sender claimed, cut short; nothing of what it carried is kept.
    """

    __tablename__ = "refused_delivery"
    __table_args__ = (Index("ix_refused_delivery_source_id_id", "source_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    source_id: int = Field(foreign_key="source.id")
    at: datetime
    status: int
    code: str = Field(max_length=40)
    field: str | None = Field(default=None, max_length=40)
    webhook_id: str | None = Field(default=None, max_length=100)
    type: str | None = Field(default=None, max_length=200)


class EventDay(Row, table=True):
    """How often one thing happened on one day of the vendor's zone; `member_id` 0 is "no member"."""

    __table_args__ = (CheckConstraint("count > 0", name="count"),)
    __tablename__ = "event_day"

    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    name: str = Field(primary_key=True, max_length=200)
    day: date = Field(primary_key=True)
    member_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    count: int
    first_at: datetime
    last_at: datetime


class SourceDay(Row, table=True):
    """How much of one thing a source sent on one day of the vendor's zone, the day on which it came in.

    `first_at` and `last_at` are when it happened. The row without a name counts what was not taken: duplicates and
    rejected. `last_event_id` is the newest event of the row: from there a source's latest events are looked for.
    """

    __tablename__ = "source_day"

    source_id: int = Field(
        sa_column=Column(Integer, ForeignKey("source.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    day: date = Field(primary_key=True)
    name: str = Field(primary_key=True, max_length=200)
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    last_event_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))


class TurnedAway(Row, table=True):
    """What one request brought that was not taken, and why: `codes` are (code: how many), `sample` is the beginning of
    the first of them. Only the last of each source are kept, and none for long: it may speak of people."""

    __tablename__ = "turned_away"
    __table_args__ = (Index("ix_turned_away_source_id_id", "source_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    source_id: int = Field(sa_column=Column(Integer, ForeignKey("source.id", ondelete="CASCADE"), nullable=False))
    at: datetime
    duplicates: int = 0
    codes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    sample: str = Field(max_length=1000)
