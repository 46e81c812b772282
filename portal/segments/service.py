"""Segments kept: published from a file, taken over from it, written and archived by staff.

Whoever changes one finds out at once who is in it. Which checklists name it is for the callers to look after: they live
above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.conditions.bulk import accounts_in
from portal.conditions.model import Condition
from portal.conditions.models import Segment
from portal.conditions.segments import circles, expanded, naming, too_deep
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.files import FileProblems, Problem
from portal.kit.i18n import Message
from portal.kit.slugs import free, slug
from portal.segments.files import (
    CIRCLE,
    KEY,
    KEY_RULE,
    MAX_TITLE,
    TOO_DEEP,
    SegmentsFile,
    condition_of,
    segments_text,
    written,
)
from portal.segments.membership import refill, sizes

LONGEST_NAME = 200
ChangeKind = Literal["new", "changed", "unchanged", "archived", "aside"]


@dataclass(frozen=True)
class SegmentChange:
    """What publishing does to one segment, and how many accounts are in it before and after. `aside`: staff have taken
    it over, so its file, which says something else, is left aside."""

    key: str
    kind: ChangeKind
    before: int
    after: int


def list_segments(session: Session, *, archived: bool = False) -> Sequence[Segment]:
    """Every segment in its order, or those that are archived."""
    is_gone = col(Segment.archived_at).is_not(None) if archived else col(Segment.archived_at).is_(None)
    asked = select(Segment).where(is_gone).order_by(col(Segment.position), col(Segment.key))
    return session.execute(asked).scalars().all()


def segment_of(session: Session, key: str) -> Segment:
    """The segment `key`, archived or not; `NotFound` where there is none."""
    found = session.get(Segment, key)
    if found is None:
        raise NotFound
    return found


# --- by staff ---------------------------------------------------------------------------------------------------------


def keep_segment(
    session: Session,
    *,
    key: str,
    title: Mapping[str, str],
    condition: Condition,
    by: str,
    now: datetime,
    zone: ZoneInfo,
    is_new: bool,
) -> Segment:
    """Write a segment down. `Invalid` names the fields at fault; `Conflict` where its key is taken, or a file's."""
    problems = check(session, key=key, title=title, condition=condition)
    if problems:
        raise Invalid(Message("Please look at the fields marked below. Nothing was changed."), problems=problems)
    row = session.get(Segment, key)
    if is_new and row is not None:
        raise Conflict(Message("There is a segment with this key already."))
    if row is None:
        if not is_new:
            raise NotFound
        last = session.execute(select(func.max(col(Segment.position)))).scalar()
        row = Segment(key=key, condition={}, digest="", position=(last or 0) + 1, changed_at=now)
    elif row.origin == "file":
        raise Conflict(Message("This segment comes from a file. Take it over first to edit it here."))
    _say(row, title, condition, by=by, now=now)
    session.add(row)
    session.flush()
    refill(session, [key, *naming(known(session), key)], now=now, zone=zone)
    return row


def free_key(session: Session, title: Mapping[str, str]) -> str:
    """A key for whoever named none: made of the English title, or just a number."""
    return free(slug(title.get("en", "")) or "segment", lambda key: session.get(Segment, key) is not None)


def check(session: Session, *, key: str, title: Mapping[str, str], condition: Condition) -> list[FieldProblem]:
    """What is wrong with a segment that is to be kept."""
    problems = []
    if not KEY.fullmatch(key):
        problems.append(FieldProblem("key", "format", KEY_RULE))
    if not title:
        problems.append(FieldProblem("title_ja", "missing", Message("Write a title in at least one language.")))
    for locale, text in title.items():
        if len(text) > MAX_TITLE:
            said = Message("At most %(count)s characters, please.", count=MAX_TITLE)
            problems.append(FieldProblem(f"title_{locale}", "too_long", said))
    others = {**known(session), key: condition}
    if circles(others):
        problems.append(FieldProblem("condition", "circle", CIRCLE))
    elif too_deep(others):
        problems.append(FieldProblem("condition", "too_deep", TOO_DEEP))
    return problems


def who_would_be_in(session: Session, condition: Condition, *, now: datetime, zone: ZoneInfo) -> set[int]:
    """The accounts that a segment with this condition would have. Long for many: call it where nothing waits."""
    return accounts_in(session, expanded(condition, known(session)), now=now, zone=zone)


def take_over(session: Session, key: str, *, by: str, now: datetime) -> Segment:
    """From now on it is edited here, and `banso publish` leaves its file aside."""
    row = segment_of(session, key)
    row.origin, row.changed_at, row.changed_by = "browser", now, by[:LONGEST_NAME]
    session.add(row)
    return row


def archive(session: Session, key: str, *, by: str, now: datetime, zone: ZoneInfo) -> None:
    """It holds for nobody any more. `Conflict` where another segment names it."""
    row = segment_of(session, key)
    if row.origin == "file":
        raise Conflict(Message("This segment comes from a file. Take it out of the file, or take it over first."))
    users = naming(known(session), key)
    if users:
        raise Conflict(Message("It is part of other segments: %(keys)s.", keys=", ".join(sorted(users))))
    row.archived_at, row.changed_at, row.changed_by = now, now, by[:LONGEST_NAME]
    session.add(row)
    session.flush()
    refill(session, [key], now=now, zone=zone)


def bring_back(session: Session, key: str, *, by: str, now: datetime, zone: ZoneInfo) -> None:
    """Undo `archive`."""
    row = segment_of(session, key)
    others = {**known(session), key: condition_of(row.condition)}
    if circles(others) or too_deep(others):
        raise Conflict(CIRCLE if circles(others) else TOO_DEEP)
    row.archived_at, row.changed_at, row.changed_by = None, now, by[:LONGEST_NAME]
    session.add(row)
    session.flush()
    refill(session, [key], now=now, zone=zone)


# --- by files ---------------------------------------------------------------------------------------------------------


def plan(session: Session, file: SegmentsFile | None, *, now: datetime, zone: ZoneInfo) -> tuple[SegmentChange, ...]:
    """What publishing exactly this file would do; nothing is changed. `FileProblems` where it does not go together with
    what staff have written."""
    standing = {row.key: row for row in list_segments(session)}
    counts = sizes(session)
    coming = with_coming(session, file)
    changes = []
    for one in file.segments if file is not None else ():
        row = standing.pop(one.key, None)
        before = counts.get(one.key, 0)
        same = row is not None and row.digest == digest_of(one.title, one.condition)
        if same:
            changes.append(SegmentChange(one.key, "unchanged", before, before))
        elif row is not None and row.origin == "browser":
            changes.append(SegmentChange(one.key, "aside", before, before))
        else:
            inside = accounts_in(session, expanded(one.condition, coming), now=now, zone=zone)
            changes.append(SegmentChange(one.key, "new" if row is None else "changed", before, len(inside)))
    gone = [key for key, row in standing.items() if row.origin == "file"]
    changes += [SegmentChange(key, "archived", counts.get(key, 0), 0) for key in gone]
    return tuple(changes)


def apply(
    session: Session, file: SegmentsFile | None, *, by: str, now: datetime, zone: ZoneInfo
) -> tuple[SegmentChange, ...]:
    """Publish exactly this file, and archive what came from it before and is gone. What was done."""
    changes = plan(session, file, now=now, zone=zone)
    kinds = {change.key: change.kind for change in changes}
    for position, one in enumerate(file.segments if file is not None else ()):
        if kinds[one.key] == "aside":
            continue
        row = session.get(Segment, one.key)
        if row is None:
            row = Segment(key=one.key, condition={}, digest="", origin="file", changed_at=now)
        if kinds[one.key] != "unchanged":
            _say(row, one.title, one.condition, by=by, now=now)
            row.archived_at, row.origin = None, "file"
        row.position = position
        session.add(row)
    for key, kind in kinds.items():
        if kind == "archived":
            row = segment_of(session, key)
            row.archived_at, row.changed_at, row.changed_by = now, now, by[:LONGEST_NAME]
            session.add(row)
    session.flush()
    touched = {change.key for change in changes if change.kind in ("new", "changed", "archived")}
    there = known(session)
    refill(session, touched.union(*(naming(there, key) for key in touched)), now=now, zone=zone)
    return changes


def with_coming(session: Session, file: SegmentsFile | None) -> dict[str, Condition]:
    """What every segment asks for once `file` is published."""
    rows = {row.key: row for row in list_segments(session)}
    kept = {key: condition_of(row.condition) for key, row in rows.items() if row.origin == "browser"}
    coming = {one.key: one.condition for one in file.segments} if file is not None else {}
    both = {**coming, **kept}
    turning = circles(both)
    wrong = turning or too_deep(both)
    if wrong and file is not None:
        said = CIRCLE if turning else TOO_DEEP
        raise FileProblems(
            [file.problem(said, key) for key in sorted(wrong & coming.keys())] or [Problem(file.yaml.file, 1, said)]
        )
    return both


def exported(session: Session) -> str:
    """`content/segments.yml` as it stands here, those written in the browser too; empty for none."""
    return segments_text([(row.key, row.title, row.condition) for row in list_segments(session)])


def digest_of(title: Mapping[str, str], condition: Condition) -> str:
    """The name of a segment's content."""
    said: Any = [dict(title), written(condition)]
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def known(session: Session) -> dict[str, Condition]:
    """What every segment asks for, as it was written."""
    return {row.key: condition_of(row.condition) for row in list_segments(session)}


def how_many(session: Session) -> int:
    """All customers there are: what a segment is a part of."""
    found: int = session.execute(select(func.count()).select_from(Account)).scalar_one()
    return found


def _say(row: Segment, title: Mapping[str, str], condition: Condition, *, by: str, now: datetime) -> None:
    row.title = dict(title)
    row.condition = written(condition)
    row.digest = digest_of(title, condition)
    row.changed_at, row.changed_by = now, by[:LONGEST_NAME]
