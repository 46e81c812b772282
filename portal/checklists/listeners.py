"""What checklists do when something happens elsewhere: events arrived, or customers and their people changed.

Both run in the transaction of what happened, so the next read sees the tick. Events that no checklist asks about cost
one small query a batch; of the others only the steps that can still change are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.changes import AccountChange
from portal.accounts.service import lock_accounts
from portal.checklists.catalog import Catalog, Published, catalog
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import AtLeast, Required, Step, Tick
from portal.checklists.enrollment import enroll_accounts, evaluate_all
from portal.checklists.evaluation import BY_PROOF
from portal.checklists.models import Completion, Enrollment
from portal.checklists.runs import AS_STORED, assemble
from portal.checklists.touched import tell
from portal.conditions.model import EventCount, events_of
from portal.events.models import EventDay
from portal.events.rollups import Recorded
from portal.kit.db import chunks, zone_of


@dataclass
class News:
    """What came in of one kind of event for one account: the earliest instant, and by whom."""

    first_at: datetime
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
            heard = here[event.name] = News(event.at)
        heard.first_at = min(heard.first_at, event.at)
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
    enrollments = session.execute(
        select(
            col(Enrollment.id),
            col(Enrollment.account_id),
            col(Enrollment.checklist_key),
            col(Enrollment.version),
        ).where(col(Enrollment.account_id).in_(sorted(news)), col(Enrollment.withdrawn_at).is_(None))
    ).all()
    concerned: list[tuple[int, AccountNews, Published, list[Step]]] = []
    for enrollment_id, account_id, key, version in enrollments:
        published = known.versions.get((key, version))
        if published is None or not published.watches & news[account_id].keys():
            continue
        steps = [step for step in published.definition.steps if _events_of(step) & news[account_id].keys()]
        concerned.append((enrollment_id, news[account_id], published, steps))
    if not concerned:
        return {}
    done = _done(session, [entry[0] for entry in concerned], {step.key for entry in concerned for step in entry[3]})
    totals = _totals(session, news)
    account_of = {row[0]: row[1] for row in enrollments}
    pending: dict[int, frozenset[str]] = {}
    for enrollment_id, heard, published, steps in concerned:
        open_steps = frozenset(
            step.key
            for step in steps
            if _can_change(step, heard, done.get((enrollment_id, step.key), {}))
            and _enough(step, totals, account_of[enrollment_id])
        )
        if open_steps or _completes_by_events(published) & heard.keys():
            pending[enrollment_id] = open_steps
    return pending


def _can_change(step: Step, heard: AccountNews, done: Mapping[int | None, tuple[datetime, str]]) -> bool:
    relevant = [heard[name] for name in _events_of(step) & heard.keys()]
    if isinstance(step.scope, AccountScope):
        return _open(done.get(None), min(kind.first_at for kind in relevant))
    # A member's own part is worth knowing also where the step is already settled for the account.
    return any(_open(done.get(member), kind.first_at) for kind in relevant for member in kind.members)


def _open(done: tuple[datetime, str] | None, earliest: datetime) -> bool:
    """Not done yet, or done by proof at a later instant than what just came in."""
    return done is None or (done[1] in BY_PROOF and earliest < done[0])


def _enough(step: Step, totals: Mapping[tuple[int, str], int], account_id: int) -> bool:
    """Whether the account has as many of the event, ever, as a plain count asks for: no window can hold more."""
    condition = step.done_when
    if not isinstance(condition, EventCount):
        return True
    return totals.get((account_id, condition.event), 0) >= condition.at_least


def _totals(session: Session, news: Mapping[int, AccountNews]) -> dict[tuple[int, str], int]:
    rows = session.execute(
        select(col(EventDay.account_id), col(EventDay.name), func.sum(col(EventDay.count)))
        .where(col(EventDay.account_id).in_(sorted(news)), col(EventDay.name).in_(sorted(_names(news))))
        .group_by(col(EventDay.account_id), col(EventDay.name))
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _done(
    session: Session, enrollments: Collection[int], steps: Collection[str]
) -> dict[tuple[int, str], dict[int | None, tuple[datetime, str]]]:
    rows = session.execute(
        select(
            col(Completion.enrollment_id),
            col(Completion.step_key),
            col(Completion.member_id),
            col(Completion.at),
            col(Completion.how),
        ).where(
            col(Completion.enrollment_id).in_(sorted(enrollments)),
            col(Completion.step_key).in_(sorted(steps)),
            col(Completion.undone_at).is_(None),
        )
    )
    found: defaultdict[tuple[int, str], dict[int | None, tuple[datetime, str]]] = defaultdict(dict)
    for enrollment_id, step, member, at, how in rows:
        found[enrollment_id, step][member] = (at, how)
    return found


def _events_of(step: Step) -> frozenset[str]:
    return frozenset() if isinstance(step.done_when, Tick) else events_of(step.done_when)


def _completes_by_events(published: Published) -> frozenset[str]:
    rule = published.definition.completed_when
    return frozenset() if isinstance(rule, Required | AtLeast) else events_of(rule)


def _audience_events(published: Published) -> frozenset[str]:
    audience = published.definition.audience
    return events_of(audience) if audience is not None else frozenset()


def _names(news: Mapping[int, AccountNews]) -> frozenset[str]:
    return frozenset(name for heard in news.values() for name in heard)
