"""Tables of endpoints, of what was told, and of each attempt to tell it."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of

OF_SOMEBODY = text("member IS NOT NULL")


class Endpoint(Row, table=True):
    """Somebody who wants to hear. `event_types` empty means everything.

    `secret`, `previous_secret` and `headers` are encrypted under the secret key; the previous secret signs too until
    `previous_until`. `failing_since` is the first of the failures that no success has followed.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (UniqueConstraint("key"), one_of("disabled_because", "person", "failing", "gone"))

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=40)
    url: str = Field(max_length=2000)
    description: str = Field(default="", max_length=200)
    event_types: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    secret: str = Field(sa_column=Column(Text, nullable=False))
    previous_secret: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    previous_until: datetime | None = None
    headers: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime
    created_by: str = Field(default="", max_length=200)
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = Field(default=None, max_length=8)


class Told(Row, table=True):
    """One thing that happened, in the very bytes that are sent; `key` is its `webhook-id`, for ever.

    `account` and `member` are whom it is about, by their external ids, so that it can be found when they are erased.
    """

    __tablename__ = "webhook_message"
    __table_args__ = (
        Index("ix_webhook_message_at", "at"),
        Index("ix_webhook_message_member", "account", "member", sqlite_where=OF_SOMEBODY, postgresql_where=OF_SOMEBODY),
    )

    key: str = Field(primary_key=True, max_length=40)
    type: str = Field(max_length=64)
    at: datetime
    body: str = Field(sa_column=Column(Text, nullable=False))
    account: str | None = Field(default=None, max_length=200)
    member: str | None = Field(default=None, max_length=200)


class Attempt(Row, table=True):
    """One attempt to deliver. `status` is None where no answer came, and `error` says why; `answer` is the first KB."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (
        Index("ix_webhook_attempt_endpoint_id", "endpoint_id", "id"),
        Index("ix_webhook_attempt_message_key", "message_key", "endpoint_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    endpoint_id: int = Field(
        sa_column=Column(Integer, ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), nullable=False)
    )
    message_key: str = Field(
        sa_column=Column(String(40), ForeignKey("webhook_message.key", ondelete="CASCADE"), nullable=False)
    )
    at: datetime
    number: int
    ok: bool
    status: int | None = None
    milliseconds: int
    error: str | None = Field(default=None, max_length=500)
    answer: str = Field(default="", sa_column=Column(Text, nullable=False))
