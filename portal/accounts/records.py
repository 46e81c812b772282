"""Tables of what staff do with customers at large: files brought in, fields of the vendor's own, customers merged."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String
from sqlmodel import Field

from portal.kit.rows import Json, Row, one_of


class CustomerImport(Row, table=True):
    """A file that staff brought in, from choosing its columns to the end.

    `data` is there until the end, and a day at most: it is full of people. `columns` says for each column of the file
    which field it is ("" for none); `result` is what the last look or the import came to. `done` of `total` rows are
    read while it is looked at.
    """

    __tablename__ = "customer_import"
    __table_args__ = (
        one_of("kind", "accounts", "members"),
        one_of("state", "mapping", "checking", "checked", "refused", "running", "done", "failed"),
        Index("ix_customer_import_created_at", "created_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=8)
    file: str = Field(max_length=200)
    data: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    columns: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    state: str = Field(default="mapping", max_length=8)
    done: int = 0
    total: int = 0
    result: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    by: str = Field(max_length=200)
    created_at: datetime
    changed_at: datetime


class ImportHeading(Row, table=True):
    """What a column heading meant the last time a file with it was imported; "" for nothing."""

    __tablename__ = "import_heading"

    kind: str = Field(primary_key=True, max_length=8)
    heading: str = Field(primary_key=True, max_length=200)
    field: str = Field(max_length=80)


class AccountField(Row, table=True):
    """A trait that staff see and keep as a field of a customer, with its name in both languages."""

    __tablename__ = "account_field"
    __table_args__ = (one_of("kind", "text", "number", "day", "yes_no", "choice"),)

    key: str = Field(primary_key=True, max_length=64)
    label: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    kind: str = Field(default="text", max_length=8)
    choices: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    is_filter: bool = False
    position: int = 0


class AccountFieldValue(Row, table=True):
    """What a filterable field says of an account, as text: so that filtering 100,000 accounts is one index."""

    __tablename__ = "account_field_value"
    __table_args__ = (Index("ix_account_field_value_account_id", "account_id"),)

    field_key: str = Field(
        sa_column=Column(String(64), ForeignKey("account_field.key", ondelete="CASCADE"), primary_key=True)
    )
    value: str = Field(primary_key=True, max_length=200)
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )


class AccountMerge(Row, table=True):
    """One customer became part of another. `merged_ref` is the id its systems still call it by, which now means the
    survivor; `undo` is all it takes to bring it back, there for a day."""

    __tablename__ = "account_merge"
    __table_args__ = (
        Index("ix_account_merge_account_id", "account_id"),
        Index("ix_account_merge_merged_ref", "merged_ref"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False))
    merged_ref: str = Field(max_length=200)
    merged_name: str = Field(max_length=200)
    by: str = Field(max_length=200)
    reason: str = Field(default="", max_length=1000)
    at: datetime
    undone_at: datetime | None = None
    undone_by: str | None = Field(default=None, max_length=200)
    undo: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class AccountApart(Row, table=True):
    """Somebody said that two customers with much the same name are two."""

    __tablename__ = "account_apart"

    low_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    high_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    by: str = Field(max_length=200)
    at: datetime
