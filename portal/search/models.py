"""Tables of the index: what can be found, which terms lead there, and in which state the whole is.

Postings are rows like any other, the same on both databases: a term has one row for each block of a thousand entries,
and the row holds where in the block the term is and how much it weighs there. A search reads a few dozen rows however
many texts there are; publishing a text rewrites those of the terms that changed.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of

BLOCK = 1024
"""Entries in a block."""

# Compared by code point on both databases: what begins with a term is then one range of the index.
Term = String(64).with_variant(String(64, collation="C"), "postgresql")


class IndexState(Row, table=True):
    """The index as a whole: one row, whose `token` changes with every change of it, as the library's edition does.

    `words` does with every change of the synonyms, which are no part of the index.
    """

    __tablename__ = "search_state"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    token: str = Field(max_length=64)
    words: str = Field(max_length=64)


class Entry(Row, table=True):
    """A text that can be found, in one language. `called` and `text` are as they are shown; `title`, `reading` and
    `folded` are its title, how that is read, and its text, folded; `jumps` is the way back from `folded` to `text`.

    `digest` says of what it was made; `weights` are its terms, packed, so that the next change writes only what
    differs.
    """

    __tablename__ = "search_entry"
    __table_args__ = (UniqueConstraint("shelf", "key", "locale"), one_of("locale", "ja", "en"))

    id: int | None = Field(default=None, primary_key=True)
    shelf: str = Field(max_length=16)
    key: str = Field(max_length=64)
    locale: str = Field(max_length=2)
    digest: str = Field(max_length=80)
    called: str = Field(sa_column=Column(Text, nullable=False))
    title: str = Field(sa_column=Column(Text, nullable=False))
    reading: str = Field(sa_column=Column(Text, nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))
    folded: str = Field(sa_column=Column(Text, nullable=False))
    jumps: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    length: int
    weights: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Posting(Row, table=True):
    """Where in one block of entries a term is: pairs of 16-bit numbers, the entry's place in the block and its
    weight."""

    __tablename__ = "search_posting"

    term: str = Field(sa_column=Column(Term, primary_key=True))
    block: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    places: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Synonym(Row, table=True):
    """Words of the vendor's own: who asks for one of `words` is also answered by `means`; with `both_ways`, vice versa.

    Taking one away is a row that knows when and by whom, so that it can be brought back.
    """

    __tablename__ = "search_synonym"

    id: int | None = Field(default=None, primary_key=True)
    words: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    means: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    both_ways: bool
    added_at: datetime
    added_by: str = Field(max_length=200)
    removed_at: datetime | None = None
    removed_by: str | None = Field(default=None, max_length=200)


class Search(Row, table=True):
    """One search, and nothing about who searched: no account, no member, no address, the time by the hour.

    `results` is what was found. `clicked` is the place in the list, from 1, of what was opened first.
    """

    __tablename__ = "search_log"
    __table_args__ = (
        one_of("locale", "ja", "en"),
        UniqueConstraint("token"),
        Index("ix_search_log_hour", "hour", "query"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    token: str = Field(max_length=32)
    hour: datetime
    query: str = Field(max_length=200)
    locale: str = Field(max_length=2)
    results: int
    clicked: int | None = None
    clicked_key: str | None = Field(default=None, max_length=80)
