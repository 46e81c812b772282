"""Everything that happened to one customer in one line of time: what they did, what was ticked and taken back, what was
made an exception of, who was in touch with them, and what was promised and done. Newest first, day by day; the same
thing done again and again on a day is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from heapq import merge
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists.catalog import Catalog
from portal.checklists.definition import in_words
from portal.checklists.models import Completion, Enrollment, EnrollmentException
from portal.events import reads
from portal.events.reads import Happening
from portal.insights.change_entries import change_entries
from portal.insights.entries import NEWEST, Entry, Place, earlier
from portal.insights.invitation_entries import invitation_entries
from portal.insights.joined_entries import joined_entries
from portal.insights.mail_entries import mail_entries
from portal.insights.touch_entries import contact_entries, task_entries
from portal.kit.clock import local_day
from portal.kit.dates import day
from portal.kit.i18n import Locale, Message

SHOWN = 30
HAPPENINGS = {
    "portal.signed_in": Message("Signed in to the portal"),
    "article.read": Message("Read an article"),
    "tutorial.started": Message("Began a tutorial"),
    "tutorial.completed": Message("Finished a tutorial"),
    "webinar.watched": Message("Watched a recording"),
}
EXCEPTIONS = {
    "start": Message("Start moved"),
    "due": Message("Deadline changed"),
    "pause": Message("Paused"),
    "resume": Message("Resumed"),
    "exclude": Message("Excluded"),
    "include": Message("Included again"),
    "withdraw": Message("No longer in the audience"),
    "return": Message("In the audience again"),
}


@dataclass(frozen=True)
class Day:
    """A day of the vendor's zone with its entries, newest first."""

    day: date
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Timeline:
    """A page of it; `older` is the place to go on from, "" where nothing is older."""

    days: Sequence[Day]
    older: str


def timeline_of(
    session: Session,
    known: Catalog,
    *,
    account_id: int,
    names: Mapping[int, str],
    before: Place | None,
    locale: Locale,
    zone: ZoneInfo,
    limit: int = SHOWN,
) -> Timeline:
    """The `limit` entries before `before` (the newest if None); `names` are the account's people by member id."""
    titles = {
        (key, step.key): in_words(step.title, locale)
        for (key, _), one in known.versions.items()
        for step in one.definition.steps
    }
    streams = (
        _events(session, account_id, names, before, limit + 1),
        _completions(session, account_id, titles, before, limit + 1),
        _undone(session, account_id, titles, before, limit + 1),
        _exceptions(session, account_id, before, limit + 1, locale, zone),
        contact_entries(session, account_id, before, limit + 1, locale, zone),
        task_entries(session, account_id, before, limit + 1),
        mail_entries(session, account_id, known, names, before, limit + 1, locale, zone),
        invitation_entries(session, account_id, names, before, limit + 1),
        joined_entries(session, account_id, names, before, limit + 1),
        change_entries(session, account_id, names, before, limit + 1, locale, zone),
    )
    newest = merge(*streams, key=lambda entry: entry.place, reverse=True)
    found = list(islice(newest, limit + 1))
    older = str(found[limit - 1].place) if len(found) > limit else ""
    return Timeline(_by_day(found[:limit], zone), older)


def _by_day(entries: Iterable[Entry], zone: ZoneInfo) -> list[Day]:
    days: dict[date, dict[object, Entry]] = {}
    for entry in entries:
        here = days.setdefault(local_day(entry.place.at, zone), {})
        same = (entry.code or entry.text, entry.who) if entry.kind == "event" else entry.place
        known = here.get(same)
        if known is None:
            here[same] = replace(entry, clock=f"{entry.place.at.astimezone(zone):%H:%M}")
        else:
            here[same] = replace(known, times=known.times + 1)
    return [Day(one, tuple(here.values())) for one, here in days.items()]


def _events(
    session: Session, account_id: int, names: Mapping[int, str], before: Place | None, limit: int
) -> list[Entry]:
    cursor = None
    if before is not None:
        cursor = reads.Cursor(before.at, before.id if before.rank == 0 else NEWEST if before.rank > 0 else 0)
    return [_event(one, names) for one in reads.timeline(session, account_id=account_id, limit=limit, before=cursor)]


def _event(one: Happening, names: Mapping[int, str]) -> Entry:
    text = HAPPENINGS.get(one.name)
    return Entry(
        place=Place(one.at, 0, one.id),
        kind="event",
        text=text,
        code="" if text else one.name,
        who=names.get(one.member_id or 0, ""),
    )


def _completions(
    session: Session, account_id: int, titles: Mapping[tuple[str, str], str], before: Place | None, limit: int
) -> list[Entry]:
    at = col(Completion.at)
    rows = session.execute(
        select(Completion)
        .join(Enrollment, col(Enrollment.id) == col(Completion.enrollment_id))
        .where(
            col(Enrollment.account_id) == account_id,
            col(Completion.derived).is_(False),
            *earlier(at, col(Completion.id), 1, before),
        )
        .order_by(at.desc(), col(Completion.id).desc())
        .limit(limit)
    ).scalars()
    return [
        Entry(
            place=Place(row.at, 1, row.id or 0),
            kind="done",
            text=Message("Done: %(step)s", step=titles.get((row.checklist_key, row.step_key), row.step_key)),
            who=row.by_name or row.by,
        )
        for row in rows
    ]


def _undone(
    session: Session, account_id: int, titles: Mapping[tuple[str, str], str], before: Place | None, limit: int
) -> list[Entry]:
    at = col(Completion.undone_at)
    rows = session.execute(
        select(Completion)
        .join(Enrollment, col(Enrollment.id) == col(Completion.enrollment_id))
        .where(
            col(Enrollment.account_id) == account_id,
            col(Completion.derived).is_(False),
            at.is_not(None),
            *earlier(at, col(Completion.id), 2, before),
        )
        .order_by(at.desc(), col(Completion.id).desc())
        .limit(limit)
    ).scalars()
    return [
        Entry(
            place=Place(row.undone_at, 2, row.id or 0),
            kind="undone",
            text=Message("Taken back: %(step)s", step=titles.get((row.checklist_key, row.step_key), row.step_key)),
            who=row.undone_by or "",
        )
        for row in rows
        if row.undone_at is not None
    ]


def _exceptions(
    session: Session, account_id: int, before: Place | None, limit: int, locale: Locale, zone: ZoneInfo
) -> list[Entry]:
    at = col(EnrollmentException.at)
    rows = session.execute(
        select(EnrollmentException)
        .join(Enrollment, col(Enrollment.id) == col(EnrollmentException.enrollment_id))
        .where(col(Enrollment.account_id) == account_id, *earlier(at, col(EnrollmentException.id), 3, before))
        .order_by(at.desc(), col(EnrollmentException.id).desc())
        .limit(limit)
    ).scalars()
    return [
        Entry(
            place=Place(row.at, 3, row.id or 0),
            kind="exception",
            text=exception_words(row, locale=locale, zone=zone),
            who="" if row.by == "banso" else row.by,
            note=row.reason,
        )
        for row in rows
    ]


def exception_words(row: EnrollmentException, *, locale: Locale, zone: ZoneInfo) -> Message:
    """What was changed, with the days before and after where there are any."""
    what = EXCEPTIONS[row.kind]
    if row.before is None and row.after is None:
        return what
    return Message(
        "%(what)s: %(before)s → %(after)s",
        what=what,
        before=_day(row.before, locale, zone),
        after=_day(row.after, locale, zone),
    )


def _day(written: str | None, locale: Locale, zone: ZoneInfo) -> str:
    return day(datetime.fromisoformat(written) if written else None, locale=locale, zone=zone)
