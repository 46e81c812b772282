"""Translations as they stand: which documents are there in which language, and which say what the other no longer says.

What is written here counts as it was last saved, what comes from files as it was last published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Subquery, func, or_, select, union_all
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from portal.content.library import DOCUMENT, REVISION, VARIANT
from portal.content.models import Document, Revision
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import LOCALES, Locale, Message, as_locale
from portal.studio.differences import Difference, compare
from portal.studio.history import revision_of
from portal.studio.manuscripts import document_of
from portal.studio.models import Manuscript, TranslationMark
from portal.studio.rules import Person
from portal.studio.staleness import (
    Milestone,
    Newest,
    SectionChange,
    State,
    made_from,
    original_of,
    section_changes,
    words_of,
)

AT_ONCE = 500


@dataclass(frozen=True)
class Translated:
    """One document with its languages. `basis` is the number of the text of the original each translation was made
    from."""

    id: str
    kind: str
    collection: str
    origin: str
    original: Locale
    newest: Mapping[Locale, Newest]
    states: Mapping[Locale, State]
    basis: Mapping[Locale, int]

    def title(self, locale: Locale) -> str:
        """Its title in `locale`, or in the language there is."""
        return (self.newest.get(locale) or self.newest[self.original]).title

    @property
    def stale(self) -> Sequence[Locale]:
        """The languages that are behind."""
        return [locale for locale, state in self.states.items() if state == "stale"]


@dataclass(frozen=True)
class Behind:
    """A translation beside its original: both newest texts, and what became of the original since it was made.

    `since` is the number of the text it was made from; `words` of both are title and body, without front matter.
    """

    document: Translated
    locale: Locale
    original: Revision
    translation: Revision
    since: int
    original_words: str
    translation_words: str
    difference: Difference
    sections: Sequence[SectionChange]


@dataclass(frozen=True)
class Beside:
    """The original, to be read beside the editor of its translation. `sections` are those that changed since the
    translation was made; none where it is up to date, or begun only now."""

    locale: Locale
    number: int
    words: str
    state: State
    sections: Sequence[SectionChange]


def translations(session: Session, *, house: Locale, key: str = "") -> list[Translated]:
    """Every document that is written here or published from a file, or the one of this `key`, in the order of ids.

    `house` is the language of the vendor.
    """
    newest = _newest(session, key)
    marks = _marks(session, key)
    milestones = _milestones(session, key)
    documents: dict[str, dict[Locale, Newest]] = {}
    about: dict[str, Any] = {}
    for row in newest:
        locale = as_locale(row.locale)
        about[row.document_id] = row
        documents.setdefault(row.document_id, {})[locale] = Newest(
            *(row.id, row.number, row.title, row.at, row.made_from, marks.get((row.document_id, row.locale))),
        )
    found = []
    behind: list[tuple[str, Locale, int]] = []
    for one, texts in documents.items():
        original = original_of(texts, house=house)
        basis = {
            locale: made_from(text, milestones.get((one, locale), ()), milestones.get((one, original), ()))
            for locale, text in texts.items()
            if locale != original
        }
        behind += [(one, original, number) for number in basis.values() if number != texts[original].number]
        found.append((one, original, basis))
    changed = _reworded(
        session, behind, {one: texts[original].id for one, original, _ in found for texts in [documents[one]]}
    )
    return [
        Translated(
            id=one,
            kind=about[one].kind,
            collection=about[one].collection_key,
            origin=about[one].origin,
            original=original,
            newest=documents[one],
            states={
                locale: "original"
                if locale == original
                else "missing"
                if locale not in basis
                else "stale"
                if (one, basis[locale]) in changed
                else "current"
                for locale in LOCALES
            },
            basis=basis,
        )
        for one, original, basis in found
    ]


def behind(session: Session, *, key: str, locale: Locale, house: Locale) -> Behind:
    """One translation beside its original. `NotFound` where `locale` is the original, or is not there yet."""
    found = translation_of(session, key=key, locale=locale, house=house)
    if found is None:
        raise NotFound
    original = revision_of(session, key, found.original, found.newest[found.original].number)
    before = revision_of(session, key, found.original, found.basis[locale])
    mine = revision_of(session, key, locale, found.newest[locale].number)
    was, now = words_of(before.title, before.text), words_of(original.title, original.text)
    return Behind(
        document=found,
        locale=locale,
        original=original,
        translation=mine,
        since=before.number,
        original_words=now,
        translation_words=words_of(mine.title, mine.text),
        difference=compare(was, now),
        sections=section_changes(was, now),
    )


def beside(session: Session, *, key: str, locale: Locale, house: Locale) -> Beside | None:
    """The original as it was last saved, for whoever writes in `locale`; None where that is the original itself."""
    found = next(iter(translations(session, house=house, key=key)), None)
    if found is None or found.original == locale:
        return None
    original = revision_of(session, key, found.original, found.newest[found.original].number)
    words = words_of(original.title, original.text)
    changes: Sequence[SectionChange] = ()
    if found.states[locale] == "stale":
        before = revision_of(session, key, found.original, found.basis[locale])
        changes = section_changes(words_of(before.title, before.text), words)
    return Beside(found.original, original.number, words, found.states[locale], changes)


def translation_of(session: Session, *, key: str, locale: Locale, house: Locale) -> Translated | None:
    """How a document stands in its languages, where `locale` is a translation that is there; else None."""
    document_of(session, key)
    found = translations(session, house=house, key=key)
    return found[0] if found and locale in found[0].basis else None


def mark_current(
    session: Session,
    *,
    key: str,
    locale: Locale,
    number: int,
    original: int,
    house: Locale,
    person: Person,
    now: datetime,
) -> None:
    """Note that text `number` of a translation says what text `original` of its original says; nothing else changes.

    `Conflict` where another text of the translation was saved since it was looked at. A newer text of the original
    is no conflict: against that the translation is judged anew.
    """
    found = translation_of(session, key=key, locale=locale, house=house)
    if found is None:
        raise NotFound
    if found.newest[locale].number != number:
        raise Conflict(
            Message("Somebody has saved another text of the translation meanwhile. Please look at it first.")
        )
    session.add(
        TranslationMark(
            document_id=key,
            locale=locale,
            revision_id=found.newest[locale].id,
            original_id=revision_of(session, key, found.original, original).id or 0,
            staff_id=person.id,
            by=person.name,
            at=now,
        )
    )
    session.flush()


def _newest(session: Session, key: str) -> Sequence[Any]:
    live = newest_texts()
    source = aliased(Revision)
    asked: Any = (
        select(
            *(col(Revision.id), col(Revision.document_id), col(Revision.locale), col(Revision.number)),
            *(col(Revision.title), col(Revision.at), col(source.number).label("made_from")),
            *(col(Document.kind), col(Document.collection_key), col(Document.origin)),
        )
        .join(live, live.c.revision_id == col(Revision.id))
        .join(Document, col(Document.id) == col(Revision.document_id))
        .outerjoin(
            source,
            (col(source.id) == col(Revision.translated_from_id))
            & (col(source.document_id) == col(Revision.document_id))
            & (col(source.locale) != col(Revision.locale)),
        )
        .order_by(col(Revision.document_id), col(Revision.locale).desc())
    )
    return session.execute(asked.where(col(Revision.document_id) == key) if key else asked).all()


def newest_texts() -> Subquery:
    """The revisions that are the newest of each text: of the studio as saved, of files as readers have them."""
    written = (
        select(col(Manuscript.revision_id))
        .join(Document, col(Document.id) == col(Manuscript.document_id))
        .where(col(Document.origin) == "studio", col(Manuscript.state) != "archived")
    )
    filed = (
        select(VARIANT.c.live_revision_id.label("revision_id"))
        .join(DOCUMENT, DOCUMENT.c.id == VARIANT.c.document_id)
        .where(DOCUMENT.c.origin == "file", VARIANT.c.archived_at.is_(None), VARIANT.c.live_revision_id.is_not(None))
    )
    return union_all(written, filed).subquery("newest")


def _marks(session: Session, key: str) -> dict[tuple[str, str], int]:
    """The newest text of the original that each translation was said to be up to date with, since it was restored."""
    marked, original, brought = aliased(Revision), aliased(Revision), aliased(Revision)
    restored = (
        select(func.coalesce(func.max(col(brought.number)), 0))
        .where(
            col(brought.document_id) == col(TranslationMark.document_id),
            col(brought.locale) == col(TranslationMark.locale),
            col(brought.how) == "restored",
        )
        .scalar_subquery()
    )
    asked = (
        select(col(TranslationMark.document_id), col(TranslationMark.locale), func.max(col(original.number)))
        .join(marked, col(marked.id) == col(TranslationMark.revision_id))
        .join(original, col(original.id) == col(TranslationMark.original_id))
        .where(col(marked.number) >= restored)
        .group_by(col(TranslationMark.document_id), col(TranslationMark.locale))
    )
    rows = session.execute(asked.where(col(TranslationMark.document_id) == key) if key else asked)
    return {(row[0], row[1]): row[2] for row in rows}


def _milestones(session: Session, key: str) -> dict[tuple[str, str], list[Milestone]]:
    asked = select(*REVISION.c["document_id", "locale", "number", "how", "at"]).where(
        or_(REVISION.c.how == "file", REVISION.c.number == 1)
    )
    found: dict[tuple[str, str], list[Milestone]] = {}
    for row in session.execute(asked.where(REVISION.c.document_id == key) if key else asked):
        found.setdefault((row.document_id, row.locale), []).append(Milestone(row.number, row.how == "file", row.at))
    return found


def _reworded(
    session: Session, wanted: Sequence[tuple[str, Locale, int]], newest: Mapping[str, int]
) -> set[tuple[str, int]]:
    """Of earlier texts of originals, those whose words the newest text no longer has."""
    changed = set()
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        now = _words(session, [col(Revision.id).in_([newest[one] for one, _, _ in part])])
        ids = [one for one, _, _ in part]
        numbers = {number for _, _, number in part}
        before = _words(session, [col(Revision.document_id).in_(ids), col(Revision.number).in_(numbers)])
        latest = {one: words for (one, _, _), words in now.items()}
        changed |= {(one, number) for one, locale, number in part if before.get((one, locale, number)) != latest[one]}
    return changed


def _words(session: Session, conditions: Iterable[Any]) -> dict[tuple[str, Locale, int], str]:
    asked = select(*REVISION.c["document_id", "locale", "number", "title", "text"]).where(*conditions)
    return {
        (row.document_id, as_locale(row.locale), row.number): words_of(row.title, row.text)
        for row in session.execute(asked)
    }
