"""Words replaced throughout the library: looked at first, then in the texts that were looked at and no others.

Each text gets one new revision, as if somebody had typed it. A text that was approved or out is a draft again, since an
approval is of words; whoever may publish what they wrote can publish at once what was out. What comes from a file is
taken over. A text that somebody saved after it was shown is left alone, and said to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlmodel import Session, col

from portal.content.files import MAX_BYTES, parse_document
from portal.content.models import Document, Revision
from portal.kit.db import zone_of
from portal.kit.errors import FieldProblem, Forbidden, Invalid, NotFound
from portal.kit.files import FileProblems
from portal.kit.i18n import Locale, Message, as_locale
from portal.studio import workflow
from portal.studio.forking import fork
from portal.studio.front import form_of, text_of
from portal.studio.manuscripts import (
    Key,
    Writing,
    kind_in,
    live_text,
    set_down,
    slug_in,
    writing_for_change,
)
from portal.studio.models import Manuscript, Replacement
from portal.studio.rules import Person
from portal.studio.translations import newest_texts
from portal.studio.wording import Hit, hits, places, replaced

MOST_TEXTS: Final = 200
MOST_HITS: Final = 50
LONGEST: Final = 200


@dataclass(frozen=True)
class Wanted:
    """What is to be found, what it becomes, and where it is looked for; "" is everywhere."""

    words: str = ""
    becomes: str = ""
    is_loose: bool = False
    kind: str = ""
    collection: str = ""
    locale: str = ""


@dataclass(frozen=True)
class Place:
    """A text that has the words, `number` times; the first places are shown. `problem`: why it cannot have others."""

    document: str
    locale: Locale
    title: str
    collection: str
    state: str
    is_file: bool
    revision_id: int
    in_title: Sequence[Hit]
    in_body: Sequence[Hit]
    number: int
    problem: Message | None


@dataclass(frozen=True)
class Looked:
    """What was found, by id; `more` where there is more than is shown."""

    places: Sequence[Place]
    more: bool

    @property
    def number(self) -> int:
        """How often the words stand in what is shown."""
        return sum(place.number for place in self.places)


@dataclass(frozen=True)
class Done:
    """What replacing or taking back did: the record's id, the texts changed, those to publish, those left alone."""

    id: int
    changed: Sequence[Key]
    to_publish: Sequence[Key]
    left: Sequence[str]


def look(session: Session, wanted: Wanted) -> Looked:
    """The texts as they were last saved (of files: as readers have them) that have the words."""
    found = []
    for row in _texts(session, wanted):
        place = _place(session, row, wanted)
        if place is not None:
            found.append(place)
        if len(found) > MOST_TEXTS:
            break
    return Looked(found[:MOST_TEXTS], len(found) > MOST_TEXTS)


def replace_words(
    session: Session, wanted: Wanted, picked: Iterable[tuple[str, Locale, int]], *, person: Person, now: datetime
) -> Done:
    """Replace in the texts that were picked: document, language and the revision that was looked at.

    `Invalid` where nothing was picked or nothing is to be found. What was changed meanwhile is left alone.
    """
    may_write(person)
    check(wanted)
    changes: list[dict[str, Any]] = []
    left = []
    for key, locale, revision_id in picked:
        change = _replace_in(session, wanted, key, locale, revision_id, person=person, now=now)
        if isinstance(change, str):
            left.append(change)
        else:
            changes.append(change)
    if not changes and not left:
        said = Message("Choose at least one text.")
        raise Invalid(said, problems=[FieldProblem("pick", "missing", said)])
    record = Replacement(words=wanted.words, becomes=wanted.becomes, changes=changes, by=person.name, at=now)
    if changes:
        session.add(record)
        session.flush()
    keys = [(one["document"], as_locale(one["locale"])) for one in changes]
    was_out = [key for key, one in zip(keys, changes, strict=True) if one["state"] in ("published", "scheduled")]
    return Done(record.id or 0, keys, was_out, left)


def hand_in(session: Session, keys: Iterable[Key], *, person: Person, now: datetime) -> None:
    """Ask for a review of these drafts."""
    for key, locale in keys:
        found = writing_for_change(session, key, locale)
        if found.manuscript.state == "draft":
            number = found.revision.number
            workflow.act(session, key=key, locale=locale, act="submit", person=person, base=number, now=now)


def check(wanted: Wanted) -> None:
    """`Invalid` names what is wrong with what is to be found and what it is to become."""
    problems = []
    if not wanted.words.strip():
        problems.append(FieldProblem("words", "missing", Message("What is to be found?")))
    for name in ("words", "becomes"):
        value = getattr(wanted, name)
        if len(value) > LONGEST:
            said = Message("At most %(most)s characters.", most=LONGEST)
            problems.append(FieldProblem(name, "length", said))
        if any(ord(character) < ord(" ") for character in value):
            said = Message("One line, without control characters.")
            problems.append(FieldProblem(name, "characters", said))
    if wanted.words == wanted.becomes and not problems:
        problems.append(FieldProblem("becomes", "same", Message("This is what is there already.")))
    if problems:
        raise Invalid(Message("Nothing was replaced."), problems=problems)


def _replace_in(
    session: Session, wanted: Wanted, key: str, locale: Locale, revision_id: int, *, person: Person, now: datetime
) -> dict[str, Any] | str:
    """The change for the record, or the title of a text that is left alone."""
    document = session.get(Document, key)
    if document is None:
        return key
    is_file = document.origin == "file"
    if is_file:
        live = live_text(session, key, locale)
        if live is None or live.id != revision_id:
            return live.title if live else key
        fork(session, key=key, person=person, now=now)
    found = standing(session, key, locale)
    if found is None or found.revision.id != revision_id:
        return found.revision.title if found else key
    before, state = found.revision, found.manuscript.state
    text = _with_other_words(session, before, wanted)
    if text is None:
        return before.title
    title = parse_document(text, file=before.file, zone=zone_of(session)).title
    made = set_down(
        session,
        key=key,
        locale=locale,
        file=before.file,
        text=text,
        title=title,
        how="studio",
        person=person,
        now=now,
        note=f"{wanted.words} → {wanted.becomes}",
        translated_from=before.translated_from_id,
    )
    return {
        **{"document": key, "locale": locale, "before": before.id, "after": made.id},
        **{"state": state, "forked": is_file},
    }


def standing(session: Session, key: str, locale: Locale) -> Writing | None:
    """The manuscript, held until the transaction ends, if there is one."""
    try:
        return writing_for_change(session, key, locale)
    except NotFound:
        return None


def _texts(session: Session, wanted: Wanted) -> Iterator[Any]:
    newest = newest_texts()
    asked: Any = (
        select(Revision, Document, col(Manuscript.state))
        .join(newest, newest.c.revision_id == col(Revision.id))
        .join(Document, col(Document.id) == col(Revision.document_id))
        .outerjoin(
            Manuscript,
            (col(Manuscript.document_id) == col(Revision.document_id))
            & (col(Manuscript.locale) == col(Revision.locale)),
        )
        .order_by(col(Revision.document_id), col(Revision.locale).desc())
    )
    if not wanted.is_loose:
        has = [column.contains(wanted.words, autoescape=True) for column in (col(Revision.text), col(Revision.title))]
        asked = asked.where(or_(*has))
    if wanted.kind:
        asked = asked.where(col(Document.kind) == wanted.kind)
    if wanted.collection:
        asked = asked.where(col(Document.collection_key) == wanted.collection)
    if wanted.locale:
        asked = asked.where(col(Revision.locale) == wanted.locale)
    yield from session.execute(asked.execution_options(yield_per=100))


def _place(session: Session, row: Any, wanted: Wanted) -> Place | None:
    revision, document, state = row
    form = form_of(revision.text, slug=slug_in(revision.file), kind=kind_in(revision.file), zone=zone_of(session))
    in_title = places(form.title, wanted.words, is_loose=wanted.is_loose)
    in_body = places(form.body, wanted.words, is_loose=wanted.is_loose)
    if not in_title and not in_body:
        return None
    can = _with_other_words(session, revision, wanted) is not None
    return Place(
        document=document.id,
        locale=as_locale(revision.locale),
        title=revision.title,
        collection=document.collection_key,
        state=state or "published",
        is_file=document.origin == "file",
        revision_id=revision.id,
        in_title=tuple(hits(form.title, in_title, most=MOST_HITS)),
        in_body=tuple(hits(form.body, in_body, most=MOST_HITS)),
        number=len(in_title) + len(in_body),
        problem=None if can else Message("With these words it could not be saved; please change it by hand."),
    )


def _with_other_words(session: Session, revision: Revision, wanted: Wanted) -> str | None:
    """The text with the other words in its title and body; None where it would be no document any more, or has none."""
    zone = zone_of(session)
    form = form_of(revision.text, slug=slug_in(revision.file), kind=kind_in(revision.file), zone=zone)
    title, body = (
        replaced(text, places(text, wanted.words, is_loose=wanted.is_loose), wanted.becomes)
        for text in (form.title, form.body)
    )
    if not title.strip() or (title, body) == (form.title, form.body):
        return None
    other = replace(form, title=title, body=body)
    text = text_of(other, base=revision.text, key=revision.document_id, zone=zone)
    if len(text.encode()) > MAX_BYTES:
        return None
    try:
        parse_document(text, file=revision.file, zone=zone)
    except FileProblems:
        return None
    return text


def may_write(person: Person) -> None:
    """`Forbidden` for those who only read."""
    if not person.may_write:
        raise Forbidden(Message("Your role lets you read here, and not change anything."))
