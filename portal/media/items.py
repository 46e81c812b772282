"""A medium as it is now, and as a document shows it: its addresses, its sizes, the line that names it in a text."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from portal.kit.markdown.media import Attachment, Picture, Video
from portal.kit.markdown.media import Media as Shown
from portal.kit.secrets import new_token
from portal.media import uses
from portal.media.kinds import Kind
from portal.media.making import Made

_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Rendition:
    """One file of a medium."""

    name: str
    media_type: str
    width: int
    blob: str
    size: int


@dataclass(frozen=True)
class Item:
    """A medium as it is now. `stamp` changes with its content and stands in its address."""

    key: str
    kind: Kind
    path: str | None
    alt: str
    edition: int
    name: str
    digest: str
    label: str
    width: int
    height: int
    is_animated: bool
    size: int
    changed_at: datetime
    removed_at: datetime | None
    names: tuple[tuple[str, int], ...]

    @property
    def stamp(self) -> str:
        """The first characters of its digest."""
        return self.digest[:12]

    @property
    def address(self) -> str:
        """What every address of this edition begins with."""
        return f"{uses.PREFIX}{self.key}/{self.stamp}"

    def url(self, name: str) -> str:
        """The address of one of its files."""
        return f"{self.address}/{quote(name)}"

    @property
    def main(self) -> str:
        """The address of the file, or of the largest size."""
        widest = max((one for one in self.names if one[0] != "still.webp"), key=lambda one: one[1])
        return self.url(widest[0])

    @property
    def small(self) -> str:
        """The address of the smallest size that still shows it: for lists of pictures."""
        still = next((name for name, _ in self.names if name == "still.webp"), None)
        return self.url(still or min(self.names, key=lambda one: one[1])[0])

    @property
    def shown(self) -> Shown:
        """As a document shows it."""
        if self.kind == "file":
            return Attachment(self.address, self.main, f"{self.label} · {size_in_words(self.size)}", self.alt)
        if self.kind == "video":
            return Video(self.address, self.main, self.width, self.height, self.alt)
        sizes = sorted((width, name) for name, width in self.names if name != "still.webp")
        srcset = ", ".join(f"{self.url(name)} {width}w" for width, name in sizes) if len(sizes) > 1 else ""
        still = self.url("still.webp") if self.is_animated else ""
        return Picture(self.address, self.main, srcset, self.width, self.height, self.alt, still)

    @property
    def markdown(self) -> str:
        """What a writer puts into a text to show it.

        Of what nobody has described yet the brackets are empty, which the preview points out: the name of its file
        would say nothing to those who cannot see it.
        """
        named = self.name.rpartition(".")[0] if self.kind == "file" else ""
        words = re.sub(r"([\\\[\]])", r"\\\1", self.alt or named)
        return f"{'' if self.kind == 'file' else '!'}[{words}](media:{self.key})"


def as_item(made: Made, *, key: str, alt: str, path: str | None, now: datetime) -> Item:
    """What was made as it will be once it is kept under `key`."""
    return Item(
        key=key,
        kind=made.kind,
        path=path,
        alt=alt,
        edition=0,
        name=made.name,
        digest=made.digest,
        label=made.label,
        width=made.width,
        height=made.height,
        is_animated=made.is_animated,
        size=made.size,
        changed_at=now,
        removed_at=None,
        names=tuple((part.name, part.width) for part in made.parts),
    )


def new_key(name: str, *, of: str = "") -> str:
    """A key that says a little of `name`; `of` a path it is always the same, else it is like no other."""
    words = _NOT_IN_KEYS.sub("-", name.rpartition(".")[0].lower()).strip("-")[:40].strip("-") or "media"
    end = hashlib.sha256(of.encode()).hexdigest()[:8] if of else _NOT_IN_KEYS.sub("", new_token(size=12).lower())[:8]
    return f"{words}-{end}"


def size_in_words(size: int) -> str:
    """`24 KB`, `1.2 MB`: thousands, as file lists count."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} KB"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"
