"""Conditions asked of the database: the facts of one account or member, gathered for one condition.

Plain counts and counts of days are answered from the daily roll-ups, however many events there are; only the day on
which it was enough is looked at closely, for the exact instant. `where` and other `distinct` read the events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.conditions.lookups import Book, Day, days_of, happened
from portal.conditions.model import Condition, EventCount, InSegment, checklists_of, queries, walk
from portal.conditions.rules import Facts, Tally, Verdict, evaluate, tally
from portal.conditions.segments import segments
from portal.events import reads
from portal.kit.clock import day_start, local_day

ONE_DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
FIRST_DAY = date(1970, 1, 1)
"""No event is older: what a sender says of earlier years is refused."""
STAFF_ROLE = "staff"
MOST_EVENTS = 100_000
"""What one question may read. An account with more of one event than that is counted over its first ones."""


@dataclass(frozen=True)
class Subject:
    """Whom a condition is asked of: an account, or one member of it. `start` is where `within` counts from."""

    account_id: int
    member_id: int | None
    start: datetime
    values: Mapping[str, object]
    checklists: Mapping[str, datetime | None] = field(default_factory=dict)


OWN_TRAITS: Mapping[str, Any] = {
    "seats": col(Account.seats),
    "owner": col(Account.owner),
    "currency": col(Account.currency),
    "mrr": col(Account.mrr),
    "name": col(Account.name),
    "renews_at": col(Account.renews_at),
    "notice_by": col(Account.notice_by),
}
"""Columns of Banso's own that conditions know as traits, under their file names; days as they are written."""
AS_TRAITS: Mapping[str, Callable[[Any], object]] = {
    "mrr": float,
    "renews_at": date.isoformat,
    "notice_by": date.isoformat,
}


def as_trait(name: str, value: object) -> object:
    """The value of a column as conditions compare it."""
    return AS_TRAITS[name](value) if name in AS_TRAITS and value is not None else value


def account_values(account: Account) -> dict[str, object]:
    """What conditions may ask of an account."""
    known = {name: as_trait(name, getattr(account, name)) for name in OWN_TRAITS}
    traits = {**account.traits, **{name: value for name, value in known.items() if value is not None}}
    return {"plan": account.plan_key, "tier": account.tier, "role": None, "locale": None, "traits": traits}


def member_values(account: Account, member: Member) -> dict[str, object]:
    """What conditions may ask of a member: the account's values, and their own."""
    values = account_values(account)
    traits = {**values["traits"], **member.traits} if isinstance(values["traits"], dict) else dict(member.traits)
    if member.department:
        traits["department"] = member.department
    # `role: staff` is how documents for the vendor's own people say so: no customer's word for a role opens them.
    role = None if member.role == STAFF_ROLE else member.role
    return {**values, "role": role, "locale": member.locale, "traits": traits}


def subject_of(account: Account, member: Member | None = None, *, start: datetime | None = None) -> Subject:
    """The subject for an account, or for a member of it, whose windows begin at the later of `start` and joining."""
    begins = start or account.started_at
    if member is None:
        return Subject(_id(account.id), None, begins, account_values(account))
    return Subject(_id(account.id), _id(member.id), max(begins, member.joined_at), member_values(account, member))


def ask(
    session: Session,
    condition: Condition,
    subject: Subject,
    *,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None = None,
    ever: bool = False,
    book: Book | None = None,
) -> Verdict:
    """Whether `condition` holds of `subject` at `now`; what happened up to `since` (an undo) does not count."""
    tallies = {
        query: tally_of(session, query, subject, now=now, zone=zone, since=since, book=book)
        for query in queries(condition)
    }
    inside = _segments_of(session, condition, subject, now=now, zone=zone, since=since, ever=ever)
    facts = Facts(subject.values, tallies, subject.checklists, now, inside)
    return evaluate(condition, facts, ever=ever)


def _segments_of(
    session: Session,
    condition: Condition,
    subject: Subject,
    *,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None,
    ever: bool,
) -> Mapping[str, Verdict]:
    """What each segment that `condition` names comes to, asked of the account whoever the subject is."""
    named = {node.key: node.part for node in walk(condition) if isinstance(node, InSegment)}
    if not named:
        return {}
    there = {one.key: one.condition for one in segments(session).all} if None in named.values() else {}
    looked_up = {key: found for key, part in named.items() if (found := part or there.get(key)) is not None}
    account = session.get_one(Account, subject.account_id)
    completed = completed_by(session, [subject.account_id]).get(subject.account_id, {})
    whole = replace(subject_of(account), checklists=completed)
    return {
        key: ask(session, part, whole, now=now, zone=zone, since=since, ever=ever) for key, part in looked_up.items()
    }


def holds_for_member(
    session: Session, condition: Condition, *, account_id: int, member_id: int, now: datetime, zone: ZoneInfo
) -> bool:
    """Whether `condition` holds of a member now: the wall around documents and tutorials."""
    account = session.get(Account, account_id)
    member = session.get(Member, member_id)
    if account is None or member is None or member.account_id != account_id:
        return False
    subject = subject_of(account, member)
    if checklists_of(condition):
        subject = replace(subject, checklists=completed_by(session, [account_id]).get(account_id, {}))
    return ask(session, condition, subject, now=now, zone=zone).met


CompletedChecklists = Callable[[Session, Collection[int]], Mapping[int, Mapping[str, datetime | None]]]


def know_checklists(completed: CompletedChecklists) -> None:
    """For the composition root: how to find when accounts completed their checklists, which live on a floor above."""
    _completed.of = completed


def completed_by(session: Session, accounts: Collection[int]) -> Mapping[int, Mapping[str, datetime | None]]:
    """When each of `accounts` completed its checklists; who is enrolled in none is missing."""
    return _completed.of(session, accounts)


class _Completed:
    of: CompletedChecklists = staticmethod(lambda _session, _accounts: {})


_completed = _Completed()


def tally_of(
    session: Session,
    query: EventCount,
    subject: Subject,
    *,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None = None,
    book: Book | None = None,
) -> Tally:
    """The answer to `query`, the same as `rules.tally` gives over all events of the subject.

    Whoever asks much about one account at one moment gives the same `book` each time.
    """
    if query.where or query.distinct not in (None, "day") or since is not None:
        return _from_events(session, query, subject, now=now, zone=zone, since=since, book=book)
    return _from_days(session, query, subject, now=now, zone=zone, book=book)


def _from_events(
    session: Session,
    query: EventCount,
    subject: Subject,
    *,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None,
    book: Book | None,
) -> Tally:
    if book is not None and subject.member_id is not None:
        found = book.happened(subject.member_id, query.event)
    else:
        opens, closes = _window(query, subject.start, zone)
        # What the window, an undo or the present leave out anyway is not even read.
        begins = [day_start(opens, zone)] if opens else []
        ends = [day_start(closes + ONE_DAY, zone)] if closes else []
        found = happened(
            session,
            account_id=subject.account_id,
            member_id=subject.member_id,
            name=query.event,
            from_at=max([*begins, *([since] if since else [])], default=None),
            to_at=min([*ends, now + INSTANT]),
        )
    return tally(found, query, start=subject.start, now=now, zone=zone, since=since)


def _from_days(
    session: Session, query: EventCount, subject: Subject, *, now: datetime, zone: ZoneInfo, book: Book | None
) -> Tally:
    opens, closes = _window(query, subject.start, zone)
    today = local_day(now, zone)
    first_day, last_day = opens or date.min, min(closes or today, today)
    if book is not None:
        all_days = book.days_of(subject.member_id, query.event)
        days = [one for one in all_days if first_day <= one.day <= last_day]
    else:
        days = days_of(
            session,
            account_id=subject.account_id,
            member_id=subject.member_id,
            name=query.event,
            first_day=first_day,
            last_day=last_day,
        )
    if days and days[-1].day == today and days[-1].last_at > now:
        # The roll-up of today knows more than was known at `now`.
        return _from_events(session, query, subject, now=now, zone=zone, since=None, book=book)
    reached_at = _reached_at(session, query, subject, days, zone=zone)
    opened = query.last.before(today) + ONE_DAY if query.last is not None else date.min
    return Tally(sum(_worth(query, one) for one in days if one.day >= opened), query.at_least, reached_at)


def _reached_at(
    session: Session, query: EventCount, subject: Subject, days: Sequence[Day], *, zone: ZoneInfo
) -> datetime | None:
    """The instant of the occurrence that made it enough, on the first day whose window held enough."""
    count = 0
    oldest = 0
    for one in days:
        # A window of no days holds nothing, not even its own day: then the oldest is always one ahead.
        while query.last is not None and oldest < len(days) and days[oldest].day <= query.last.before(one.day):
            count -= _worth(query, days[oldest])
            oldest += 1
        missing = query.at_least - count
        count += _worth(query, one)
        if count >= query.at_least:
            if missing == 1:
                return one.first_at
            exact = reads.nth_event_at(
                session,
                account_id=subject.account_id,
                member_id=subject.member_id,
                name=query.event,
                from_at=one.first_at,
                to_at=one.last_at + INSTANT,
                nth=missing,
            )
            # Raw events may be gone by now (retention): then the day is right, and its last moment stands for it.
            return exact or one.last_at
    return None


def _worth(query: EventCount, one: Day) -> int:
    return 1 if query.distinct == "day" else one.count


def _window(query: EventCount, start: datetime, zone: ZoneInfo) -> tuple[date | None, date | None]:
    if query.within is None:
        return None, None
    first_day = local_day(start, zone)
    return first_day, query.within.after(first_day)


def _id(value: int | None) -> int:
    assert value is not None, "a stored row has an id"
    return value
