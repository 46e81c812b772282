"""Tables of the library: collections, documents, their languages, and the addresses they once had.

What decides who sees a document stands on the document; what is read stands on its variant, one a language. Nothing is
deleted when a file goes: it is archived, and comes back as it was when the file does. Every text that was ever saved or
published is a revision and stays, whole, as the file it is.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of

KINDS = ("manual", "faq", "case_study", "release_note")


class Edition(Row, table=True):
    """The state of the library as a whole: one row, whose `token` changes with every change of anything in it.

    A reader's process keeps titles, addresses and rendered bodies in memory under this token, and asks for the token
    on each request. A random token and not a number: no two states ever share one, not even after a restore.
    """

    __tablename__ = "library_edition"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    token: str = Field(max_length=64)
    changed_at: datetime


class Publication(Row, table=True):
    """The last publication of a folder, for as long as nothing has changed since: one row.

    `folder` is a digest of its files, `standing` of what they were compared with; `said` is what publishing it
    again says. See `portal.unchanged`.
    """

    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    folder: str = Field(max_length=64)
    standing: str = Field(max_length=64)
    said: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    by: str = Field(max_length=200)
    at: datetime


class Collection(Row, table=True):
    """A shelf of documents. It comes into being by being named; without a title its key is shown.

    `arranged_at` is set while the studio, and not a file, says how it is called and where it stands.
    """

    key: str = Field(primary_key=True, max_length=64)
    title: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    position: int | None = None
    arranged_at: datetime | None = None


class Document(Row, table=True):
    """One published thing. `audience` is a condition as written; None is every member.

    `origin` says what may change it: publishing touches only what came from files. `forked_at` is when the studio took
    it over from its file; None where it never had one, or still has.
    """

    __table_args__ = (
        one_of("kind", *KINDS),
        one_of("origin", "file", "studio"),
        Index("ix_document_collection_key", "collection_key"),
    )

    id: str = Field(primary_key=True, max_length=64)
    kind: str = Field(max_length=16)
    collection_key: str = Field(foreign_key="collection.key", max_length=64)
    position: int | None = None
    is_public: bool = False
    audience: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    origin: str = Field(default="file", max_length=8)
    created_at: datetime
    archived_at: datetime | None = None
    forked_at: datetime | None = None


class Revision(Row, table=True):
    """One text of a document in one language, as it was saved: the whole file, byte for byte, front matter and body.

    `number` counts from 1 for each document and language; `file` is where it lies as a file, which says its kind and
    slug. `digest` is the SHA-256 of the text. `by` is kept as words, since people go; None is `banso publish`.
    `translated_from_id` is the revision of the other language that this text was translated from.
    """

    __tablename__ = "document_revision"
    __table_args__ = (
        UniqueConstraint("document_id", "locale", "number"),
        one_of("locale", "ja", "en"),
        one_of("how", "file", "studio", "restored", "shared"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    number: int
    file: str = Field(max_length=200)
    title: str = Field(max_length=200)
    text: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(max_length=64)
    how: str = Field(max_length=8)
    by: str | None = Field(default=None, max_length=200)
    staff_id: int | None = Field(default=None, foreign_key="staff.id")
    note: str = Field(default="", max_length=500)
    at: datetime
    translated_from_id: int | None = Field(
        default=None, sa_column=Column(BigId, ForeignKey("document_revision.id"), nullable=True)
    )


class DocumentVariant(Row, table=True):
    """A document in one language, with what it was rendered to when it was published.

    `revision` counts every change of what readers get; `updated_at` moves only when the words did. `digest` is of the
    words; `links` (what each link in them led to) and `rendering` (the renderer's version) tell publishing when to
    render anew. `live_revision_id` is the revision it was rendered from; None where it was published before there were
    any.
    """

    __tablename__ = "document_variant"
    __table_args__ = (
        UniqueConstraint("document_id", "locale"),
        one_of("locale", "ja", "en"),
        Index("ix_document_variant_slug", "slug"),
    )

    id: int | None = Field(default=None, primary_key=True)
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    slug: str = Field(max_length=100)
    title: str = Field(max_length=200)
    source: str = Field(sa_column=Column(Text, nullable=False))
    html: str = Field(sa_column=Column(Text, nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))
    toc: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    links: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    aliases: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    digest: str = Field(max_length=64)
    rendering: int
    revision: int = 1
    updated_at: datetime
    published_at: datetime
    publish_at: datetime | None = None
    unpublish_at: datetime | None = None
    review_by: date | None = None
    archived_at: datetime | None = None
    live_revision_id: int | None = Field(
        default=None, sa_column=Column(BigId, ForeignKey("document_revision.id"), nullable=True)
    )


class FormerSlug(Row, table=True):
    """An address a document has given up; it leads to where the document is now, whatever that has become since."""

    __tablename__ = "former_slug"

    locale: str = Field(primary_key=True, max_length=2)
    slug: str = Field(primary_key=True, max_length=100)
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    given_up_at: datetime


class DocumentRelated(Row, table=True):
    """What else may help whoever reads a document, the best first; worked out when something is published.

    `why` is the strongest reason. More are kept than are shown: whom each is for is asked when it is.
    """

    __tablename__ = "document_related"
    __table_args__ = (one_of("why", "link", "collection", "words"),)

    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), primary_key=True)
    )
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    related_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    why: str = Field(max_length=10)


class DocumentFeedback(Row, table=True):
    """Whether a revision of a document helped one reader; one answer each, which they may change.

    `reader` is the member, or for strangers a digest of their browser's form cookie and this document: it says nothing
    about them, and nothing joins it to their answer on another document.
    """

    __tablename__ = "document_feedback"
    __table_args__ = (
        UniqueConstraint("document_id", "locale", "revision", "reader"),
        one_of("locale", "ja", "en"),
        one_of("reason", "", "outdated", "unclear", "incomplete", "wrong", "other"),
        Index("ix_document_feedback_answered_at", "answered_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    revision: int
    reader: str = Field(max_length=64)
    member_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("member.id", ondelete="SET NULL"), nullable=True, index=True)
    )
    is_helpful: bool
    reason: str = Field(default="", max_length=10)
    comment: str = Field(default="", max_length=1000)
    answered_at: datetime


class ReleaseVisit(Row, table=True):
    """When a member last looked at what is new, and up to when they had seen everything before that."""

    __tablename__ = "release_visit"

    member_id: int = Field(
        sa_column=Column(Integer, ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    seen_at: datetime
    caught_up_at: datetime
