"""Files of a published folder become media: new ones are added, changed ones replaced, those nobody names put away."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.kit.errors import BansoError
from portal.kit.files import Problem
from portal.kit.i18n import Message
from portal.media import uses
from portal.media.items import new_key
from portal.media.making import check
from portal.media.models import Media, MediaUse
from portal.media.packed import Packed
from portal.media.service import bring_back, find, keep_files_now, replace, save
from portal.media.shelf import HALVES, Shelf

LOOKED_AT = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".heic", ".mp4", ".webm"),
        *(".pdf", ".xlsx", ".pptx", ".docx", ".xls", ".ppt", ".doc", ".zip", ".csv"),
    )
)
"""Files with such a name are meant to be shown, so what is wrong with one is said before anything is published."""
BY = "banso publish"


def problems(root: Path, *, most: int) -> Iterator[Problem]:
    """What is wrong with the pictures and files under `root`, as far as their beginnings tell."""
    for half in HALVES:
        for path in sorted((root / half).rglob("*")):
            name = path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if path.suffix.lower() not in LOOKED_AT or hidden or not path.is_file():
                continue
            if not path.resolve().is_relative_to((root / half).resolve()):
                continue
            try:
                with path.open("rb") as file:
                    check(file, path.name, most=most)
            except BansoError as refused:
                yield Problem(name, 1, refused.message)
            except OSError as error:
                yield Problem(name, 1, Message("this file cannot be read: %(why)s", why=error.strerror))


def apply(session: Session, shelf: Shelf, *, now: datetime) -> list[str]:
    """Keep what was made; the keys that are another than before. `settle` comes after the texts were written."""
    rows = session.execute(select(col(Media.path), col(Media.key), col(Media.removed_at))).all()
    there = {row.path: row for row in rows if row.path}
    changed = []
    for packed in shelf.unpacked.values():
        changed += _unpack(session, packed, now=now)
    for path in sorted(shelf.wanted):
        made, row = shelf.made.get(path), there.get(path)
        if made is not None:
            keep_files_now(session, made, now=now)
        if row is None and made is not None:
            save(session, made, by=BY, now=now, key=new_key(path.rpartition("/")[2], of=path), path=path)
        elif row is not None:
            if row.removed_at is not None:
                bring_back(session, row.key)
            if made is not None and find(session, row.key).digest != made.digest:
                replace(session, row.key, made, by=BY, now=now, renewing=False)
                changed.append(row.key)
    return changed


def _unpack(session: Session, packed: Packed, *, now: datetime) -> list[str]:
    """Keep a medium that an export wrote down; its key, where something else was there under it."""
    keep_files_now(session, packed.made, now=now)
    row = session.execute(select(col(Media.removed_at)).where(col(Media.key) == packed.key)).one_or_none()
    if row is None:
        save(session, packed.made, by=BY, now=now, alt=packed.alt, key=packed.key, path=packed.path)
        return []
    if row.removed_at is not None:
        bring_back(session, packed.key)
    if find(session, packed.key).digest == packed.made.digest:
        return []
    replace(session, packed.key, packed.made, by=BY, now=now, renewing=False)
    return [packed.key]


def settle(session: Session, shelf: Shelf, changed: Collection[str], halves: Collection[str], *, now: datetime) -> None:
    """What others show of what changed is written anew; files of these `halves` that nothing shows are put away."""
    for key in changed:
        uses.renew(session, key, now=now)
    rows = session.execute(
        select(col(Media.path), col(Media.key)).where(
            col(Media.path).is_not(None),
            col(Media.removed_at).is_(None),
            col(Media.key).not_in(select(col(MediaUse.media_key))),
        )
    )
    gone = [key for path, key in rows if path not in shelf.wanted and path.partition("/")[0] in halves]
    if gone:
        session.execute(update(Media).where(col(Media.key).in_(gone)).values(removed_at=now))
