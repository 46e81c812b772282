"""What the media are that a text names: by a file beside it, or by a key.

For one publication: what is asked for is made once, whatever names it, and remembered. A file that is as it was is not
made again. In a folder that is published only files count; a text of the studio finds what was published.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from portal.kit.errors import BansoError
from portal.kit.i18n import Message
from portal.kit.markdown.media import FindMedia
from portal.kit.markdown.media import Media as Shown
from portal.media.blobs import digest_of
from portal.media.items import Item, as_item, new_key
from portal.media.making import Made, make, stamp_of
from portal.media.packed import Packed
from portal.media.uses import PREFIX

HALVES = ("content", "tutorials")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Shelf:
    """All media there are (what was removed too), and the `root` of the folder that is published, if one is.

    `packed` are media of the folder that an export wrote there. After rendering, `wanted` has the path of every file
    that was named, `made` those that are new or changed, `unpacked` the packed ones that are.
    """

    items: Iterable[Item]
    root: Path | None = None
    most: int = 0
    wanted: set[str] = field(default_factory=set)
    made: dict[str, Made] = field(default_factory=dict)
    packed: Iterable[Packed] = ()
    unpacked: dict[str, Packed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keys = {item.key: item for item in self.items}
        self._paths = {item.path: item for item in self._keys.values() if item.path}
        self._found: dict[str, Shown | Message | None] = {}
        self._packed_keys = {one.key: one for one in self.packed}
        self._packed_paths = {one.path: one for one in self.packed if one.path}

    def finder(self, folder: str) -> FindMedia:
        """Says what a target is in a text that lies in `folder` (`content/manuals`)."""

        def find(target: str) -> Shown | Message | None:
            if target.startswith(("media:", PREFIX)):
                key = target.removeprefix("media:").removeprefix(PREFIX).partition("/")[0]
                return self._of_key(key)
            path = posixpath.normpath(posixpath.join(folder, target))
            if path not in self._found:
                self._found[path] = self._of_file(path)
            return self._found[path]

        return find

    def _of_key(self, key: str) -> Shown | None:
        """What is there already stands, whatever a folder says: it may have been replaced since it was exported."""
        item = self._keys.get(key)
        if item is not None and item.removed_at is None:
            return item.shown
        packed = self._packed_keys.get(key)
        return self._of_packed(packed) if packed else None

    def _of_packed(self, packed: Packed) -> Shown:
        self.unpacked[packed.key] = packed
        return as_item(packed.made, key=packed.key, alt=packed.alt, path=packed.path, now=NEVER).shown

    def _of_file(self, path: str) -> Shown | Message | None:
        known = self._paths.get(path)
        if self.root is None:
            return known.shown if known and known.removed_at is None else None
        file = self.root / path
        packed = self._packed_paths.get(path)
        if packed is not None and not file.is_file():
            self.wanted.add(path)
            as_it_is = known is not None and known.removed_at is None and known.digest == packed.made.digest
            return known.shown if known and as_it_is else self._of_packed(packed)
        if path.partition("/")[0] not in HALVES or path.endswith((".md", ".yml", ".yaml")) or not file.is_file():
            return None
        if not any(file.resolve().is_relative_to((self.root / half).resolve()) for half in HALVES):
            return Message("this is a link to a file outside content/, which is not read")
        try:
            with file.open("rb") as opened:
                if known is None or known.digest != stamp_of(digest_of(opened)):
                    self.made[path] = make(opened, file.name, most=self.most, where=file)
        except BansoError as refused:
            return Message("“%(file)s” cannot be used: %(why)s", file=path, why=refused.message)
        except OSError as error:
            return Message("“%(file)s” cannot be used: %(why)s", file=path, why=error.strerror)
        self.wanted.add(path)
        if path in self.made:
            key = known.key if known else new_key(file.name, of=path)
            alt = known.alt if known else ""
            return as_item(self.made[path], key=key, alt=alt, path=path, now=NEVER).shown
        return known.shown if known else None
