"""One exception for many accounts: seen before it is made, made in one go, on record, and taken back.

A `Wish` is what is asked; `outlook` says of each account what it would do, by the rules that then do it. Up to
`AT_ONCE` accounts are done in the transaction of the click, more by a job that does so many at a time. Each run
remembers how it was before, so that taking it back gives that back, and leaves alone what somebody has changed since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from portal.accounts.inserts import table_of
from portal.accounts.service import lock_accounts
from portal.checklists.actors import Actor
from portal.checklists.catalog import catalog
from portal.checklists.enrollment import evaluate_all
from portal.checklists.exceptions import apply_change
from portal.checklists.models import Pause
from portal.checklists.runs import Run, load_runs
from portal.kit.db import chunks
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.jobs import enqueue
from portal.workshop.models import BatchItem, ExceptionBatch
from portal.workshop.wishes import ACTS, Outlook, Wish, change_of, check, give_back, seen, state_of

JOB: Final = "workshop.exceptions"
AT_ONCE: Final = 200
MOST: Final = 20_000
TWICE: Final = timedelta(minutes=1)
_EMPTY: Final[Mapping[str, Any]] = {"outcome": "waiting", "why": "", "before": {}, "after": {}}


def outlook(
    session: Session, *, key: str, accounts: Sequence[int], wish: Wish, now: datetime, zone: ZoneInfo
) -> list[Outlook]:
    """What the wish would do to each account enrolled in `key`, in the order of the accounts; nothing is changed."""
    known = catalog(session)
    found: list[Outlook] = []
    for some in chunks(sorted(accounts)):
        runs = load_runs(session, known, accounts=some, keys=[key])
        pauses = _pauses(session, runs)
        found += [seen(run, wish, pauses[run.enrollment.id or 0], now=now, zone=zone) for run in runs]
    return found


def make(
    session: Session, *, key: str, accounts: Sequence[int], wish: Wish, actor: Actor, now: datetime, zone: ZoneInfo
) -> int:
    """Make the exceptions, at once or by a job; returns the number of the batch.

    The same, asked by the same person within `TWICE`, is a second click: it is done once.
    """
    check(wish)
    wanted = sorted(set(accounts))
    if not 1 <= len(wanted) <= MOST:
        raise Invalid(Message("Choose between 1 and %(most)s customers.", most=MOST))
    catalog(session).live_of(key)
    asked = {"day": wish.day.isoformat() if wish.day else None, "days": wish.days}
    lock_accounts(session, wanted)
    twin = _twin(session, key, wish, asked, wanted, actor, now)
    if twin is not None:
        return twin
    batch = ExceptionBatch(
        checklist_key=key,
        act=wish.act,
        asked=asked,
        reason=wish.reason.strip(),
        at=now,
        by=actor.key,
        by_name=actor.name,
    )
    session.add(batch)
    session.flush()
    batch_id = batch.id or 0
    rows = [{"batch_id": batch_id, "account_id": one, **_EMPTY} for one in wanted]
    session.execute(insert(table_of(BatchItem)), rows)
    if len(wanted) > AT_ONCE:
        enqueue(session, JOB, {"batch": batch_id}, now=now)
    else:
        go_on(session, batch_id, now=now, zone=zone)
    return batch_id


def _twin(
    session: Session,
    key: str,
    wish: Wish,
    asked: Mapping[str, Any],
    wanted: Sequence[int],
    actor: Actor,
    now: datetime,
) -> int | None:
    lately = select(ExceptionBatch).where(
        col(ExceptionBatch.checklist_key) == key,
        col(ExceptionBatch.act) == wish.act,
        col(ExceptionBatch.by) == actor.key,
        col(ExceptionBatch.at) > now - TWICE,
        col(ExceptionBatch.undone_at).is_(None),
    )
    for batch in session.execute(lately.order_by(col(ExceptionBatch.id).desc())).scalars():
        items = select(col(BatchItem.account_id)).where(col(BatchItem.batch_id) == batch.id)
        same = (batch.asked, batch.reason) == (asked, wish.reason.strip())
        if same and sorted(session.execute(items).scalars()) == wanted:
            return int(batch.id or 0)
    return None


def go_on(session: Session, batch_id: int, *, now: datetime, zone: ZoneInfo) -> bool:
    """Do as many of a batch as fit into one transaction; whether some are left."""
    batch = held(session, batch_id)
    if batch.state != "running":
        return False
    waiting = (
        select(BatchItem)
        .where(col(BatchItem.batch_id) == batch_id, col(BatchItem.outcome) == "waiting")
        .order_by(col(BatchItem.account_id))
        .limit(AT_ONCE + 1)
    )
    items = list(session.execute(waiting).scalars())
    some = items[:AT_ONCE]
    wish = wish_of(batch)
    actor = Actor(kind="staff", key=batch.by, name=batch.by_name)
    known = catalog(session)
    ids = [item.account_id for item in some]
    lock_accounts(session, ids)
    runs = {
        run.enrollment.account_id: run for run in load_runs(session, known, accounts=ids, keys=[batch.checklist_key])
    }
    pauses = _pauses(session, runs.values())
    for item in some:
        run = runs.get(item.account_id)
        mine = pauses[run.enrollment.id or 0] if run else ()
        why = "not_enrolled" if run is None else seen(run, wish, mine, now=now, zone=zone).why
        if run is None or why:
            item.outcome, item.why = "skipped", why
        else:
            item.before = state_of(session, run)
            change = change_of(run, wish, mine, now=now, zone=zone)
            apply_change(session, run, change, actor=actor, now=now, zone=zone)
            item.after = state_of(session, run)
            item.outcome = "done"
        session.add(item)
    session.flush()
    touched = [runs[item.account_id] for item in some if item.outcome == "done"]
    evaluate_all(session, known, touched, now=now, zone=zone)
    if len(items) <= AT_ONCE:
        batch.state = "done"
        session.add(batch)
        session.flush()
        return False
    return True


def undo(session: Session, batch_id: int, *, actor: Actor, said: str, now: datetime, zone: ZoneInfo) -> None:
    """Give every run back what it had, except what somebody has changed since; at once or by a job, as it was made.

    `said` is what the record says of it. Twice does nothing more.
    """
    batch = held(session, batch_id)
    if batch.state == "running":
        raise Conflict(Message("This is still being done. Take it back when it is finished."))
    if batch.state != "done":
        return
    batch.state, batch.undone_at, batch.undone_by = "undoing", now, (actor.name or actor.key)[:200]
    session.add(batch)
    session.flush()
    count = counts_of(session, batch_id).get("done", 0)
    if count > AT_ONCE:
        enqueue(session, JOB, {"batch": batch_id, "undo": actor.key, "said": said}, now=now)
    else:
        go_back(session, batch_id, actor=actor, said=said, now=now, zone=zone)


def go_back(session: Session, batch_id: int, *, actor: Actor, said: str, now: datetime, zone: ZoneInfo) -> bool:
    """Take back as many of a batch as fit into one transaction; whether some are left."""
    batch = held(session, batch_id)
    if batch.state != "undoing":
        return False
    done = (
        select(BatchItem)
        .where(col(BatchItem.batch_id) == batch_id, col(BatchItem.outcome) == "done")
        .order_by(col(BatchItem.account_id))
        .limit(AT_ONCE + 1)
    )
    items = list(session.execute(done).scalars())
    some = items[:AT_ONCE]
    known = catalog(session)
    ids = [item.account_id for item in some]
    lock_accounts(session, ids)
    found = load_runs(session, known, accounts=ids, keys=[batch.checklist_key], withdrawn=True)
    runs = {run.enrollment.account_id: run for run in found}
    for item in some:
        run = runs.get(item.account_id)
        item.outcome = "kept"
        if run is not None and state_of(session, run) == item.after:
            give_back(session, run, item.before, said[:1000], actor=actor, now=now, zone=zone)
            item.outcome = "undone"
        session.add(item)
    session.flush()
    evaluate_all(session, known, [runs[one.account_id] for one in some if one.outcome == "undone"], now=now, zone=zone)
    if len(items) <= AT_ONCE:
        batch.state = "undone"
        session.add(batch)
        session.flush()
        return False
    return True


def batch_of(session: Session, batch_id: int) -> ExceptionBatch:
    """One batch; `NotFound` where there is none."""
    found = session.get(ExceptionBatch, batch_id)
    if found is None:
        raise NotFound
    return found


def held(session: Session, batch_id: int) -> ExceptionBatch:
    """The same, kept from everybody else until the transaction is over."""
    asked = select(ExceptionBatch).where(col(ExceptionBatch.id) == batch_id).with_for_update()
    found: ExceptionBatch | None = session.execute(asked).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def sizes_of(session: Session, batches: Sequence[int]) -> Mapping[int, int]:
    """How many accounts each of these batches is for."""
    asked = select(col(BatchItem.batch_id), func.count()).where(col(BatchItem.batch_id).in_(batches))
    return {row[0]: row[1] for row in session.execute(asked.group_by(col(BatchItem.batch_id)))}


def counts_of(session: Session, batch_id: int) -> Mapping[str, int]:
    """How many runs of a batch came to what."""
    asked = (
        select(col(BatchItem.outcome), func.count())
        .where(col(BatchItem.batch_id) == batch_id)
        .group_by(col(BatchItem.outcome))
    )
    return {row[0]: row[1] for row in session.execute(asked)}


def wish_of(batch: ExceptionBatch) -> Wish:
    """What a batch asked."""
    day = batch.asked.get("day")
    act = next(one for one in ACTS if one == batch.act)
    return Wish(act, batch.reason, date.fromisoformat(day) if day else None, int(batch.asked.get("days") or 0))


def _pauses(session: Session, runs: Iterable[Run]) -> Mapping[int, list[Pause]]:
    found: defaultdict[int, list[Pause]] = defaultdict(list)
    ids = [run.enrollment.id or 0 for run in runs]
    rows = select(Pause).where(col(Pause.enrollment_id).in_(ids)).order_by(col(Pause.since), col(Pause.id))
    for pause in session.execute(rows).scalars():
        found[pause.enrollment_id].append(pause)
    return found
