"""What pages that move in are called here: ids, addresses, titles, kinds, and their places on the shelves. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from portal.content.files import ID, MAX_COLLECTION, MAX_SLUG, MAX_TITLE
from portal.content.front_matter import is_key, split_front_matter
from portal.kit.files import Problem, YamlFile, load_yaml
from portal.kit.i18n import Message
from portal.studio.moving.tree import Page

HEADING = re.compile(r"\A\s*#[ \t]+(?P<words>[^\n]+?)(?:[ \t]*\{[^{}\n]*\})?[ \t]*#*[ \t]*(?:\n|\Z)")
KINDS: Final[Mapping[str, str]] = {
    **{"faq": "faq", "faqs": "faq", "case-studies": "case_study", "changelog": "release_note"},
    **{"releases": "release_note", "release-notes": "release_note"},
}
"""Folders whose name says of what kind their pages are; all others are manuals."""


@dataclass(frozen=True)
class Read:
    """A page with what its fields say; `line` is where its body begins."""

    page: Page
    said: Mapping[str, Any]
    yaml: YamlFile
    body: str
    line: int


def read_page(page: Page) -> Read:
    """The page taken apart. Raises `FileProblems` where its fields are no YAML."""
    if not page.text.startswith("---\n"):
        return Read(page, {}, YamlFile(page.file, {}, {}), page.text, 1)
    head, body, line = split_front_matter(page.text, page.file)
    found = load_yaml(head, file=page.file, first_line=2)
    said = found.value if isinstance(found.value, dict) else {}
    return Read(page, {str(name): value for name, value in said.items()}, found, body, line)


def keys_of(pages: Mapping[str, Read]) -> dict[str, str]:
    """An id for each page: of its own name where that is enough, else with its folders."""
    taken: set[str] = set()
    keys = {}
    for name, one in pages.items():
        folder, _, last = name.rpartition("/")
        if last.lower() in ("index", "readme"):
            last = folder.rpartition("/")[2] or "home"
        said = one.said.get("id")
        own = _ascii(said if isinstance(said, str) else last)
        whole = _ascii(name.replace("/", "-"))
        chance = f"page-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        key = next(key for key in (own, whole, chance) if ID.fullmatch(key) and len(key) > 1 and key not in taken)
        taken.add(key)
        keys[name] = key
    return keys


def _ascii(words: str) -> str:
    """The words as an id, or "" where not all of their letters are Latin: half a name would be none."""
    plain = unicodedata.normalize("NFKC", re.sub(r"^\d+[-_. ]+(?=\D)", "", words)).lower()
    if not plain.isascii():
        return ""
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:64].strip("-_")


def kind_of(name: str) -> str:
    """The kind of a page, by the folder it lies in."""
    return KINDS.get(name.partition("/")[0].lower(), "manual") if "/" in name else "manual"


def key_of(words: str) -> str:
    """The words as the key of a collection, in letters of any language; "" where nothing is left."""
    plain = unicodedata.normalize("NFKC", words).lower()
    kept = "".join(one if unicodedata.category(one)[0] in "LNM" else "-" for one in plain)
    key = re.sub(r"-{2,}", "-", re.sub(r"^\d+-(?=\D)", "", kept)).strip("-")[:MAX_COLLECTION].strip("-")
    return key if is_key(key, MAX_COLLECTION) else ""


def slug_of(one: Read, key: str) -> str:
    """The last part of the address: as the page says, else as its file is called."""
    said = one.said.get("slug")
    last = one.page.name.rpartition("/")[2]
    words = str(said).strip("/").rpartition("/")[2] if isinstance(said, str) and said.strip("/") else last
    if words.lower() in ("index", "readme"):
        words = key
    slug = key_of(words)[:MAX_SLUG].strip("-")
    return slug if is_key(slug, MAX_SLUG, underscore=False) else key.replace("_", "-").strip("-")


def title_of(one: Read, notes: list[Problem]) -> tuple[str, str]:
    """The title, and the body without the heading that says it once more; lines stay what they were."""
    said = one.said.get("title")
    title = " ".join(str(said).split()) if isinstance(said, str | int | float) else ""
    body = one.body
    heading = HEADING.match(body)
    if heading:
        words = re.sub(r"[*_`]", "", heading["words"]).strip()
        if not title or title == words:
            title = title or words
            body = "\n" * heading[0].count("\n") + body[heading.end() :]
    title = title or one.page.title or str(one.said.get("sidebar_label") or "") or _spoken(one.page.name)
    title = "".join(each for each in title if unicodedata.category(each)[0] != "C").strip()
    if len(title) > MAX_TITLE:
        notes.append(Problem(one.page.file, 1, Message("the title is too long, and was cut")))
    return title[:MAX_TITLE].strip() or one.page.name, body


def _spoken(name: str) -> str:
    folder, _, last = name.rpartition("/")
    words = folder.rpartition("/")[2] or last if last.lower() in ("index", "readme") else last
    return re.sub(r"[-_]+", " ", re.sub(r"^\d+[-_. ]+(?=\D)", "", words)).strip().capitalize() or name


def order_of(one: Read, notes: list[Problem]) -> int | None:
    """The place on the shelf; Docusaurus may put a page between two others, at 2.5."""
    said = one.said.get("sidebar_position")
    if said is None:
        return one.page.order
    if isinstance(said, bool) or not isinstance(said, int | float) or abs(said) > 10_000:
        words = Message("“%(field)s” is no number, and was left out", field="sidebar_position")
        notes.append(one.yaml.problem(words, "sidebar_position"))
        return None
    return round(said * 10)
