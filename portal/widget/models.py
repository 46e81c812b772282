"""Tables of the widget: its look, what was put aside, tickets for the portal, and what is seen of its installation."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlmodel import Field

from portal.kit.rows import Row, one_of

POSITIONS = ("right", "left", "inline")
SCHEMES = ("auto", "light", "dark")
STANDING = text("undone_at IS NULL")


class WidgetTheme(Row, table=True):
    """How the widget looks, one row for the vendor. Colours are `#rrggbb`; `radius` is in CSS pixels."""

    __tablename__ = "widget_theme"
    __table_args__ = (
        CheckConstraint("id = 1", name="one"),
        CheckConstraint("radius BETWEEN 0 AND 24", name="radius"),
        one_of("position", *POSITIONS),
        one_of("scheme", *SCHEMES),
    )

    id: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    accent: str = Field(max_length=7)
    accent_dark: str = Field(max_length=7)
    radius: int
    position: str = Field(max_length=8)
    scheme: str = Field(max_length=8)
    launcher_ja: str = Field(default="", max_length=40)
    launcher_en: str = Field(default="", max_length=40)
    changed_at: datetime
    changed_by: str = Field(default="", max_length=254)


class WidgetDismissal(Row, table=True):
    """A checklist put aside in the widget: by one member for themselves, or (`member_id` None) for all of the account.

    `until` None is for good. What is taken back stays on record.
    """

    __tablename__ = "widget_dismissal"
    __table_args__ = (
        Index(
            "ux_widget_dismissal_all",
            "account_id",
            "checklist_key",
            unique=True,
            sqlite_where=text("member_id IS NULL AND undone_at IS NULL"),
            postgresql_where=text("member_id IS NULL AND undone_at IS NULL"),
        ),
        Index(
            "ux_widget_dismissal_member",
            "member_id",
            "checklist_key",
            unique=True,
            sqlite_where=text("member_id IS NOT NULL AND undone_at IS NULL"),
            postgresql_where=text("member_id IS NOT NULL AND undone_at IS NULL"),
        ),
        Index("ix_widget_dismissal_account_id", "account_id", sqlite_where=STANDING, postgresql_where=STANDING),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    member_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), nullable=True)
    )
    checklist_key: str = Field(max_length=64)
    at: datetime
    by: str = Field(max_length=200)
    by_name: str = Field(default="", max_length=200)
    until: datetime | None = None
    undone_at: datetime | None = None
    undone_by: str | None = Field(default=None, max_length=200)


class Ticket(Row, table=True):
    """One way into the portal for one member, good once and for a minute, stored hashed."""

    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_ticket_expires_at", "expires_at"))

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(max_length=64)
    member_id: int = Field(sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), nullable=False))
    next_path: str = Field(default="/", max_length=500)
    minted_by: str = Field(max_length=120)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class WidgetStamp(Row, table=True):
    """Changes with whatever an account's widget shows, in the transaction of the change; kept only for accounts that a
    widget has asked about. `news` is the place of its last completion among all accounts' (SQLite; see `live`)."""

    __tablename__ = "widget_stamp"
    __table_args__ = (Index("ix_widget_stamp_news", "news"),)

    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    number: int = 0
    news: int = 0


class WidgetSighting(Row, table=True):
    """A page of the product that has shown the widget: the installation check."""

    __tablename__ = "widget_sighting"

    source_id: int = Field(
        sa_column=Column(Integer, ForeignKey("source.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    origin: str = Field(primary_key=True, max_length=300)
    first_at: datetime
    last_at: datetime


class SourceTraffic(Row, table=True):
    """What came with a source's public key on one day: with a valid token, without one, with one that was refused."""

    __tablename__ = "source_traffic"
    __table_args__ = (CheckConstraint("signed >= 0 AND unsigned >= 0 AND refused >= 0", name="counts"),)

    source_id: int = Field(
        sa_column=Column(Integer, ForeignKey("source.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    day: date = Field(primary_key=True)
    signed: int = 0
    unsigned: int = 0
    refused: int = 0
