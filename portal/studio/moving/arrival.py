"""From a tree of pages to drafts of the studio: named, shelved, translated, and written down in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlmodel import Session

from portal.content.files import MAX_TITLE, parse_document
from portal.content.library import COLLECTION
from portal.content.models import Document
from portal.kit.db import zone_of
from portal.kit.errors import BansoError
from portal.kit.files import FileProblems, Problem
from portal.kit.i18n import Locale, Message
from portal.media.items import new_key
from portal.media.making import Made, make
from portal.media.service import keep_files_now, save
from portal.studio.front import Form, text_of
from portal.studio.manuscripts import FOLDERS, file_of, is_taken, set_down
from portal.studio.moving import record
from portal.studio.moving.links import Addresses, files_for, relinked
from portal.studio.moving.names import Read, key_of, keys_of, kind_of, order_of, read_page, slug_of, title_of
from portal.studio.moving.tree import PAGE, Page, Tree
from portal.studio.moving.words import translated
from portal.studio.rules import Person

BY: Final = "banso import library"
TAKEN: Final = frozenset(("title", "slug", "id", "sidebar_position"))
MEANT_FOR_THE_SITE: Final = frozenset(
    (
        *("sidebar_label", "sidebar_class_name", "hide_title", "hide_table_of_contents", "hide", "icon", "template"),
        *("toc_min_heading_level", "toc_max_heading_level", "pagination_label", "pagination_next", "pagination_prev"),
        *("custom_edit_url", "displayed_sidebar", "draft", "unlisted", "search", "status", "lang"),
    )
)
"""What only concerns how another site shows a page: nothing a reader would miss."""
_WORDS = Message(
    "“%(field)s” was left out (%(words)s): the search reads the text, and other words go into the synonyms"
)
_ABOUT = Message("“%(field)s” was left out (%(words)s): lists and search engines show how the text begins")
FOR_FINDING: Final[Mapping[str, Message]] = {
    **dict.fromkeys(("tags", "keywords"), _WORDS),
    **dict.fromkeys(("description", "summary"), _ABOUT),
}
"""What others keep beside a text so that it is found, and where that is here."""
GENERAL: Final = ("general", {"ja": "全般", "en": "General"})


@dataclass(frozen=True)
class Draft:
    """A text to be; `source` is the file it comes from."""

    key: str
    locale: Locale
    form: Form
    source: str


@dataclass
class Brought:
    """Everything that moves in, and what did not fit. `collections`: titles by key, in their order."""

    drafts: list[Draft] = field(default_factory=list)
    collections: dict[str, dict[str, str]] = field(default_factory=dict)
    media: dict[str, tuple[str, Made]] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)

    @property
    def documents(self) -> int:
        """How many documents they are, in all their languages."""
        return len({draft.key for draft in self.drafts})


def unpack(tree: Tree, *, most: int) -> Brought:
    """Make drafts of all pages, and media of what they show, at most `most` bytes each. The long half: no database.

    Raises `FileProblems` for pages that cannot be read.
    """
    problems: list[Problem] = []
    read = []
    for page in tree.pages:
        try:
            read.append(read_page(page))
        except FileProblems as wrong:
            problems += wrong.problems
    if problems:
        raise FileProblems(problems)
    brought = Brought(notes=list(tree.notes))
    shelved = _first_of(read)
    keys = keys_of(shelved)
    kinds = {name: kind_of(name) for name in shelved}
    addresses = Addresses(
        tree.pages,
        {name: f"{FOLDERS[kinds[name]]}/{key}" for name, key in keys.items()},
        {str(one.said["slug"]): one.page.name for one in read if isinstance(one.said.get("slug"), str)},
    )
    taken: set[tuple[str, str, Locale]] = set()
    for one in read:
        name, locale = one.page.name, one.page.locale
        collection = _collection(shelved[name].page, one.page, brought)
        title, body = title_of(one, brought.notes)
        lines, notes = translated(body, first_line=one.line)
        words, more = relinked(lines, _resolver(one.page, tree, addresses, brought, most))
        brought.notes += [Problem(one.page.file, line, said) for line, said in (*notes, *more)]
        slug = slug_of(one, keys[name])
        slug = keys[name].replace("_", "-").strip("-") if (kinds[name], slug, locale) in taken else slug
        taken.add((kinds[name], slug, locale))
        order = order_of(one, brought.notes)
        form = Form(
            title=title,
            slug=slug,
            kind=kinds[name],
            collection=collection,
            order="" if order is None else str(order),
            body=words.strip("\n") + "\n",
        )
        brought.drafts.append(Draft(keys[name], locale, form, one.page.file))
        _note_fields(one, brought)
    brought.notes.sort(key=lambda note: (note.file, note.line))
    return brought


def check(session: Session, brought: Brought) -> list[Problem]:
    """What stands in the way of writing this down: ids and addresses that others have, texts that are no documents."""
    problems = []
    for draft in brought.drafts:
        if session.get(Document, draft.key) is not None:
            said = Message(
                "there is a document “%(id)s” already; “id: …” at the top of this page gives it another", id=draft.key
            )
            problems.append(Problem(draft.source, 1, said))
            continue
        file = file_of(draft.form.kind, draft.form.slug, draft.locale)
        if is_taken(session, file, key=draft.key):
            said = Message("another document has the address “%(slug)s” already", slug=draft.form.slug)
            problems.append(Problem(draft.source, 1, said))
        try:
            _text(session, draft, file)
        except FileProblems as wrong:
            problems += [Problem(draft.source, 1, problem.message) for problem in wrong.problems]
    return problems


def bring_in(session: Session, brought: Brought, *, source: str, person: Person, now: datetime) -> int:
    """Write all of it down as drafts, and on record under the id given back; `source` is what the folder is called.

    Raises `FileProblems` where anything stands in the way: then nothing is written.
    """
    problems = check(session, brought)
    if problems:
        raise FileProblems(problems)
    for key, made in brought.media.values():
        keep_files_now(session, made, now=now)
        save(session, made, by=person.name, now=now, key=key)
    collections = _shelve(session, brought.collections)
    drafts = []
    for draft in brought.drafts:
        if session.get(Document, draft.key) is None:
            session.add(
                Document(
                    id=draft.key,
                    kind=draft.form.kind,
                    collection_key=draft.form.collection,
                    origin="studio",
                    created_at=now,
                )
            )
            session.flush()
        file = file_of(draft.form.kind, draft.form.slug, draft.locale)
        revision = set_down(
            session,
            key=draft.key,
            locale=draft.locale,
            file=file,
            text=_text(session, draft, file),
            title=draft.form.title,
            how="studio",
            person=person,
            now=now,
            note=draft.source[:500],
        )
        drafts.append(((draft.key, draft.locale), draft.form.title, draft.source, revision.id or 0))
    return record.note(
        session,
        source=source,
        drafts=drafts,
        collections=collections,
        media=[key for key, _ in brought.media.values()],
        notes=brought.notes,
        person=person,
        now=now,
    )


def _text(session: Session, draft: Draft, file: str) -> str:
    zone = zone_of(session)
    text = text_of(draft.form, base="", key=draft.key, zone=zone)
    parse_document(text, file=file, zone=zone)
    return text


def _shelve(session: Session, collections: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Put up the collections that are not there yet; their keys."""
    there = set(session.execute(select(COLLECTION.c.key)).scalars())
    last = session.execute(select(func.max(COLLECTION.c.position))).scalar()
    fresh = {key: title for key, title in collections.items() if key not in there}
    for number, (key, title) in enumerate(fresh.items(), start=1):
        position = (-1 if last is None else last) + number
        session.execute(insert(COLLECTION).values(key=key, title=dict(title), position=position))
    return list(fresh)


def _first_of(read: Sequence[Read]) -> dict[str, Read]:
    """Each page in the language that says where it stands, in the order of shelves and places."""
    found: dict[str, Read] = {}
    for one in read:
        found.setdefault(one.page.name, one)
    return found


def _collection(first: Page, page: Page, brought: Brought) -> str:
    key = key_of(first.shelf_key)
    if not key:
        brought.collections.setdefault(GENERAL[0], dict(GENERAL[1]))
        return GENERAL[0]
    title = " · ".join(page.shelf)[:MAX_TITLE]
    brought.collections.setdefault(key, {}).setdefault(page.locale, title)
    return key


def _note_fields(one: Read, brought: Brought) -> None:
    for name, value in one.said.items():
        if name in TAKEN or name in MEANT_FOR_THE_SITE or value in (None, "", [], {}):
            continue
        said = Message("“%(field)s” has no counterpart here, and was left out", field=name[:60])
        if name in FOR_FINDING:
            words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            said = Message(FOR_FINDING[name].msgid, field=name, words=" ".join(words.split())[:300])
        brought.notes.append(one.yaml.problem(said, name))


def _resolver(page: Page, tree: Tree, addresses: Addresses, brought: Brought, most: int) -> Any:
    def resolve(target: str) -> str | Message | None:
        found = addresses.page(page.name, target)
        if found is not None:
            return found
        path = target.partition("#")[0].partition("?")[0]
        if PAGE.search(path):
            return Message("the link “%(target)s” leads nowhere", target=target[:200])
        for file in files_for(page, target, docs=tree.docs, static=tree.static):
            if file in brought.media:
                return f"media:{brought.media[file][0]}"
            where = tree.root / file
            if not file.startswith("..") and where.is_file() and where.resolve().is_relative_to(tree.root.resolve()):
                return _taken_along(where, file, brought, most)
        return Message("the link “%(target)s” leads nowhere", target=target[:200])

    return resolve


def _taken_along(where: Path, file: str, brought: Brought, most: int) -> str | Message:
    try:
        with where.open("rb") as opened:
            made = make(opened, where.name, most=most, where=where)
    except BansoError as refused:
        return Message("“%(file)s” cannot be used: %(why)s", file=file, why=refused.message)
    except OSError as error:
        return Message("“%(file)s” cannot be used: %(why)s", file=file, why=error.strerror)
    brought.media[file] = (new_key(where.name), made)
    return f"media:{brought.media[file][0]}"


def counts(brought: Brought) -> Iterator[tuple[str, int]]:
    """What moves in, in numbers."""
    yield from (("documents", brought.documents), ("texts", len(brought.drafts)))
    yield from (("collections", len(brought.collections)), ("files", len(brought.media)), ("notes", len(brought.notes)))
