"""`banso export`: the library back as files, so that no word is ever locked in.

What came from files goes back byte for byte; what was written here becomes the file it always was. Publishing what was
exported changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists.catalog import catalog
from portal.checklists.definition import Definition, parse_checklist
from portal.checklists.models import Checklist, ChecklistVersion
from portal.checklists.written import text_of
from portal.content.files import parse_collections, parse_document
from portal.content.library import COLLECTION, DOCUMENT, REVISION, VARIANT
from portal.content.media_door import KIND
from portal.content.models import Document
from portal.content.places import DOCUMENT_FOLDERS
from portal.kit.files import FileProblems, load_yaml
from portal.media.items import Item
from portal.media.models import MediaUse
from portal.media.service import every
from portal.studio.forking import written_anew
from portal.studio.front import with_fields

COLLECTIONS = "content/collections.yml"
CHECKLISTS = "content/checklists"
NAMED = re.compile(r"^id:[ \t]*[\"']?([a-z0-9][a-z0-9_-]*)[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Written:
    """What an export did to a folder; `moved` is from where to where a document's file went."""

    files: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]


def texts(session: Session) -> dict[str, str]:
    """Every file of the library as published, by its path: documents in all their languages, and the collections."""
    rows = session.execute(
        select(
            DOCUMENT.c.audience, DOCUMENT.c.is_public, DOCUMENT.c.collection_key, VARIANT, _LIVE.c.file, _LIVE.c.body
        )
        .join(VARIANT, VARIANT.c.document_id == DOCUMENT.c.id)
        .outerjoin(_LIVE, _LIVE.c.id == VARIANT.c.live_revision_id)
        .where(DOCUMENT.c.archived_at.is_(None), VARIANT.c.archived_at.is_(None))
        .order_by(DOCUMENT.c.id, VARIANT.c.locale)
    ).all()
    found = dict(_text(session, row) for row in rows)
    said = collections_text(session)
    return {**found, **({COLLECTIONS: said} if said else {})}


def everything(session: Session) -> dict[str, str]:
    """The same, with the checklists that are live: as their files were, where they come from files as they are now."""
    rows = session.execute(
        select(col(Checklist.key), col(Checklist.file), col(ChecklistVersion.source))
        .join(
            ChecklistVersion,
            (col(ChecklistVersion.checklist_key) == col(Checklist.key))
            & (col(ChecklistVersion.number) == col(Checklist.version)),
        )
        .where(col(Checklist.archived_at).is_(None))
        .order_by(col(Checklist.position), col(Checklist.key))
    )
    known = catalog(session)
    found = texts(session)
    for key, file, source in rows:
        found[file or f"{CHECKLISTS}/{key}.yml"] = source or text_of(known.live_of(key).definition)
    return found


def media_shown(session: Session) -> list[Item]:
    """The media that published documents show."""
    used = select(col(MediaUse.media_key)).where(col(MediaUse.kind) == KIND)
    keys = set(session.execute(used).scalars())
    return [item for item in every(session) if item.key in keys and item.removed_at is None]


def write(root: Path, files: dict[str, str]) -> Written:
    """Put the files under `root`. What is there already as it should be is not touched; a document that lies there
    under another name is moved, so that no two files claim one id."""
    changed = []
    moved = list(_elsewhere(root, files))
    for name, text in files.items():
        path = root / name
        data = text.encode()
        if path.is_file() and (path.read_bytes() == data or _says_the_same(name, path, text)):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        changed.append(name)
    for old, _ in moved:
        (root / old).unlink()
    return Written(tuple(files), tuple(changed), tuple(moved))


def collections_text(session: Session) -> str:
    """`collections.yml` as the library has it."""
    rows = session.execute(select(COLLECTION).where(COLLECTION.c.position.is_not(None)).order_by(COLLECTION.c.position))
    listed = [{"key": row.key, **({"title": dict(row.title)} if row.title else {})} for row in rows]
    if not listed:
        return ""
    return yaml.safe_dump(listed, allow_unicode=True, sort_keys=False, default_flow_style=None, width=1000)


_LIVE = select(REVISION.c.id, REVISION.c.file, REVISION.c.text.label("body")).subquery("live")


def _text(session: Session, row: Any) -> tuple[str, str]:
    if row.file is None:
        document = session.get_one(Document, row.document_id)
        folder = next(folder for folder, kind in DOCUMENT_FOLDERS.items() if kind == document.kind)
        return f"content/{folder}/{row.slug}.{row.locale}.md", written_anew(session, document, row)
    return row.file, _as_it_stands(row)


def _as_it_stands(row: Any) -> str:
    """The text, with what all languages share as the document has it: another one may have been published since."""
    said = parse_document(row.body, file=row.file)
    values: dict[str, Any] = {}
    if said.collection != row.collection_key:
        values["collection"] = row.collection_key
    if said.public != row.is_public:
        values["public"] = True if row.is_public else None
    if said.audience != row.audience:
        values["audience"] = row.audience
    return with_fields(row.body, values) if values else str(row.body)


def _elsewhere(root: Path, files: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Files of a folder that hold a document of `files` under another name."""
    wanted = {}
    for name, text in files.items():
        found = NAMED.search(text)
        if found:
            wanted[found[1], name.rsplit(".", 2)[-2]] = name
    for folder in DOCUMENT_FOLDERS:
        for path in sorted((root / "content" / folder).glob("*.*.md")):
            name = path.relative_to(root).as_posix()
            if name in files or path.is_symlink():
                continue
            head = NAMED.search(path.read_text(encoding="utf-8", errors="replace")[:5_000])
            place = wanted.get((head[1], name.rsplit(".", 2)[-2])) if head else None
            if place is not None:
                yield name, place


def _says_the_same(name: str, path: Path, text: str) -> bool:
    """Whether a file that was written by hand means what is to be written: then its comments stay."""
    try:
        there = path.read_text(encoding="utf-8")
        if name == COLLECTIONS:
            return parse_collections(there, file="") == parse_collections(text, file="")
        return name.startswith(f"{CHECKLISTS}/") and _checklist(there) == _checklist(text)
    except (FileProblems, UnicodeDecodeError):
        return False


def _checklist(text: str) -> Definition:
    return parse_checklist(load_yaml(text, file=""))
