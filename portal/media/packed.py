"""Media as an export writes them down: what is kept of each, and what it is, under `content/media/<key>/`.

The file a picture was made from is not kept, so it cannot be given back; what was made of it can, byte for byte.
Published again it is taken as it is, without being made once more: a picture made twice is another picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from sqlalchemy import select
from sqlmodel import Session, col

from portal.kit.errors import BansoError, Invalid
from portal.kit.files import FileProblems, Problem, load_yaml
from portal.kit.i18n import Message
from portal.media import blobs
from portal.media.blobs import digest_of
from portal.media.items import Item
from portal.media.making import MAX_IMAGE, Made, Part, check
from portal.media.models import KINDS, MediaBlob, MediaRendition

FOLDER: Final = "content/media"
ABOUT: Final = "media.yml"
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
NAME = re.compile(r"[^/\\\x00-\x1f]{1,190}")
DIGEST = re.compile(r"[0-9a-f]{64}")
NUMBERS: Final = ("width", "height", "size")


@dataclass(frozen=True)
class Packed:
    """A medium of a folder: its key for life, where its own file would lie, and what is kept of it."""

    key: str
    path: str | None
    alt: str
    made: Made


def write_media(session: Session, root: Path, items: list[Item]) -> list[str]:
    """Write these media below `root`; the files that were written. What lies there as its own file is left to that."""
    written = []
    for item in items:
        if item.path is not None and (root / item.path).is_file():
            continue
        home = root / FOLDER / item.key
        home.mkdir(parents=True, exist_ok=True)
        files = _renditions(session, item)
        for name, _, _, blob, size in files:
            if _put(session, home / name, blob, size):
                written.append(f"{FOLDER}/{item.key}/{name}")
        about = _about(item, files).encode()
        if not (home / ABOUT).is_file() or (home / ABOUT).read_bytes() != about:
            (home / ABOUT).write_bytes(about)
            written.append(f"{FOLDER}/{item.key}/{ABOUT}")
        names = {ABOUT, *(name for name, *_ in files)}
        for path in home.iterdir():
            if path.is_file() and path.name not in names:
                path.unlink()
    return written


def read_packed(root: Path, *, most: int) -> tuple[list[Packed], list[Problem]]:
    """The media below `root/content/media`, and what is wrong with them."""
    found: list[Packed] = []
    problems: list[Problem] = []
    for about in sorted((root / FOLDER).glob(f"*/{ABOUT}")):
        file = about.relative_to(root).as_posix()
        if not about.resolve().is_relative_to((root / "content").resolve()):
            problems.append(Problem(file, 1, Message("this is a link to a file outside content/, which is not read")))
            continue
        try:
            found.append(_read(about, file, most))
        except FileProblems as wrong:
            problems += wrong.problems
        except BansoError as wrong:
            problems.append(Problem(file, 1, wrong.message))
        except OSError as error:
            problems.append(Problem(file, 1, Message("this file cannot be read: %(why)s", why=error.strerror)))
    return found, problems


_Row = tuple[str, str, int, str, int]


def _renditions(session: Session, item: Item) -> list[_Row]:
    asked = (
        select(
            *(col(MediaRendition.name), col(MediaRendition.media_type), col(MediaRendition.width)),
            *(col(MediaRendition.blob), col(MediaBlob.size)),
        )
        .join(MediaBlob, col(MediaBlob.digest) == col(MediaRendition.blob))
        .where(col(MediaRendition.media_key) == item.key, col(MediaRendition.edition) == item.edition)
        .order_by(col(MediaRendition.width), col(MediaRendition.name))
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in session.execute(asked)]


def _put(session: Session, path: Path, blob: str, size: int) -> bool:
    if path.is_file() and path.stat().st_size == size:
        with path.open("rb") as there:
            if digest_of(there) == blob:
                return False
    with path.open("wb") as written:
        for number in range(-(-size // blobs.PIECE)):
            written.write(blobs.piece(session, digest=blob, number=number))
    return True


def _about(item: Item, files: list[_Row]) -> str:
    said: dict[str, Any] = {
        **{"key": item.key, "kind": item.kind, "name": item.name, "alt": item.alt},
        **({"path": item.path} if item.path else {}),
        **{"digest": item.digest, "label": item.label, "width": item.width, "height": item.height},
        **{"size": item.size, "animated": item.is_animated},
        "files": [{"name": name, "type": kind, "width": width} for name, kind, width, _, _ in files],
    }
    return yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=1000)


def _read(about: Path, file: str, most: int) -> Packed:
    source = load_yaml(about.read_text(encoding="utf-8"), file=file)
    said = source.value if isinstance(source.value, dict) else {}
    texts = {name: said.get(name) for name in ("key", "kind", "name", "label", "digest")}
    rules: Mapping[str, re.Pattern[str]] = {"key": KEY, "name": NAME, "digest": DIGEST, "label": NAME}
    wrong = [name for name, rule in rules.items() if not _fits(texts[name], rule)]
    wrong += [name for name in NUMBERS if not isinstance(said.get(name), int) or said[name] < 0]
    if texts["kind"] not in KINDS:
        wrong.append("kind")
    if texts["key"] != about.parent.name and "key" not in wrong:
        wrong.append("key")
    path = said.get("path")
    if path is not None and not (isinstance(path, str) and path.startswith(("content/", "tutorials/"))):
        wrong.append("path")
    files = list(_parts(about.parent, said, most)) if not wrong else []
    if not wrong and not files:
        wrong.append("files")
    if wrong:
        said_so = Message("“%(field)s” is not what banso export wrote there", field=wrong[0])
        raise FileProblems([source.problem(said_so, wrong[0])])
    made = Made(
        kind=said["kind"],
        label=str(said["label"]),
        name=str(said["name"]),
        digest=str(said["digest"]),
        width=said["width"],
        height=said["height"],
        is_animated=said.get("animated") is True,
        size=said["size"],
        parts=tuple(files),
    )
    return Packed(str(said["key"]), path, str(said.get("alt") or "")[:500], made)


def _fits(value: object, rule: re.Pattern[str]) -> bool:
    return isinstance(value, str) and rule.fullmatch(value) is not None


def _parts(home: Path, said: Mapping[str, Any], most: int) -> Iterator[Part]:
    """The files, each looked at by its content: what serves it says what it is by that, and not by what is written."""
    listed = said.get("files")
    for one in listed if isinstance(listed, list) else ():
        name = one.get("name") if isinstance(one, dict) else None
        width = one.get("width") if isinstance(one, dict) else None
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in (".", "..", ABOUT):
            raise Invalid(Message("“%(field)s” is not what banso export wrote there", field="files"))
        path = home / name
        if not path.resolve().is_relative_to(home.resolve()):
            raise Invalid(Message("this is a link to a file outside content/, which is not read"))
        with path.open("rb") as opened:
            found = check(opened, name, most=max(most, MAX_IMAGE))
            if found.kind != said.get("kind"):
                raise Invalid(Message("“%(field)s” is not what banso export wrote there", field="files"))
            digest = digest_of(opened)
        size = path.stat().st_size
        yield Part(name, found.media_type, width if isinstance(width, int) else 0, digest, size, path)
