"""What names a segment: the checklists, articles and tutorials that would be for others if it changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists.again import naming_segments
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.conditions.model import segments_of
from portal.conditions.parse import ConditionProblems, parse
from portal.conditions.segments import naming
from portal.content.library import current
from portal.kit.i18n import Locale
from portal.segments.service import known
from portal.tutorials.models import Tutorial

Kind = Literal["checklist", "document", "tutorial", "segment"]


@dataclass(frozen=True)
class Use:
    """Something that names a segment, and its page."""

    kind: Kind
    title: str
    href: str


def uses_of(session: Session, key: str, locale: Locale) -> list[Use]:
    """Everything live that names `key`, by way of other segments too."""
    there = known(session)
    names = naming(there, key)
    wanted = {key, *names}
    found = [Use("segment", one, f"/staff/segments/{one}") for one in sorted(names)]
    live = catalog(session)
    for checklist in naming_segments(session, wanted):
        title = in_words(live.live_of(checklist).definition.title, locale)
        found.append(Use("checklist", title, f"/staff/onboarding?checklist={checklist}"))
    for entry in current(session).entries.values():
        if entry.audience is not None and segments_of(entry.audience) & wanted:
            variant = entry.variants.get(locale) or next(iter(entry.variants.values()))
            found.append(Use("document", variant.title, entry.path(variant)))
    found += [
        Use("tutorial", title, f"/tutorials/{tutorial}") for tutorial, title in _tutorials(session, wanted, locale)
    ]
    return found


def _tutorials(session: Session, wanted: set[str], locale: Locale) -> Iterator[tuple[str, str]]:
    rows = select(Tutorial).where(col(Tutorial.archived_at).is_(None)).order_by(col(Tutorial.key))
    for row in session.execute(rows).scalars():
        if not row.audience:
            continue
        try:
            audience = parse(row.audience, level="member")
        except ConditionProblems:
            continue
        if segments_of(audience) & wanted:
            yield row.key, in_words(row.title, locale) if row.title else row.key
