"""What a folder of markdown holds: its pages by language, the shelves they stand on, and their order.

MkDocs says its order in `nav` of `mkdocs.yml`, Docusaurus in `_category_.json` and `sidebar_position`; a folder without
either goes by its names. Reads files and no database. Links that lead out of the folder are not followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from portal.content.files import MAX_BYTES
from portal.kit.files import FileProblems, Problem
from portal.kit.i18n import LOCALES, Locale, Message

PAGE = re.compile(r"(?P<name>.+?)(?:\.(?P<locale>ja|en))?\.(?:md|mdx|markdown)$")
MOST_PAGES: Final = 5_000
DEEPEST: Final = 20
MOST_FILES: Final = 50_000
LAST: Final = 1_000_000
STEP: Final = 10
"""Between two places on a shelf, so that something can come between."""
ELSEWHERE: Final = "i18n/{}/docusaurus-plugin-content-docs/current"


@dataclass(frozen=True)
class Page:
    """One page in one language. `file` is its path in the folder, `name` that of the page in any language, without an
    ending. `shelf` are the titles of the sections it stands in, `title` and `order` what is said of it elsewhere; pages
    are in their order by `rank`."""

    file: str
    name: str
    locale: Locale
    text: str
    shelf: tuple[str, ...]
    shelf_key: str
    title: str
    order: int | None
    rank: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Tree:
    """All pages, the `root` they lie in, where Docusaurus keeps what has an address from the root, and what to say."""

    root: Path
    docs: str
    pages: tuple[Page, ...]
    static: str
    notes: tuple[Problem, ...]


@dataclass
class _Order:
    """What configuration says: of a page its title, place and sections; of a folder its title and place."""

    pages: dict[str, tuple[str, int, tuple[str, ...]]] = field(default_factory=dict)
    folders: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)
    seen: int = 0


def read_tree(root: Path, *, locale: Locale) -> Tree:
    """Read the folder; `locale` is that of pages that do not say theirs. Raises `FileProblems`."""
    docs, static, order = "", "", _Order()
    config = next((root / name for name in ("mkdocs.yml", "mkdocs.yaml") if (root / name).is_file()), None)
    if config is not None:
        said = _mkdocs(config)
        docs = str(said.get("docs_dir") or "docs").strip("/")
        _nav(said.get("nav"), (), order, config.name)
    elif any(root.glob("docusaurus.config.*")):
        docs, static = "docs", "static"
    elif (root / "docs").is_dir() and not any(root.glob("*.mdx")) and len(list(root.glob("*.md"))) <= 1:
        docs = "docs"
    pages: list[tuple[str, str, Locale, str]] = []
    problems: list[Problem] = []
    for path in _files(root, problems):
        found = _place(path.relative_to(root).as_posix(), docs, locale)
        if path.name == "_category_.json" or path.name in ("_category_.yml", "_category_.yaml"):
            _category(path, root, docs, order)
        elif found is not None:
            try:
                pages.append((path.relative_to(root).as_posix(), *found, _text(path, root)))
            except FileProblems as wrong:
                problems += wrong.problems
    if not pages and not problems:
        problems.append(Problem(docs or ".", 1, Message("there is no markdown here")))
    if len(pages) > MOST_PAGES:
        problems.append(Problem(docs or ".", 1, Message("there are more than %(most)s pages here", most=MOST_PAGES)))
    if problems:
        raise FileProblems(problems)
    made = [_page(file, name, one, text, order) for file, name, one, text in pages]
    made.sort(key=lambda page: (page.rank, page.name, page.locale != locale))
    return Tree(root, docs, tuple(made), static, tuple(order.notes))


def _files(root: Path, problems: list[Problem]) -> Iterator[Path]:
    home = root.resolve()
    for number, path in enumerate(sorted(root.rglob("*"))):
        parts = path.relative_to(root).parts
        if number > MOST_FILES:
            problems.append(Problem(".", 1, Message("there are more than %(most)s files here", most=MOST_FILES)))
            return
        if "node_modules" in parts or any(part.startswith(".") for part in parts) or not path.is_file():
            continue
        if path.resolve().is_relative_to(home):
            yield path


def _place(file: str, docs: str, locale: Locale) -> tuple[str, Locale] | None:
    """The page that `file` is, and its language; None for what is none. Partials (`_part.md`) are none."""
    named = PAGE.fullmatch(PurePosixPath(file).name)
    if named is None or named["name"].startswith("_"):
        return None
    inside = ""
    for one in LOCALES:
        if file.startswith(f"{ELSEWHERE.format(one)}/"):
            inside, locale = file.removeprefix(f"{ELSEWHERE.format(one)}/"), one
    if not inside:
        if docs and not file.startswith(f"{docs}/"):
            return None
        inside = file.removeprefix(f"{docs}/") if docs else file
        first, _, rest = inside.partition("/")
        for one in LOCALES:
            if first == one and rest:
                inside, locale = rest, one
    folder = inside.rpartition("/")[0]
    said = named["locale"]
    found = next((one for one in LOCALES if one == said), locale)
    return (f"{folder}/{named['name']}" if folder else named["name"]), found


def _page(file: str, name: str, locale: Locale, text: str, order: _Order) -> Page:
    title, place, sections = order.pages.get(name, ("", None, None))
    folder = name.rpartition("/")[0]
    if name.rpartition("/")[2].lower() in ("index", "readme") and sections is None:
        place = -1
    parents = [folder.rsplit("/", back)[0] for back in range(folder.count("/"), -1, -1)] if folder else []
    shelf = sections
    if shelf is None:
        shelf = tuple(order.folders.get(one, ("", None))[0] or _spoken(one.rpartition("/")[2]) for one in parents)
    key = "-".join(shelf) if sections is not None else folder.replace("/", "-")
    if sections is not None and place is not None:
        rank: tuple[tuple[int, str], ...] = ((place, ""),)
    else:
        places = [(order.folders.get(one, ("", None))[1], one) for one in parents]
        rank = tuple((LAST if said is None else said, one) for said, one in places)
    return Page(file, name, locale, text, shelf, key, title, place, rank)


def _spoken(name: str) -> str:
    """A folder's name as a title: `01-getting-started` is “Getting started”."""
    words = re.sub(r"[-_]+", " ", re.sub(r"^\d+[-_. ]+", "", name)).strip() or name
    return words[:1].upper() + words[1:]


def _nav(nav: object, above: tuple[str, ...], order: _Order, file: str) -> None:
    """The pages that `nav` names, in its order; what it leads to elsewhere is said.

    YAML may name a list within itself, or ten times in each of ten lists: no more is gone through than there may be.
    """
    for entry in nav if isinstance(nav, list) and len(above) < DEEPEST else []:
        order.seen += 1
        if order.seen > MOST_PAGES:
            return
        pairs = entry.items() if isinstance(entry, dict) else [("", entry)]
        for title, said in pairs:
            if isinstance(said, list):
                _nav(said, (*above, str(title)), order, file)
                continue
            target = str(said or "")
            found = PAGE.fullmatch(target)
            if found is None:
                words = Message("“%(target)s” in nav is no page, and was left out", target=target[:200])
                order.notes.append(Problem(file, 1, words))
                continue
            order.pages.setdefault(found["name"], (str(title), (len(order.pages) + 1) * STEP, above))


def _category(path: Path, root: Path, docs: str, order: _Order) -> None:
    file = path.relative_to(root).as_posix()
    folder = path.parent.relative_to(root).as_posix().removeprefix(docs).strip("/")
    try:
        text = _text(path, root)
        said = json.loads(text) if path.suffix == ".json" else _plain_yaml(text)
    except (ValueError, yaml.YAMLError, RecursionError):
        order.notes.append(Problem(file, 1, Message("this cannot be read, and was left out")))
        return
    if isinstance(said, Mapping):
        position = said.get("position")
        order.folders[folder] = (
            str(said.get("label") or ""),
            round(position) if isinstance(position, int | float) and abs(position) < 1_000_000 else None,
        )


def _mkdocs(path: Path) -> dict[str, Any]:
    try:
        said = _plain_yaml(_text(path, path.parent))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise FileProblems([Problem(path.name, line, Message("this is not YAML"))]) from error
    return said if isinstance(said, dict) else {}


class _Lenient(yaml.SafeLoader):
    """Plain values; what a tag of somebody's own stands for (`!!python/name:…`, `!ENV`) counts as not said."""


_Lenient.add_multi_constructor("", lambda loader, suffix, node: None)


def _plain_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Lenient)  # noqa: S506 - a SafeLoader that knows no tags but the plain ones


def _text(path: Path, root: Path) -> str:
    file = path.relative_to(root).as_posix()
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        said = Message("this file cannot be read: %(why)s", why=error.strerror)
        raise FileProblems([Problem(file, 1, said)]) from error
    if len(raw) > MAX_BYTES:
        said = Message("this file is larger than %(most)s bytes", most=f"{MAX_BYTES:,}")
        raise FileProblems([Problem(file, 1, said)])
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        said = Message("this file is not UTF-8: save it as UTF-8")
        raise FileProblems([Problem(file, line, said)]) from error
