"""From a file somebody gives to something that can be kept: looked at, measured, made anew where it is a picture.

Takes no database and may take seconds, so it runs beside the event loop and before any transaction.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from portal.kit.errors import TooLarge
from portal.kit.i18n import Message
from portal.media import pictures
from portal.media.blobs import digest_of
from portal.media.kinds import FileType, Kind, safe_name, type_of

MAKING = "1"
"""Goes up when the same file would be made into something else: publishing then makes every picture anew."""
MAX_IMAGE = 25_000_000


@dataclass(frozen=True)
class Part:
    """One file to keep: `name` is the last part of its address; `content` is bytes, or where they are."""

    name: str
    media_type: str
    width: int
    digest: str
    size: int
    content: bytes | Path | BinaryIO

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The bytes, from their beginning."""
        if isinstance(self.content, bytes):
            yield io.BytesIO(self.content)
        elif isinstance(self.content, Path):
            with self.content.open("rb") as file:
                yield file
        else:
            self.content.seek(0)
            yield self.content


@dataclass(frozen=True)
class Made:
    """A medium that is not kept yet. `size` is of the file for whoever takes it along, in bytes."""

    kind: Kind
    label: str
    name: str
    digest: str
    width: int
    height: int
    is_animated: bool
    size: int
    parts: tuple[Part, ...]


def check(file: BinaryIO, name: str, *, most: int) -> FileType:
    """What `file` is, if it may be taken as far as its beginning tells. Raises `Invalid` or `TooLarge`."""
    found = type_of(file, name)
    _fits(file, min(most, MAX_IMAGE) if found.kind == "image" else most)
    if found.kind == "image":
        pictures.measure(file)
    return found


def make(file: BinaryIO, name: str, *, most: int, where: Path | None = None) -> Made:
    """Make of `file` what is kept; at most `most` bytes. `where` it lies, if it can be opened again there later.

    Raises `Invalid` for what is not taken and `TooLarge` over a limit, in words for whoever gave it.
    """
    found = check(file, name, most=most)
    called = safe_name(name, found.suffix)
    digest = stamp_of(digest_of(file))
    if found.kind == "image":
        return _picture(pictures.remake(file), found, called, digest)
    size = file.seek(0, io.SEEK_END)
    part = Part(called, found.media_type, 0, digest_of(file), size, where or file)
    return Made(found.kind, found.label, called, digest, 0, 0, is_animated=False, size=size, parts=(part,))


def stamp_of(digest: str) -> str:
    """What a file of this digest becomes is the same as long as this is."""
    return hashlib.sha256(f"{MAKING}:{digest}".encode()).hexdigest()


def _picture(made: pictures.Remade, found: FileType, name: str, digest: str) -> Made:
    largest = made.sizes[-1]
    files = [*made.sizes, *([made.still] if made.still else [])]
    return Made(
        kind="image",
        label=found.label,
        name=name,
        digest=digest,
        width=largest.width,
        height=largest.height,
        is_animated=made.still is not None,
        size=len(largest.data),
        parts=tuple(
            Part(one.name, "image/webp", one.width, hashlib.sha256(one.data).hexdigest(), len(one.data), one.data)
            for one in files
        ),
    )


def _fits(file: BinaryIO, most: int) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > most:
        said = Message(
            "This file is too large: %(size)s MB, and at most %(most)s MB are taken.",
            size=f"{size / 1_000_000:.1f}",
            most=most // 1_000_000,
        )
        raise TooLarge(said)
