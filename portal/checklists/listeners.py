"""What checklists do when something happens elsewhere: events arrived, or customers and their people changed.

Both run in the transaction of what happened, so the next read sees the tick. Events that no checklist asks about cost
one small query a batch; of the others only the steps that can still change are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, distinct, func, select
from sqlmodel import Session, col

from portal.accounts.changes import AccountChange
from portal.accounts.service import lock_accounts
from portal.checklists.catalog import Catalog, Published, catalog
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import AtLeast, Required, Step
from portal.checklists.enrollment import enroll_accounts, evaluate_all
from portal.checklists.evaluation import BY_PROOF
from portal.checklists.models import Completion, Enrollment
from portal.checklists.runs import AS_STORED, assemble
from portal.checklists.touched import tell
from portal.conditions.model import EventCount, events_of
from portal.events.models import EventDay
from portal.events.rollups import Recorded
from portal.kit.clock import local_day
from portal.kit.db import chunks, zone_of
from portal.kit.prepared import Prepared
from portal.kit.sql import among


@dataclass
class News:
    """What came in of one kind of event for one account: the earliest and the latest instant, and by whom."""

    first_at: datetime
    last_at: datetime
    members: set[int] = field(default_factory=set)


AccountNews = Mapping[str, News]


def on_accounts_changed(session: Session, change: AccountChange, now: datetime) -> None:
    """Enroll, withdraw and look again."""
    enroll_accounts(session, catalog(session), change.account_ids, now=now, zone=zone_of(session))


def on_events(session: Session, recorded: Sequence[Recorded], now: datetime) -> None:
    """Complete what these events prove."""
    known = catalog(session)
    watched = known.watches
    news: defaultdict[int, dict[str, News]] = defaultdict(dict)
    for event in recorded:
        if event.account_id is None or event.name not in watched:
            continue
        here = news[event.account_id]
        heard = here.get(event.name)
        if heard is None:
            heard = here[event.name] = News(event.at, event.at)
        heard.first_at = min(heard.first_at, event.at)
        heard.last_at = max(heard.last_at, event.at)
        if event.member_id is not None:
            heard.members.add(event.member_id)
    if not news:
        return
    zone = zone_of(session)
    for some in chunks(sorted(news)):
        _complete(session, known, {account: news[account] for account in some}, now=now, zone=zone)
        tell(session, some, now=now)


def _complete(
    session: Session, known: Catalog, news: Mapping[int, AccountNews], *, now: datetime, zone: ZoneInfo
) -> None:
    # Two transactions that each bring one of two needed events must not both decide before the other has committed.
    if session.get_bind().dialect.name == "postgresql":
        lock_accounts(session, sorted(news))
    joins = {published.key for published in known.live if _audience_events(published) & _names(news)}
    if joins:
        enroll_accounts(session, known, list(news), now=now, zone=zone, keys=joins)
        session.flush()
    pending = _pending(session, known, news)
    if not pending:
        return
    wanted = select(Enrollment).where(col(Enrollment.id).in_(sorted(pending))).order_by(col(Enrollment.id))
    evaluate_all(
        session,
        known,
        assemble(session, known, session.execute(wanted, execution_options=AS_STORED).scalars().all()),
        now=now,
        zone=zone,
        steps=pending,
        members={
            account: frozenset[int]().union(*(kind.members for kind in heard.values()))
            for account, heard in news.items()
        },
    )


def _pending(session: Session, known: Catalog, news: Mapping[int, AccountNews]) -> dict[int, frozenset[str]]:
    """The steps these events can change, by enrollment: not done yet, or done by proof that is now earlier."""
    concerned: list[_Concerned] = []
    zone = zone_of(session)
    for enrollment_id, account_id, key, version, started_at in _ENROLLMENTS.all(session, {"accounts": sorted(news)}):
        published = known.versions.get((key, version))
        heard = news[account_id]
        if published is None or published.watches.isdisjoint(heard):
            continue
        steps = [
            (step, events & heard.keys())
            for step, events in published.proven_by
            if not events.isdisjoint(heard) and _in_time(step, heard, started_at, zone)
        ]
        completes = bool(_completes_by_events(published) & heard.keys())
        if steps or completes:
            concerned.append(_Concerned(enrollment_id, account_id, started_at, heard, steps, completes))
    if not concerned:
        return {}
    done = _done(session, concerned)
    for one in concerned:
        one.steps = [
            (step, events)
            for step, events in one.steps
            if _can_change(step, [one.heard[name] for name in events], done.get((one.id, step.key), {}))
        ]
    counts = _counts(session, concerned, zone)
    found = {
        one.id: (frozenset(step.key for step, _ in one.steps if _enough(step, counts, one.account_id)), one.completes)
        for one in concerned
    }
    return {enrollment_id: steps for enrollment_id, (steps, completes) in found.items() if steps or completes}


@dataclass
class _Concerned:
    """An enrollment for which these events may change something: `steps`, each with those of its events that came, or
    whether it `completes` by a condition."""

    id: int
    account_id: int
    started_at: datetime
    heard: AccountNews
    steps: list[tuple[Step, frozenset[str]]]
    completes: bool


def _in_time(step: Step, heard: AccountNews, started_at: datetime, zone: ZoneInfo) -> bool:
    """False where all of it lies outside of the only days in which it would count."""
    condition = step.done_when
    if not isinstance(condition, EventCount) or condition.within is None or not isinstance(step.scope, AccountScope):
        return True
    first_day = local_day(started_at, zone)
    came = heard[condition.event]
    return local_day(came.last_at, zone) >= first_day and local_day(came.first_at, zone) <= condition.within.after(
        first_day
    )


def _can_change(step: Step, relevant: Sequence[News], done: Mapping[int | None, tuple[datetime, str]]) -> bool:
    if isinstance(step.scope, AccountScope):
        return _open(done.get(None), min(kind.first_at for kind in relevant))
    # A member's own part is worth knowing also where the step is already settled for the account.
    return any(_open(done.get(member), kind.first_at) for kind in relevant for member in kind.members)


def _open(done: tuple[datetime, str] | None, earliest: datetime) -> bool:
    """Not done yet, or done by proof at a later instant than what just came in."""
    return done is None or (done[1] in BY_PROOF and earliest < done[0])


def _enough(step: Step, counts: Counts, account_id: int) -> bool:
    """Whether the account has as many of the event, or as many days with it, as are asked for: no window holds more."""
    condition = step.done_when
    if not isinstance(condition, EventCount):
        return True
    events, days = counts.get((account_id, condition.event), (0, 0))
    return (days if condition.distinct == "day" else events) >= condition.at_least


Counts = Mapping[tuple[int, str], tuple[int, int]]
"""How many events, and days with one, by account and name."""


def _counts(session: Session, concerned: Sequence[_Concerned], zone: ZoneInfo) -> Counts:
    """What the steps that ask for a number can have at most.

    Where days are all that counts, older ones are not read: what a customer did in former years must not slow it down.
    """
    found: dict[tuple[int, str], tuple[int, int]] = {}
    asked: defaultdict[bool, list[tuple[date, int, str]]] = defaultdict(list)
    for one in concerned:
        for step, _ in one.steps:
            if isinstance(step.done_when, EventCount):
                first = _first_day(step.done_when, one, zone)
                asked[first > date.min].append((first, one.account_id, step.done_when.event))
    for questions in asked.values():
        about = {
            "accounts": sorted({account_id for _, account_id, _ in questions}),
            "names": sorted({name for *_, name in questions}),
            "first_day": min(first for first, *_ in questions),
        }
        for account_id, name, events, days in _COUNTS.all(session, about):
            known = found.get((account_id, name), (0, 0))
            found[account_id, name] = (max(events, known[0]), max(days, known[1]))
    return found


def _first_day(condition: EventCount, one: _Concerned, zone: ZoneInfo) -> date:
    """The oldest day that can count together with what came in."""
    if condition.within is not None:
        return local_day(one.started_at, zone)
    if condition.last is not None:
        return condition.last.before(local_day(one.heard[condition.event].first_at, zone))
    return date.min


def _done(
    session: Session, concerned: Sequence[_Concerned]
) -> dict[tuple[int, str], dict[int | None, tuple[datetime, str]]]:
    enrollments, steps = {one.id for one in concerned}, {step.key for one in concerned for step, _ in one.steps}
    found: defaultdict[tuple[int, str], dict[int | None, tuple[datetime, str]]] = defaultdict(dict)
    for enrollment_id, step, member, at, how in _DONE.all(
        session, {"enrollments": sorted(enrollments), "steps": sorted(steps)}
    ):
        found[enrollment_id, step][member] = (at, how)
    return found


_ENROLLMENTS = Prepared(
    select(
        col(Enrollment.id),
        col(Enrollment.account_id),
        col(Enrollment.checklist_key),
        col(Enrollment.version),
        col(Enrollment.started_at),
    ).where(among(col(Enrollment.account_id), "accounts"), col(Enrollment.withdrawn_at).is_(None))
)
_COUNTS = Prepared(
    select(
        col(EventDay.account_id),
        col(EventDay.name),
        func.sum(col(EventDay.count)),
        func.count(distinct(col(EventDay.day))),
    )
    .where(
        among(col(EventDay.account_id), "accounts"),
        among(col(EventDay.name), "names"),
        col(EventDay.day) >= bindparam("first_day"),
    )
    .group_by(col(EventDay.account_id), col(EventDay.name))
)
_DONE = Prepared(
    select(
        col(Completion.enrollment_id),
        col(Completion.step_key),
        col(Completion.member_id),
        col(Completion.at),
        col(Completion.how),
    ).where(
        among(col(Completion.enrollment_id), "enrollments"),
        among(col(Completion.step_key), "steps"),
        col(Completion.undone_at).is_(None),
    )
)


def _completes_by_events(published: Published) -> frozenset[str]:
    rule = published.definition.completed_when
    return frozenset() if isinstance(rule, Required | AtLeast) else events_of(rule)


def _audience_events(published: Published) -> frozenset[str]:
    audience = published.definition.audience
    return events_of(audience) if audience is not None else frozenset()


def _names(news: Mapping[int, AccountNews]) -> frozenset[str]:
    return frozenset(name for heard in news.values() for name in heard)
