"""Where a link in a text leads: the one way from what an author writes to an address of the portal.

Authors write `manuals/inviting`, `tutorials/first-invoice`, or the file beside theirs (`./inviting.ja.md`). The address
is the one without a slug, which holds in every language and under every name the document will have.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Protocol

DOCUMENT_FOLDERS: Final[Mapping[str, str]] = {
    "manuals": "manual",
    "faq": "faq",
    "case-studies": "case_study",
    "releases": "release_note",
}
MARKDOWN = re.compile(r"(?:\.(?:ja|en))?\.md$")


class Placed(Protocol):
    """What stands in the library under an id, and in a folder under a slug."""

    @property
    def id(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def aliases(self) -> Iterable[str]: ...
    @property
    def folder(self) -> str: ...


class Places:
    """All there is to lead to. `others` are addresses beside documents: `tutorials/<key>`, `checklists/<key>`, …"""

    def __init__(self, documents: Iterable[Placed], others: Collection[str] = ()) -> None:
        self._others = frozenset(others)
        self._ids: set[str] = set()
        self._names: dict[str, str] = {}
        self._files: dict[tuple[str, str], str] = {}
        for document in documents:
            self._ids.add(document.id)
            self._files[document.folder, document.slug] = document.id
            for name in (*document.aliases, document.slug):
                self._names[name] = document.id

    def resolver(self, folder: str) -> Callable[[str], str | None]:
        """Says where a relative link written in a file of `folder` leads; None where that is nowhere."""

        def resolve(target: str) -> str | None:
            return self._by_name(target) or self._by_file(folder, target)

        return resolve

    def _by_name(self, target: str) -> str | None:
        shelf, _, key = target.removesuffix("/").partition("/")
        if shelf in DOCUMENT_FOLDERS:
            found = self._files.get((shelf, key)) or self._names.get(key)
            document = key if key in self._ids else found
            return f"/manuals/{document}" if document else None
        return f"/{shelf}/{key}" if f"{shelf}/{key}" in self._others else None

    def _by_file(self, folder: str, target: str) -> str | None:
        path, count = MARKDOWN.subn("", posixpath.normpath(posixpath.join(folder, target)))
        document = self._files.get((posixpath.dirname(path), posixpath.basename(path))) if count else None
        return f"/manuals/{document}" if document else None
