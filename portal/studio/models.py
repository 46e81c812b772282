"""Tables of the studio: manuscripts and what became of them, releases, and words not yet saved.

The texts themselves are revisions of the library (`content.models.Revision`), so a reader's answer and a translation
can name the very text they are about. Here stands only where a text is on its way, and who moved it there.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlmodel import Field

from portal.kit.rows import BigId, Json, Row, one_of
from portal.studio.rules import ACTS, STATES


class Release(Row, table=True):
    """Several manuscripts that come out together, at `publish_at` or when somebody says so."""

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    title: str = Field(max_length=200)
    publish_at: datetime | None = None
    published_at: datetime | None = None
    created_by: str = Field(max_length=200)
    created_at: datetime


class Manuscript(Row, table=True):
    """A document in one language, as it is written now. `revision_id` is its newest text, `state` where that stands.

    `acting_at` is when the clock moves it next: out when it is scheduled, away when it is published. `slug` is unique
    among what lies in one folder in one language, which the service sees to.
    """

    __table_args__ = (
        UniqueConstraint("document_id", "locale"),
        one_of("locale", "ja", "en"),
        one_of("state", *STATES),
        Index("ix_manuscript_state_acting_at", "state", "acting_at"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    slug: str = Field(max_length=100)
    title: str = Field(max_length=200)
    state: str = Field(default="draft", max_length=16)
    revision_id: int = Field(sa_column=Column(BigId, ForeignKey("document_revision.id"), nullable=False))
    written_by: int | None = Field(default=None, foreign_key="staff.id")
    release_id: int | None = Field(
        default=None, sa_column=Column(BigId, ForeignKey("release.id", ondelete="SET NULL"), nullable=True, index=True)
    )
    acting_at: datetime | None = None
    changed_at: datetime


class ManuscriptAct(Row, table=True):
    """What somebody did with a manuscript, and with which text of it. `by` is kept as words, since people go."""

    __tablename__ = "manuscript_act"
    __table_args__ = (
        one_of("act", *ACTS),
        Index("ix_manuscript_act_document_id_locale", "document_id", "locale", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    act: str = Field(max_length=16)
    revision_id: int | None = Field(
        default=None, sa_column=Column(BigId, ForeignKey("document_revision.id"), nullable=True)
    )
    staff_id: int | None = Field(default=None, foreign_key="staff.id")
    by: str = Field(max_length=200)
    note: str = Field(default="", max_length=2000)
    at: datetime


class Unsaved(Row, table=True):
    """What a person has typed and not saved: kept for them, and told to whoever opens the same text meanwhile.

    `base` is the number of the revision they began from; 0 where there was none. `form` is the form as they left it.
    """

    __table_args__ = (UniqueConstraint("document_id", "locale", "staff_id"),)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    staff_id: int = Field(sa_column=Column(Integer, ForeignKey("staff.id", ondelete="CASCADE"), nullable=False))
    by: str = Field(max_length=200)
    base: int
    form: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    at: datetime


class TranslationMark(Row, table=True):
    """Somebody looked at a text and said that it says what the other language says: which two texts, who and when.

    It holds until an earlier text of the translation is brought back.
    """

    __tablename__ = "translation_mark"
    __table_args__ = (
        one_of("locale", "ja", "en"),
        Index("ix_translation_mark_document_id", "document_id", "locale"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    revision_id: int = Field(sa_column=Column(BigId, ForeignKey("document_revision.id"), nullable=False))
    original_id: int = Field(sa_column=Column(BigId, ForeignKey("document_revision.id"), nullable=False))
    staff_id: int | None = Field(default=None, foreign_key="staff.id")
    by: str = Field(max_length=200)
    at: datetime


class ReviewMark(Row, table=True):
    """Somebody looked at a document again, and when it is to be looked at next.

    It settles one date, `due`, that its text names: a text that names another date is judged by that. So neither a file
    nor an approved text has to change for it.
    """

    __tablename__ = "review_mark"
    __table_args__ = (one_of("locale", "ja", "en"), Index("ix_review_mark_document_id", "document_id", "locale"))

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    document_id: str = Field(
        sa_column=Column(String(64), ForeignKey("document.id", ondelete="CASCADE"), nullable=False)
    )
    locale: str = Field(max_length=2)
    due: date
    until: date
    staff_id: int | None = Field(default=None, foreign_key="staff.id")
    by: str = Field(max_length=200)
    at: datetime


class Replacement(Row, table=True):
    """Words replaced throughout the library at once: which texts it made of which, so that it can be taken back.

    `changes` has for each text its document and language, the ids of the revision `before` and `after`, the `state` it
    was in, and whether it was `forked` for it. `undone_by` is who took it back.
    """

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    words: str = Field(max_length=200)
    becomes: str = Field(max_length=200)
    changes: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    by: str = Field(max_length=200)
    at: datetime
    undone_by: str | None = Field(default=None, max_length=200)
    undone_at: datetime | None = None


class FolderImport(Row, table=True):
    """A folder that moved in: what it became, and what did not fit.

    `drafts` have each the document, language, title, file and the id of the text it came with; `collections` and
    `media` are the keys of those that came into being with it. `notes` are file, line and sentence, the first of
    `noted`. `left` are the titles of what stayed when it was taken back.
    """

    __tablename__ = "folder_import"

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    source: str = Field(max_length=200)
    drafts: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    collections: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    media: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    notes: list[list[Any]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    noted: int = 0
    by: str = Field(max_length=200)
    at: datetime
    undone_by: str | None = Field(default=None, max_length=200)
    undone_at: datetime | None = None
    left: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
