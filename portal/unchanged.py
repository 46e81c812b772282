"""A folder that was published whole and has not been touched since: `banso publish` finds out by a look that there is
nothing to do.

What publishing would do depends on the folder's files, on what it compares them with in the library, and on Banso
itself. Digests of all three are kept with what a publication said. Nobody has to remember to take them back: they are
made anew at each look, so whatever anyone changes in the folder, the studio, the database or the code shows by itself.
Tables are asked by name, since importing their models costs more than all else here.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import delete, insert, inspect, text
from sqlmodel import Session

from portal.kit.i18n import Locale
from portal.kit.paths import PACKAGE, bundled
from portal.kit.rows import Row

HALVES: Final = ("content", "tutorials")
COMPARED: Final[Mapping[str, Sequence[str]]] = {
    "alembic_version": ("version_num",),
    "checklist": ("key", "version", "origin", "file", "position", "archived_at"),
    "checklist_version": ("checklist_key", "number", "digest"),
    "collection": ("key", "title", "position", "arranged_at"),
    "document": ("id", "kind", "collection_key", "position", "is_public", "audience", "origin", "archived_at"),
    "document_variant": (
        *("document_id", "locale", "slug", "title", "links", "aliases", "digest", "rendering", "archived_at"),
        *("publish_at", "unpublish_at", "review_by", "live_revision_id"),
    ),
    "media": ("key", "kind", "path", "alt", "edition", "removed_at"),
    "media_edition": ("media_key", "number", "digest"),
    "media_use": ("media_key", "kind", "owner", "part"),
    "search_entry": ("shelf", "key", "locale", "digest"),
    "segment": ("key", "digest", "position", "origin", "archived_at"),
    "tutorial": ("key", "title", "description", "minutes", "position", "audience", "archived_at"),
    "tutorial_step": ("tutorial_key", "key", "position", "title"),
    "tutorial_text": ("tutorial_key", "step_key", "locale", "digest", "rendering", "links"),
}
"""What publishing compares with. A test holds it against the tables that publishing asks."""


class Settings(Protocol):
    """What publishing needs of the settings."""

    @property
    def locale(self) -> Locale: ...
    @property
    def upload_mb(self) -> int: ...
    @property
    def zone(self) -> ZoneInfo: ...


Stat = tuple[str, int, int]
"""Name, size, and when it was last written."""


@dataclass(frozen=True)
class Folder:
    """The files of a folder as they were found: `digest` of all their names and bytes."""

    root: Path
    stats: tuple[Stat, ...]
    digest: str

    @property
    def is_as_it_was(self) -> bool:
        """Whether nobody has written in it since."""
        return _stats(self.root) == self.stats


def look(root: Path) -> Folder | None:
    """Read all files below `root`; None where that says too little: what a link leads to may change without it."""
    stats = _stats(root)
    if stats is None:
        return None
    digest = hashlib.sha256()
    try:
        for name, size, _ in stats:
            digest.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
            with (root / name).open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    except OSError:
        return None
    return Folder(root, stats, digest.hexdigest())


@dataclass(frozen=True)
class Said:
    """What a publication says: what its authors should look at, and what it did."""

    warnings: Sequence[str]
    lines: Sequence[str]


def said_of(session: Session, folder: Folder, settings: Settings) -> Said | None:
    """What publishing `folder` says where it was published as it is, into the library as it is; else None."""
    if not inspect(session.connection()).has_table("publication"):
        return None
    kept = session.connection().execute(_KEPT).one_or_none()
    if kept is None or kept.folder != folder.digest or kept.standing != _standing(session, settings):
        return None
    return Said(**orjson.loads(kept.said))


_KEPT = text("SELECT folder, standing, CAST(said AS TEXT) AS said FROM publication")


def note(session: Session, folder: Folder, said: Said, settings: Settings, *, by: str, now: datetime) -> None:
    """Keep that `folder` is published, in the transaction that did it; `said` is what publishing it again says."""
    session.flush()
    if not folder.is_as_it_was:
        return
    kept = Row.metadata.tables["publication"]
    session.execute(delete(kept))
    values = {"folder": folder.digest, "standing": _standing(session, settings), "said": asdict(said)}
    session.execute(insert(kept).values(id=1, by=by, at=now, **values))


def _standing(session: Session, settings: Settings) -> str:
    """The digest of the library, of Banso, and of the settings that decide how files are read and what is said."""
    chosen = (settings.zone.key, settings.locale, settings.upload_mb)
    digest = hashlib.sha256(repr((chosen, *_program())).encode())
    connection = session.connection()
    for table, columns in COMPARED.items():
        asked = ", ".join(f'CAST("{column}" AS TEXT)' for column in columns)
        rows = connection.execute(text(f'SELECT {asked} FROM "{table}"'))  # noqa: S608 - names of our own
        digest.update(repr((table, sorted(map(repr, rows)))).encode())
    return digest.hexdigest()


def _program() -> Iterator[Stat]:
    for root in (PACKAGE, bundled("migrations")):
        yield from (stat for stat in _below(root) if stat[0].endswith(".py"))


def _stats(root: Path) -> tuple[Stat, ...] | None:
    found: list[Stat] = []
    try:
        for half in HALVES:
            if (root / half).is_dir():
                found += ((f"{half}/{name}", size, at) for name, size, at in _below(root / half, refusing_links=True))
    except OSError:
        return None
    return tuple(sorted(found))


def _below(root: Path, *, refusing_links: bool = False) -> Iterator[Stat]:
    """Every file below `root`. `OSError` for what cannot be read, and for a link where they are refused."""
    waiting = [(os.fspath(root), "")]
    while waiting:
        folder, before = waiting.pop()
        if refusing_links and Path(folder).is_symlink():
            raise OSError(errno.ELOOP, "a link", folder)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append((entry.path, f"{before}{entry.name}/"))
                elif refusing_links and entry.is_symlink():
                    raise OSError(errno.ELOOP, "a link", entry.path)
                else:
                    stat = entry.stat()
                    yield f"{before}{entry.name}", stat.st_size, stat.st_mtime_ns
