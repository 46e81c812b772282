"""What is new: release notes by the day they came out, and which of them a member has not seen yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.content.library import VARIANT, Entry, Variant, current
from portal.content.models import ReleaseVisit
from portal.content.readers import ANONYMOUS, Reader
from portal.content.rules import EXCERPT, beginning
from portal.content.service import Item
from portal.content.wall import Wall
from portal.kit.i18n import Locale

KIND = "release_note"
SHOWN = 50
ONE_VISIT = timedelta(minutes=30)
"""Whoever comes back within this time is still on the same visit: nothing stops being new by a reload."""


@dataclass(frozen=True)
class Release:
    """A release note as one reader may have it. `is_new` is it since their last visit."""

    item: Item
    out_at: datetime
    excerpt: str
    is_new: bool


@dataclass(frozen=True)
class Language:
    """One language of a document that anybody may read."""

    entry: Entry
    variant: Variant


def releases(
    session: Session, reader: Reader, *, locale: Locale, now: datetime, zone: ZoneInfo
) -> tuple[Sequence[Release], bool]:
    """What is new for `reader`, the latest first; and whether a member's visit is to be noted (`note_visit`)."""
    wall = Wall(session, reader, now=now, zone=zone)
    notes = (entry for entry in current(session).entries.values() if entry.kind == KIND)
    items = [Item(entry, variant) for entry in notes if (variant := wall.choose(entry, locale)) is not None]
    rows = session.execute(
        select(
            *VARIANT.c["id", "published_at", "publish_at"],
            func.substr(VARIANT.c.text, 1, EXCERPT + 1).label("beginning"),
        ).where(VARIANT.c.id.in_([item.variant.id for item in items]))
    )
    known = {row.id: row for row in rows}
    visit = session.get(ReleaseVisit, reader.member_id) if reader.kind == "member" else None
    since = _since(visit, now)
    found = []
    for item in items:
        row = known[item.variant.id]
        out_at = max(row.published_at, row.publish_at) if row.publish_at else row.published_at
        is_new = since is not None and out_at > since
        found.append(Release(item, out_at, beginning(row.beginning), is_new))
    found.sort(key=lambda one: (one.out_at, one.item.entry.id), reverse=True)
    due = reader.kind == "member" and (visit is None or now - visit.seen_at > timedelta(minutes=1))
    return found[:SHOWN], due


def note_visit(session: Session, reader: Reader, *, now: datetime) -> None:
    """The member has seen what is new. What was new on this visit stays new until the next."""
    row = {"member_id": reader.member_id, "seen_at": now, "caught_up_at": now}
    if insert_missing(session, ReleaseVisit, [row], returning=("member_id",)):
        return
    visit = session.get_one(ReleaseVisit, reader.member_id, with_for_update=True)
    since = _since(visit, now)
    session.execute(
        update(ReleaseVisit)
        .where(col(ReleaseVisit.member_id) == reader.member_id)
        .values(seen_at=now, caught_up_at=since or now)
    )


def public_documents(session: Session, *, now: datetime, zone: ZoneInfo) -> list[list[Language]]:
    """Every document that anybody may read, each in all its languages: what search engines are told of."""
    wall = Wall(session, ANONYMOUS, now=now, zone=zone)
    found = (
        [Language(entry, variant) for variant in wall.languages(entry).values()]
        for entry in current(session).entries.values()
    )
    return [languages for languages in found if languages]


def _since(visit: ReleaseVisit | None, now: datetime) -> datetime | None:
    """What came out after this is new; None on a first visit, when nothing or everything would be."""
    if visit is None:
        return None
    return visit.seen_at if now - visit.seen_at > ONE_VISIT else visit.caught_up_at
