"""Documents as files: `content/<folder>/<slug>.<locale>.md`, and `content/collections.yml`.

Whoever writes a file is told everything that is wrong with it at once, each with file and line, and a word for what was
probably meant. Reading touches no database: what is wrong is found before anything is changed.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from portal.conditions.dump import dump
from portal.conditions.parse import ConditionProblems, parse
from portal.content.front_matter import FrontMatter, is_key, split_front_matter
from portal.content.places import DOCUMENT_FOLDERS
from portal.kit.files import FileProblems, Problem, YamlFile, load_yaml
from portal.kit.i18n import LOCALES, Locale, Message, as_locale

MAX_BYTES = 1_000_000
MAX_SLUG = 100
MAX_TITLE = 200
MAX_COLLECTION = 64
DEFAULT_ZONE: Final = ZoneInfo("Asia/Tokyo")
FIELDS = [
    *("id", "title", "collection", "kind", "public", "audience", "order"),
    *("review_by", "publish_at", "unpublish_at", "aliases"),
]
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
FILE_NAME = re.compile(r"(?P<slug>.+)\.(?P<locale>[^.]+)\.md")
SHARED = ("kind", "collection", "public", "audience")


@dataclass(frozen=True)
class DocumentFile:
    """One document in one language, as its file says it.

    `file` is the path from the root, `audience` the plainest writing of a condition over members (None is everyone),
    `publish_at` and `unpublish_at` are instants; `text` is the whole file as it is, `digest` of it without the mark
    and line ends that differ between systems, `body_line` the line on which the body begins.
    """

    file: str
    slug: str
    locale: Locale
    id: str
    title: str
    collection: str
    kind: str
    public: bool
    audience: dict[str, Any] | None
    order: int | None
    review_by: date | None
    publish_at: datetime | None
    unpublish_at: datetime | None
    aliases: tuple[str, ...]
    body: str
    text: str = field(compare=False)
    digest: str
    body_line: int

    @property
    def folder(self) -> str:
        """The folder under `content/` that it lies in."""
        return self.file.split("/")[-2]


@dataclass(frozen=True)
class CollectionFile:
    """The titles of a collection by language, and its place among the others."""

    key: str
    title: Mapping[str, str]
    position: int


def read_documents(root: Path, *, zone: ZoneInfo = DEFAULT_ZONE) -> tuple[list[DocumentFile], list[Problem]]:
    """Every document under `root/content`, and everything that is wrong with them, alone and among each other."""
    documents: list[DocumentFile] = []
    problems: list[Problem] = []
    for found in _document_paths(root / "content"):
        if isinstance(found, Problem):
            problems.append(found)
            continue
        file = found.relative_to(root).as_posix()
        try:
            documents.append(parse_document(_read(found, file), file=file, zone=zone))
        except FileProblems as error:
            problems.extend(error.problems)
    problems.extend(_contradictions(documents))
    return documents, sorted(problems, key=lambda problem: (problem.file, problem.line))


def read_collections(root: Path) -> tuple[list[CollectionFile], list[Problem]]:
    """What `root/content/collections.yml` says, in its order; nothing where there is no such file."""
    path = root / "content" / "collections.yml"
    file = path.relative_to(root).as_posix()
    if not path.exists():
        return [], []
    if not path.resolve().is_relative_to((root / "content").resolve()):
        return [], [_leaves(file)]
    try:
        return parse_collections(_read(path, file), file=file), []
    except FileProblems as error:
        return [], list(error.problems)


def parse_document(text: str, *, file: str, zone: ZoneInfo = DEFAULT_ZONE) -> DocumentFile:
    """Read the text of one document; its slug, language and kind come from where `file` lies.

    Raises `FileProblems` with everything that is wrong.
    """
    raw, text = text, text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    folder, _, name = file.rpartition("/")
    folder_kind = DOCUMENT_FOLDERS[folder.rpartition("/")[2]]
    problems = list(_name_problems(file, name))
    try:
        head, body, body_line = split_front_matter(text, file)
        front = FrontMatter(load_yaml(head, file=file, first_line=2), FIELDS)
    except FileProblems as error:
        raise FileProblems([*problems, *error.problems]) from error
    named = FILE_NAME.fullmatch(unicodedata.normalize("NFC", name))
    document = DocumentFile(
        file=file,
        slug=named["slug"] if named else "",
        locale=as_locale(named["locale"]) if named else "ja",
        id=front.text("id", most=64, rule=ID, said=Message("small letters a–z, digits, “-” and “_”")) or "",
        title=front.text("title", most=MAX_TITLE) or "",
        collection=front.key("collection", most=MAX_COLLECTION) or "",
        kind=front.kind(folder_kind, DOCUMENT_FOLDERS),
        public=front.flag("public"),
        audience=_audience(front),
        order=front.whole_number("order"),
        review_by=front.day("review_by"),
        publish_at=front.instant("publish_at", zone),
        unpublish_at=front.instant("unpublish_at", zone),
        aliases=front.keys("aliases", most=MAX_SLUG),
        body=body,
        text=raw,
        digest=digest_of(text),
        body_line=body_line,
    )
    if document.publish_at and document.unpublish_at and document.unpublish_at <= document.publish_at:
        front.wrong(Message("“unpublish_at” must be later than “publish_at”"), "unpublish_at")
    problems.extend(front.problems)
    if problems:
        raise FileProblems(problems)
    return document


def digest_of(text: str) -> str:
    """What tells two texts apart: the SHA-256 of all of it, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parse_collections(text: str, *, file: str) -> list[CollectionFile]:
    """Read collections: a list of `{key, title}`, or a mapping from key to title. Raises `FileProblems`."""
    yaml_file = load_yaml(text.removeprefix("\ufeff"), file=file)
    problems: list[Problem] = []
    found: dict[str, CollectionFile] = {}
    for key, title, path in _collection_entries(yaml_file, problems):
        if not isinstance(key, str) or not is_key(key, MAX_COLLECTION):
            problems.append(yaml_file.problem(Message("“%(key)s” cannot be the key of a collection", key=key), *path))
        elif key in found:
            problems.append(yaml_file.problem(Message("“%(key)s” is given twice", key=key), *path))
        else:
            titles = _titles(title, yaml_file, path, problems)
            found[key] = CollectionFile(key, titles, len(found))
    if problems:
        raise FileProblems(problems)
    return list(found.values())


def _collection_entries(
    yaml_file: YamlFile, problems: list[Problem]
) -> Iterator[tuple[object, object, tuple[str | int, ...]]]:
    value = yaml_file.value
    at: tuple[str | int, ...] = ()
    if isinstance(value, dict) and set(value) == {"collections"}:
        value, at = value["collections"], ("collections",)
    if isinstance(value, dict):
        for key, said in value.items():
            yield key, said.get("title", said) if isinstance(said, dict) else said, (*at, str(key))
    elif isinstance(value, list):
        for index, said in enumerate(value):
            path = (*at, index)
            if isinstance(said, dict):
                problems.extend(FrontMatter(replace(yaml_file, value=said), ("key", "title"), at=path).problems)
                yield said.get("key"), said.get("title"), path
            else:
                yield said, {}, path
    elif value is not None:
        problems.append(yaml_file.problem(Message("this is a list of collections, each with “key” and “title”")))


def _titles(
    title: object, yaml_file: YamlFile, path: tuple[str | int, ...], problems: list[Problem]
) -> Mapping[str, str]:
    titles = dict.fromkeys(LOCALES, title) if isinstance(title, str) else {} if title is None else title
    if (
        not isinstance(titles, dict)
        or not set(titles) <= set(LOCALES)
        or not all(isinstance(text, str) and 0 < len(text.strip()) <= MAX_TITLE for text in titles.values())
    ):
        problems.append(yaml_file.problem(Message("a title is written as {ja: …, en: …}"), *path, "title"))
        return {}
    return {locale: text.strip() for locale, text in titles.items()}


def _document_paths(home: Path) -> Iterator[Path | Problem]:
    for folder in DOCUMENT_FOLDERS:
        yield from _paths_in(home / folder, home)


def _paths_in(shelf: Path, home: Path) -> Iterator[Path | Problem]:
    root = home.parent
    boundary = home.resolve()
    for path in sorted(shelf.iterdir()) if shelf.is_dir() else ():
        file = path.relative_to(root).as_posix()
        if path.name.startswith(".") or path.name.lower().split(".", maxsplit=1)[0] == "readme":
            continue
        if path.is_dir() and not path.is_symlink():
            nested = sorted(path.rglob("*.md"))
            if nested:
                where = shelf.relative_to(root).as_posix()
                line = Message("documents lie in %(folder)s itself, not in a folder inside it", folder=where)
                yield Problem(nested[0].relative_to(root).as_posix(), 1, line)
        elif path.suffix.lower() == ".md":
            if not path.exists():
                yield Problem(file, 1, Message("this link to a file leads nowhere"))
            elif not path.resolve().is_relative_to(boundary):
                yield _leaves(file)
            elif path.is_file():
                yield path


def _leaves(file: str) -> Problem:
    return Problem(file, 1, Message("this is a link to a file outside content/, which is not read"))


def _read(path: Path, file: str) -> str:
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileProblems(
            [Problem(file, 1, Message("this file cannot be read: %(why)s", why=error.strerror))]
        ) from error
    if len(raw) > MAX_BYTES:
        raise FileProblems(
            [Problem(file, 1, Message("this file is larger than %(most)s bytes", most=f"{MAX_BYTES:,}"))]
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise FileProblems([Problem(file, line, Message("this file is not UTF-8: save it as UTF-8"))]) from error


def _name_problems(file: str, name: str) -> Iterator[Problem]:
    named = FILE_NAME.fullmatch(unicodedata.normalize("NFC", name))
    if named is None or named["locale"] not in LOCALES:
        yield Problem(file, 1, Message("the file is named <slug>.ja.md or <slug>.en.md"))
    elif not is_key(named["slug"], MAX_SLUG, underscore=False):
        rule = Message("a slug is small letters, digits and hyphens, at most %(most)s of them", most=MAX_SLUG)
        yield Problem(file, 1, rule)


def _audience(front: FrontMatter) -> dict[str, Any] | None:
    value = front.value("audience")
    if value is None:
        return None
    try:
        return dict(dump(parse(value, level="member", path=("audience",))))
    except ConditionProblems as error:
        for path, message in error.problems:
            front.wrong(message, *path)
        return None


def _contradictions(documents: Iterable[DocumentFile]) -> Iterator[Problem]:
    first: dict[str, DocumentFile] = {}
    by_locale: dict[tuple[str, str], DocumentFile] = {}
    documents = list(documents)
    ids = {document.id for document in documents}
    aliases: dict[str, DocumentFile] = {}
    for document in documents:
        same = by_locale.setdefault((document.id, document.locale), document)
        if same is not document:
            message = Message("the id “%(id)s” is already that of %(other)s", id=document.id, other=same.file)
            yield Problem(document.file, 1, message)
            continue
        other = first.setdefault(document.id, document)
        for name in SHARED:
            if getattr(document, name) != getattr(other, name):
                message = Message("“%(field)s” differs from that of %(other)s", field=name, other=other.file)
                yield Problem(document.file, 1, message)
        for alias in document.aliases:
            owner = aliases.setdefault(alias, document)
            if owner.id != document.id:
                message = Message("the alias “%(alias)s” is already that of %(other)s", alias=alias, other=owner.file)
                yield Problem(document.file, 1, message)
            elif alias != document.id and alias in ids:
                message = Message("the alias “%(alias)s” is the id of another document", alias=alias)
                yield Problem(document.file, 1, message)
