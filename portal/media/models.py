"""Tables of media: what there is, its editions, the pieces they are kept in, and where each is shown.

What a key means now is one edition; the one before stays for a while, so that a replacement can be taken back. Bytes
are kept under their own digest: the same picture twice is kept once.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, String
from sqlmodel import Field

from portal.kit.rows import Row, one_of

KINDS = ("image", "video", "file")


class Media(Row, table=True):
    """One medium. `path` is where its file lies in the folder that was published; None where staff uploaded it.

    `alt` describes it to those who cannot see it, where the text that shows it does not. `removed_at` takes it out of
    every list; it can be brought back until the nightly upkeep forgets it.
    """

    __table_args__ = (one_of("kind", *KINDS),)

    key: str = Field(primary_key=True, max_length=64)
    kind: str = Field(max_length=8)
    path: str | None = Field(default=None, max_length=500, unique=True)
    alt: str = Field(default="", max_length=500)
    edition: int
    created_at: datetime
    changed_at: datetime
    removed_at: datetime | None = None


class MediaEdition(Row, table=True):
    """What a medium is, or was: the file it was made from. `width` and `height` are of the largest rendition."""

    __tablename__ = "media_edition"
    __table_args__ = (PrimaryKeyConstraint("media_key", "number"),)

    media_key: str = Field(sa_column=Column(String(64), ForeignKey("media.key", ondelete="CASCADE"), nullable=False))
    number: int
    name: str = Field(max_length=200)
    digest: str = Field(max_length=64)
    label: str = Field(max_length=16)
    width: int = 0
    height: int = 0
    is_animated: bool = False
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    made_at: datetime
    made_by: str = Field(max_length=200)


class MediaRendition(Row, table=True):
    """One file of an edition: `name` is the last part of its address (`960.webp`, `料金表.xlsx`)."""

    __tablename__ = "media_rendition"
    __table_args__ = (
        PrimaryKeyConstraint("media_key", "edition", "name"),
        Index("ix_media_rendition_blob", "blob"),
    )

    media_key: str = Field(sa_column=Column(String(64), ForeignKey("media.key", ondelete="CASCADE"), nullable=False))
    edition: int
    name: str = Field(max_length=200)
    media_type: str = Field(max_length=100)
    width: int = 0
    blob: str = Field(sa_column=Column(String(64), ForeignKey("media_blob.digest"), nullable=False))


class MediaBlob(Row, table=True):
    """Bytes by their SHA-256. `kept_at` moves when they are stored again, so that upkeep spares what is under way."""

    __tablename__ = "media_blob"

    digest: str = Field(primary_key=True, max_length=64)
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    kept_at: datetime


class MediaPiece(Row, table=True):
    """So many bytes of a blob: small enough that a seek in a film reads no more than it needs."""

    __tablename__ = "media_piece"
    __table_args__ = (PrimaryKeyConstraint("blob", "number"), CheckConstraint("number >= 0", name="number"))

    blob: str = Field(sa_column=Column(String(64), ForeignKey("media_blob.digest", ondelete="CASCADE"), nullable=False))
    number: int
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class MediaUse(Row, table=True):
    """That something shows a medium: a `kind` of thing, its key, and the `part` of it (a language) that does."""

    __tablename__ = "media_use"
    __table_args__ = (
        PrimaryKeyConstraint("kind", "owner", "part", "media_key"),
        Index("ix_media_use_media_key", "media_key"),
    )

    kind: str = Field(max_length=16)
    owner: str = Field(max_length=64)
    part: str = Field(max_length=80)
    media_key: str = Field(sa_column=Column(String(64), ForeignKey("media.key", ondelete="CASCADE"), nullable=False))
