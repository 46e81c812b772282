"""Writing: beginning a document, saving a text, and what was typed and not saved.

Nothing is ever overwritten. A form carries the number of the revision it began from; where somebody saved another one
meanwhile, the second is told, with both texts and the difference, and decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from portal.content.files import ID, MAX_BYTES, DocumentFile, parse_document
from portal.content.models import Document, Revision
from portal.content.prepare import Standing, state
from portal.kit.db import zone_of
from portal.kit.errors import Conflict, FieldProblem, Invalid, TooLarge
from portal.kit.files import FileProblems, Problem, load_yaml
from portal.kit.i18n import Locale, Message
from portal.kit.secrets import new_token
from portal.studio.front import AUDIENCE, SHARED, Form, text_of, with_fields
from portal.studio.manuscripts import (
    ensure_collection,
    file_of,
    forget_unsaved,
    is_taken,
    kind_in,
    languages,
    set_down,
    slug_in,
    writing,
)
from portal.studio.models import Unsaved
from portal.studio.rules import Person

BUSY = timedelta(minutes=15)
_MOST = {"most": f"{MAX_BYTES:,}", "letters": f"{MAX_BYTES // 3:,}"}
UNWRITABLE = re.compile(r"[\x00\ud800-\udfff]")


class OvertakenBy(Conflict):
    """Somebody saved another text while this one was written. `theirs` is the newest one; nothing was changed."""

    code = "overtaken"

    def __init__(self, theirs: Revision) -> None:
        super().__init__(Message("Somebody else has saved this text meanwhile. Nothing was overwritten."))
        self.theirs = theirs.number
        self.by = theirs.by or ""
        self.text = theirs.text
        self.at = theirs.at


@dataclass(frozen=True)
class Saved:
    """What saving did: the number of the newest text now, whether that is a new one, and where it stands."""

    number: int
    is_new: bool
    state: str


def begin(session: Session, *, form: Form, key: str, locale: Locale, person: Person, now: datetime) -> str:
    """A new document with its first text; its id, made up where `key` is empty. `Invalid` names all fields at fault."""
    key = key.strip() or _made_up(session, form.slug or form.title)
    problems = []
    if not ID.fullmatch(key):
        problems.append(FieldProblem("key", "form", Message("An id has small letters a–z, digits, “-” and “_” only.")))
    elif session.get(Document, key) is not None:
        problems.append(FieldProblem("key", "taken", Message("There is a document “%(id)s” already.", id=key)))
    slug = form.slug.strip() or key.replace("_", "-").strip("-")
    made = Form.of({**form.as_dict(), "slug": slug})
    text, found = _checked(session, made, base=None, key=key if not problems else "new", locale=locale, known=problems)
    ensure_collection(session, found.collection)
    session.add(Document(id=key, kind=found.kind, collection_key=found.collection, origin="studio", created_at=now))
    session.flush()
    file = file_of(made.kind, slug, locale)
    set_down(
        session, key=key, locale=locale, file=file, text=text, title=found.title, how="studio", person=person, now=now
    )
    return key


def save(
    session: Session,
    *,
    document: Document,
    locale: Locale,
    form: Form,
    base: int,
    person: Person,
    now: datetime,
    note: str = "",
    translated_from: int | None = None,
) -> Saved:
    """Set down what `form` says as a new revision of what was opened as number `base` (0: in this language the first).

    Raises `OvertakenBy` where that is not the newest text any more, `Invalid` with every field at fault. A form that
    says what the newest text says already makes no revision.
    """
    found = writing(session, document.id, locale, lock=True)
    if found is not None and found.revision.number != base:
        if _says_the_same(session, form, found.revision, document.id):
            return Saved(found.revision.number, is_new=False, state=found.manuscript.state)
        raise OvertakenBy(found.revision)
    before = found.revision if found else None
    text, said = _checked(session, form, base=before, key=document.id, locale=locale)
    file = file_of(form.kind, form.slug, locale)
    forget_unsaved(session, key=document.id, locale=locale, staff_id=person.id)
    if found is not None and before is not None and (before.text, before.file) == (text, file):
        return Saved(before.number, is_new=False, state=found.manuscript.state)
    ensure_collection(session, said.collection)
    revision = set_down(
        session,
        key=document.id,
        locale=locale,
        file=file,
        text=text,
        title=said.title,
        how="studio",
        person=person,
        now=now,
        note=note.strip()[:500],
        translated_from=_source(session, document.id, locale, translated_from)
        or (before.translated_from_id if before else None),
    )
    _share(session, document.id, locale, text, form.kind, person=person, now=now)
    return Saved(revision.number, is_new=True, state=found.manuscript.state if found else "draft")


def keep(session: Session, *, key: str, locale: Locale, form: Form, base: int, person: Person, now: datetime) -> None:
    """Remember what this person has typed, until they save it or throw it away."""
    _check_size(form)
    adding: Any = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(Unsaved)
    values = {"base": base, "form": form.as_dict(), "by": person.name, "at": now}
    session.execute(
        adding.values(document_id=key, locale=locale, staff_id=person.id, **values).on_conflict_do_update(
            index_elements=["document_id", "locale", "staff_id"], set_=values
        )
    )


def unsaved_of(session: Session, *, key: str, locale: Locale, person: Person) -> Unsaved | None:
    """What this person has typed here and not saved."""
    asked = select(Unsaved).where(
        col(Unsaved.document_id) == key, col(Unsaved.locale) == locale, col(Unsaved.staff_id) == person.id
    )
    return session.execute(asked).scalar_one_or_none()


def others_at_work(
    session: Session, *, key: str, locale: Locale, person: Person, now: datetime
) -> Sequence[tuple[str, datetime]]:
    """Who else has typed here lately and not saved, with when they last did."""
    asked = (
        select(col(Unsaved.by), col(Unsaved.at))
        .where(
            *(col(Unsaved.document_id) == key, col(Unsaved.locale) == locale),
            *(col(Unsaved.staff_id) != person.id, col(Unsaved.at) > now - BUSY),
        )
        .order_by(col(Unsaved.at).desc())
    )
    return [(by, at) for by, at in session.execute(asked)]


def _source(session: Session, key: str, locale: Locale, revision_id: int | None) -> int | None:
    """The revision a text says it was translated from, if it is one of this document in another language."""
    asked = select(col(Revision.id)).where(
        *(col(Revision.id) == revision_id, col(Revision.document_id) == key, col(Revision.locale) != locale)
    )
    return session.execute(asked).scalar_one_or_none() if revision_id else None


def _says_the_same(session: Session, form: Form, newest: Revision, key: str) -> bool:
    """Sending a form twice is no conflict: what it says is there already."""
    try:
        text = text_of(form, base=newest.text, key=key, zone=zone_of(session))
    except FileProblems:
        return False
    return text == newest.text and file_of(form.kind, form.slug, newest.locale) == newest.file


def _check_size(form: Form) -> None:
    if sum(len(value.encode("utf-8", "surrogatepass")) for value in form.as_dict().values()) > MAX_BYTES - 1_000:
        raise TooLarge(Message("A text may have at most %(most)s bytes: %(letters)s Japanese letters.", **_MOST))


def _checked(
    session: Session,
    form: Form,
    *,
    base: Revision | None,
    key: str,
    locale: Locale,
    known: Sequence[FieldProblem] = (),
) -> tuple[str, DocumentFile]:
    """The text the form makes and what it says; `Invalid` with everything that is wrong with it."""
    _check_size(form)
    problems = list(known)
    if any(UNWRITABLE.search(value) for value in form.as_dict().values()):
        raise Invalid(
            Message("This cannot be saved as it is."),
            problems=[FieldProblem("body", "characters", Message("There is a character in it that cannot be stored."))],
        )
    file = file_of(form.kind, form.slug, locale)
    text, found = "", None
    try:
        text = text_of(form, base=base.text if base else "", key=key, zone=zone_of(session))
        found = parse_document(text, file=file, zone=zone_of(session))
    except FileProblems as wrong:
        problems += [FieldProblem(_field(problem, text), "invalid", problem.message) for problem in wrong.problems]
    if found is not None:
        if is_taken(session, file, key=key):
            said = Message("Another document has the address “%(slug)s” already.", slug=form.slug)
            problems.append(FieldProblem("slug", "taken", said))
        problems += _names_taken(state(session).standing, found)
    if problems or found is None:
        raise Invalid(Message("This cannot be saved as it is."), problems=problems)
    return text, found


def _names_taken(standing: Sequence[Standing], found: DocumentFile) -> list[FieldProblem]:
    """An alias leads to one document only."""
    others = [one for one in standing if one.id != found.id]
    ids = {one.id for one in others}
    taken = ids | {alias for one in others for alias in one.aliases}
    return [
        FieldProblem("aliases", "taken", Message("Another document is called “%(alias)s” already.", alias=alias))
        for alias in found.aliases
        if alias in taken
    ]


def _field(problem: Problem, text: str) -> str:
    """The field of the form that a problem in its text is about."""
    if problem.file == AUDIENCE:
        return AUDIENCE
    if problem.line == 1:
        return "slug"
    named = problem.message.params.get("field")
    if isinstance(named, str):
        return named
    head = text.replace("\r\n", "\n").partition("\n---")[0].removeprefix("---\n")
    lines = load_yaml(head, file="", first_line=2).lines
    above = [(line, str(path[0])) for path, line in lines.items() if len(path) == 1 and line <= problem.line]
    return max(above, default=(0, "body"))[1]


def _share(session: Session, key: str, locale: Locale, text: str, kind: str, *, person: Person, now: datetime) -> None:
    """What all languages have in common is the same in all of them: the other texts are brought to it."""
    head = text.replace("\r\n", "\n").removeprefix("\ufeff").partition("\n---")[0].removeprefix("---\n")
    said = load_yaml(head, file="").value
    values = {name: said.get(name) for name in SHARED} if isinstance(said, dict) else {}
    for other in languages(session, key):
        found = writing(session, key, other, lock=True) if other != locale else None
        if found is None:
            continue
        file = file_of(kind, slug_in(found.revision.file), other)
        also = {"kind": kind} if kind != kind_in(found.revision.file) else {}
        fresh = with_fields(found.revision.text, {**values, **also})
        if (fresh, file) == (found.revision.text, found.revision.file):
            continue
        set_down(
            session,
            key=key,
            locale=other,
            file=file,
            text=fresh,
            title=found.manuscript.title,
            how="shared",
            person=person,
            now=now,
            translated_from=found.revision.translated_from_id,
        )


def _made_up(session: Session, words: str) -> str:
    """An id from the Latin letters of a title, or of chance where it has none."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    if len(slug) >= 3 and session.get(Document, slug) is None:
        return slug
    return f"{slug or 'doc'}-{re.sub(r'[^a-z0-9]', '', new_token(size=16).lower())[:6]}"
