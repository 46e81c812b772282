"""What a form offers to choose from: events that were really seen, what the library holds, what customers have.

Lists are suggestions: whatever is not in them can be typed, since a rule may be written before its event is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.listing import facets
from portal.accounts.models import Member, Plan
from portal.checklists.catalog import catalog
from portal.checklists.definition import Definition, Reference, in_words, references
from portal.conditions.segments import segments
from portal.content.library import current
from portal.content.places import DOCUMENT_FOLDERS
from portal.events.live import ever_seen, seen_events
from portal.events.models import Source
from portal.events.rules import is_reserved
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.templating import in_locale
from portal.tutorials.models import Tutorial

MOST = 500
"""Of one list: a browser searches it as one types, so it must not grow for ever."""


@dataclass(frozen=True)
class Choice:
    """One value, and what it is called."""

    value: str
    label: str


@dataclass(frozen=True)
class Choices:
    """Everything the forms offer. `properties` are those seen lately, by event; `places` lead from titles to help."""

    events: Sequence[Choice]
    properties: Mapping[str, Sequence[str]]
    documents: Sequence[Choice]
    tutorials: Sequence[Choice]
    checklists: Sequence[Choice]
    segments: Sequence[Choice]
    plans: Sequence[Choice]
    tiers: Sequence[Choice]
    roles: Sequence[Choice]
    help: Sequence[Choice]
    places: Mapping[str, str]

    @property
    def property_names(self) -> Sequence[str]:
        """Every property seen lately, of any event."""
        return sorted({name for names in self.properties.values() for name in names})


def choices(session: Session, locale: Locale) -> Choices:
    """What can be chosen now, titles in `locale`."""
    documents, shelves = _documents(session, locale)
    tutorials = [
        Choice(one.key, in_locale(one.title, locale=locale))
        for one in session.execute(
            select(Tutorial).where(col(Tutorial.archived_at).is_(None)).order_by(col(Tutorial.key)).limit(MOST)
        ).scalars()
    ]
    help_places = [
        *(Choice(f"{shelves[one.value]}/{one.value}", one.label) for one in documents),
        *(Choice(f"tutorials/{one.value}", one.label) for one in tutorials),
    ]
    events, properties = _events(session, locale)
    known = facets(session)
    return Choices(
        events=events,
        properties=properties,
        documents=documents,
        tutorials=tutorials,
        checklists=[Choice(live.key, in_words(live.definition.title, locale)) for live in catalog(session).live],
        segments=[Choice(one.key, in_words(one.title, locale)) for one in segments(session).all],
        plans=[
            Choice(plan.key, plan.title or plan.key)
            for plan in session.execute(select(Plan).order_by(col(Plan.key)).limit(MOST)).scalars()
        ],
        tiers=[Choice(tier, tier) for tier in known["tier"]],
        roles=_roles(session),
        help=help_places,
        places={one.label: one.value for one in help_places},
    )


def _documents(session: Session, locale: Locale) -> tuple[list[Choice], dict[str, str]]:
    folders = {kind: folder for folder, kind in DOCUMENT_FOLDERS.items()}
    found, shelves = [], {}
    for entry in list(current(session).entries.values())[:MOST]:
        variant = entry.variants.get(locale) or next(
            (entry.variants[one] for one in LOCALES if one in entry.variants), None
        )
        if variant is not None:
            found.append(Choice(entry.id, variant.title))
            shelves[entry.id] = folders[entry.kind]
    return sorted(found, key=lambda one: one.label), shelves


def _events(session: Session, locale: Locale) -> tuple[list[Choice], dict[str, Sequence[str]]]:
    """Those any source sent, the most frequent first, with how often they came and what they carry."""
    properties: dict[str, Sequence[str]] = {}
    counts: Counter[str] = Counter()
    for source_id in session.execute(select(col(Source.id)).where(col(Source.revoked_at).is_(None))).scalars():
        for event in seen_events(session, source_id or 0):
            counts[event.name] += event.count
            properties[event.name] = sorted({*properties.get(event.name, ()), *event.properties})
    said = [
        Choice(name, Message("seen %(count)s times", count=count).into(locale))
        for name, count in counts.most_common(MOST)
    ]
    return said, properties


def _roles(session: Session) -> list[Choice]:
    asked = select(col(Member.role)).distinct().order_by(col(Member.role)).limit(MOST)
    return [Choice(role, role) for role in session.execute(asked).scalars() if role]


def unknown(session: Session, definition: Definition) -> list[Message]:
    """What the checklist counts on that nobody has seen: a slip, or something still to come. A sentence each."""
    found = references(definition)
    known: Mapping[str, set[str]] = {
        "event": ever_seen(session, sorted({one.key for one in found if one.kind == "event"})),
        "plan": set(session.execute(select(col(Plan.key))).scalars()),
        "document": set(current(session).entries),
        "tutorial": set(
            session.execute(select(col(Tutorial.key)).where(col(Tutorial.archived_at).is_(None))).scalars()
        ),
        "checklist": {live.key for live in catalog(session).live},
        "segment": {one.key for one in segments(session).all},
    }
    missing = dict.fromkeys((one.kind, one.key) for one in found if _is_missing(one, known))
    return [Message(_UNKNOWN[kind], key=key) for kind, key in missing if kind in _UNKNOWN]


def _is_missing(reference: Reference, known: Mapping[str, set[str]]) -> bool:
    if reference.kind == "event" and is_reserved(reference.key):
        return False
    return reference.kind in known and reference.key not in known[reference.kind]


_UNKNOWN: Mapping[str, str] = {
    "event": Message("the event “%(key)s” was never received yet").msgid,
    "plan": Message("no customer has had the plan “%(key)s” yet").msgid,
    "document": Message("there is no document “%(key)s” in the library").msgid,
    "tutorial": Message("there is no tutorial “%(key)s” in the library").msgid,
    "segment": Message("there is no segment “%(key)s”").msgid,
    "checklist": Message("there is no checklist “%(key)s” that is published").msgid,
}
