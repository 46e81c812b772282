"""Where the links of pages that move in lead: from what MkDocs and Docusaurus write to what the library writes. Pure.

Between pages a link names a file, an address without an ending, or an address from the root; a picture lies beside its
page, or where Docusaurus keeps what has an address from the root.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

from portal.kit.i18n import Message
from portal.studio.moving.tree import PAGE, Page
from portal.studio.moving.words import CODE, FENCE, LONGEST, Note, Numbered

INLINE = re.compile(
    r"\]\(\s*(?P<target><[^<>\n]*>|[^()\s<>]+(?:\([^()\s]*\)[^()\s]*)*)(?P<rest>\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)"
)
REFERENCE = re.compile(r"^(?P<head>\s{0,3}\[[^\]^][^\]]*\]:\s*)(?P<target><[^<>]*>|\S+)")
OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//|#)", re.IGNORECASE)
Resolve = Callable[[str], str | Message | None]
"""What a target becomes, what is to be said of it, or None where it stays as it is."""


class Addresses:
    """The pages of a tree by every name a link may call them, and its files. `called` says where a page is now."""

    def __init__(self, pages: Iterable[Page], called: Mapping[str, str], aliases: Mapping[str, str]) -> None:
        self._called = called
        self._names: dict[str, str] = {}
        for page in pages:
            self._names[page.name.lower()] = page.name
            folder, _, last = page.name.rpartition("/")
            if last.lower() in ("index", "readme"):
                self._names.setdefault(folder.lower(), page.name)
        for address, name in aliases.items():
            self._names.setdefault(address.strip("/").lower(), name)

    def page(self, name: str, target: str) -> str | None:
        """Where `target`, written on the page `name`, leads in the library; None where that is no page."""
        path, _, fragment = target.partition("#")
        path = unquote(path).removeprefix("@site/")
        for candidate in self._candidates(name, path):
            found = self._names.get(candidate.lower())
            if found is not None:
                return self._called[found] + (f"#{fragment}" if fragment else "")
        return None

    def _candidates(self, name: str, path: str) -> Iterable[str]:
        ends = PAGE.search(path)
        plain = path[: ends.end("name")] if ends else path.rstrip("/")
        if path.startswith(("/", "docs/", "i18n/")):
            inside = plain.lstrip("/")
            yield from (inside, inside.removeprefix("docs/"), re.sub(r"^(?:ja|en)/", "", inside.removeprefix("docs/")))
            return
        folder = name.rpartition("/")[0]
        yield _joined(folder, plain)
        if not ends:
            # MkDocs gives each page a folder of its own as its address, and links count from there.
            yield _joined(name, plain)


def files_for(page: Page, target: str, *, docs: str, static: str) -> list[str]:
    """Where in the folder a picture or a file named `target` may lie, the likeliest first."""
    path = unquote(target.partition("#")[0].partition("?")[0]).removeprefix("pathname://")
    if path.startswith("@site/"):
        return [posixpath.normpath(path.removeprefix("@site/"))]
    if path.startswith("/"):
        inside = path.lstrip("/")
        return [posixpath.normpath(posixpath.join(home, inside)) for home in (static or docs, docs, "static")]
    beside = posixpath.join(page.file.rpartition("/")[0], path)
    elsewhere = posixpath.join(docs, page.name.rpartition("/")[0], path)
    return [posixpath.normpath(beside), posixpath.normpath(elsewhere)]


def relinked(lines: Iterable[Numbered], resolve: Resolve) -> tuple[str, list[Note]]:
    """The text of these lines with every link where it leads now; code is left alone, empty lines are evened."""
    notes: list[Note] = []
    out: list[str] = []
    closing = ""
    for number, line in lines:
        fence = FENCE.match(line)
        if fence and not closing:
            closing = fence["mark"]
        elif fence and fence["mark"].startswith(closing) and line.strip() == fence["mark"]:
            closing = ""
        elif not closing:
            if line.strip() or not out or out[-1].strip():
                out.append(_line(line, resolve, number, notes) if len(line) <= LONGEST else line)
            continue
        out.append(line)
    return "\n".join(out), notes


def _line(line: str, resolve: Resolve, number: int, notes: list[Note]) -> str:
    def other(found: re.Match[str]) -> str:
        target = found["target"].removeprefix("<").removesuffix(">")
        if OUTSIDE.match(target):
            return found[0]
        there = resolve(target)
        if isinstance(there, Message):
            notes.append((number, there))
        if not isinstance(there, str):
            return found[0]
        return found[0].replace(found["target"], f"<{there}>" if re.search(r"[\s()]", there) else there, 1)

    parts, last = [], 0
    for code in CODE.finditer(line):
        parts += [INLINE.sub(other, line[last : code.start()]), code[0]]
        last = code.end()
    whole = "".join([*parts, INLINE.sub(other, line[last:])])
    return REFERENCE.sub(other, whole)


def _joined(folder: str, path: str) -> str:
    found = posixpath.normpath(posixpath.join(folder, path))
    return "" if found == "." else found
