"""Who uses which event: the checklists, documents and tutorials whose rules name it.

An event that a rule waits for and nobody has ever sent is the commonest way in which onboarding stands still without a
word, so it is warned of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists.catalog import catalog
from portal.checklists.definition import Definition, conditions, in_words
from portal.conditions.model import Condition, events_of
from portal.conditions.parse import ConditionProblems, parse
from portal.content.models import Document, DocumentVariant
from portal.events.live import ever_seen
from portal.events.rules import is_reserved
from portal.kit.i18n import Locale, Message
from portal.tutorials.models import Tutorial


@dataclass(frozen=True)
class Use:
    """One rule that names the event, in words, and where to look at it."""

    text: Message
    href: str


def uses(session: Session, locale: Locale) -> dict[str, list[Use]]:
    """By event, every live rule that names it; the portal's own events too."""
    found: defaultdict[str, list[Use]] = defaultdict(list)
    for condition, use in (*_checklists(session, locale), *_documents(session, locale), *_tutorials(session, locale)):
        for event in events_of(condition):
            if use not in found[event]:
                found[event].append(use)
    return dict(found)


def never_seen(session: Session, used: Mapping[str, Sequence[Use]]) -> list[str]:
    """The events of `used` that a product would have to send, and none ever has."""
    wanted = sorted(event for event in used if not is_reserved(event))
    seen = ever_seen(session, wanted) if wanted else set()
    return [event for event in wanted if event not in seen]


def _checklists(session: Session, locale: Locale) -> Iterator[tuple[Condition, Use]]:
    for published in catalog(session).live:
        definition = published.definition
        href = f"/staff/onboarding?checklist={quote(published.key, safe='')}"
        for path, condition in conditions(definition):
            yield condition, Use(_place(definition, path, locale), href)


def _place(definition: Definition, path: Sequence[str | int], locale: Locale) -> Message:
    title = in_words(definition.title, locale)
    match path:
        case ("steps", int(index), *_):
            step = in_words(definition.steps[index].title, locale)
            return Message("Checklist “%(title)s”: step “%(step)s”", title=title, step=step)
        case ("completed_when",):
            return Message("Checklist “%(title)s”: when it is completed", title=title)
    return Message("Checklist “%(title)s”: whom it is for", title=title)


def _documents(session: Session, locale: Locale) -> Iterator[tuple[Condition, Use]]:
    asked = (
        select(
            col(Document.id),
            col(Document.audience),
            col(DocumentVariant.locale),
            col(DocumentVariant.title),
            col(DocumentVariant.slug),
        )
        .join(DocumentVariant, col(DocumentVariant.document_id) == col(Document.id))
        .where(col(Document.archived_at).is_(None), col(DocumentVariant.archived_at).is_(None))
        .order_by(col(Document.id), col(DocumentVariant.locale) != locale)
    )
    told: set[str] = set()
    for key, audience, _, title, slug in session.execute(asked):
        condition = _read(audience)
        if condition is not None and key not in told:
            told.add(key)
            yield condition, Use(Message("Article “%(title)s”: whom it is for", title=title), f"/manuals/{key}/{slug}")


def _tutorials(session: Session, locale: Locale) -> Iterator[tuple[Condition, Use]]:
    for row in session.execute(select(Tutorial).where(col(Tutorial.archived_at).is_(None))).scalars():
        condition = _read(row.audience)
        if condition is not None:
            title = in_words(row.title, locale) if row.title else row.key
            yield condition, Use(Message("Tutorial “%(title)s”: whom it is for", title=title), f"/tutorials/{row.key}")


def _read(audience: object) -> Condition | None:
    """A stored audience; one that an older version wrote and this one cannot read counts for nobody anyway."""
    if not audience:
        return None
    try:
        return parse(audience, level="member")
    except ConditionProblems:
        return None
