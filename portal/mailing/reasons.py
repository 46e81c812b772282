"""Which runs a rule has a reason to write about: a few columns of many runs at a time, judged by `rules.occasion`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists.catalog import catalog
from portal.checklists.deadlines import Pause, effective_due, is_paused
from portal.checklists.models import Enrollment
from portal.checklists.models import Pause as PauseRow
from portal.kit.clock import days_between
from portal.kit.db import chunks
from portal.mailing.rules import LOOK_BACK, RuleSetting, RunFacts, occasion

AT_A_TIME = 5_000


@dataclass(frozen=True)
class Standing:
    """One run and what rules know of it."""

    enrollment_id: int
    account_id: int
    checklist: str
    version: int
    facts: RunFacts


@dataclass(frozen=True)
class Reason:
    """Why a rule writes: about what, and the figures its sentence names."""

    rule: RuleSetting
    run: Standing
    occasion: str
    because: Mapping[str, Any]


def reasons(
    session: Session, wanted: Sequence[RuleSetting], *, now: datetime, zone: ZoneInfo, after: int = 0
) -> tuple[list[Reason], int]:
    """What `wanted` have to write about among the next `AT_A_TIME` runs with an id above `after`; and the last id
    looked at, 0 when there were no more."""
    live = sorted({one.key for one in catalog(session).live})
    asked = _runs().where(
        col(Enrollment.id) > after,
        col(Enrollment.checklist_key).in_(live),
        or_(col(Enrollment.completed_at).is_(None), col(Enrollment.completed_at) >= now - LOOK_BACK),
    )
    found = list(_standings(session, asked.order_by(col(Enrollment.id)).limit(AT_A_TIME), now=now, zone=zone))
    told = [reason for run in found for rule in wanted if (reason := why(rule, run, now=now, zone=zone)) is not None]
    return told, found[-1].enrollment_id if len(found) == AT_A_TIME else 0


def standing(session: Session, enrollment_id: int, *, now: datetime, zone: ZoneInfo) -> Standing | None:
    """One run as it stands; None where it is gone, or its customer has left."""
    live = {one.key for one in catalog(session).live}
    asked = _runs().where(col(Enrollment.id) == enrollment_id)
    return next((one for one in _standings(session, asked, now=now, zone=zone) if one.checklist in live), None)


def why(rule: RuleSetting, run: Standing, *, now: datetime, zone: ZoneInfo) -> Reason | None:
    """The reason `rule` has to write about `run`, if any."""
    if rule.checklist not in (None, run.checklist):
        return None
    about = occasion(rule, run.facts, now=now, zone=zone)
    if about is None:
        return None
    because: dict[str, Any] = {"checklist": run.checklist}
    if rule.kind == "next_step":
        because["days"] = days_between(run.facts.quiet_since, now, zone)
    elif rule.kind in ("deadline_near", "overdue"):
        because["day"] = about
    return Reason(rule, run, about, because)


def _runs() -> Select[*tuple[Any, ...]]:
    return select(
        col(Enrollment.id),
        col(Enrollment.account_id),
        col(Enrollment.checklist_key),
        col(Enrollment.version),
        col(Enrollment.started_at),
        col(Enrollment.due_at),
        col(Enrollment.completed_at),
        col(Enrollment.last_progress_at),
        col(Enrollment.excluded_at),
        col(Enrollment.withdrawn_at),
        col(Account.left_at),
    ).join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))


def _standings(
    session: Session, asked: Select[*tuple[Any, ...]], *, now: datetime, zone: ZoneInfo
) -> Iterator[Standing]:
    rows = session.connection().execute(asked).all()
    pauses = _pauses(session, [row[0] for row in rows])
    for row in rows:
        stretches = pauses.get(row.id, ())
        # Nobody is asked to do anything during a pause: the quiet counts from its end.
        ends = [one.until for one in stretches if one.until is not None and one.until <= now]
        facts = RunFacts(
            started_at=row.started_at,
            due=effective_due(row.due_at, stretches, as_of=now, zone=zone),
            completed_at=row.completed_at,
            quiet_since=max([row.started_at, row.last_progress_at or row.started_at, *ends]),
            is_aside=row.excluded_at is not None
            or row.withdrawn_at is not None
            or (row.left_at is not None and row.left_at <= now)
            or is_paused(stretches, as_of=now),
        )
        yield Standing(row.id, row.account_id, row.checklist_key, row.version, facts)


def _pauses(session: Session, runs: Sequence[int]) -> Mapping[int, Sequence[Pause]]:
    found: defaultdict[int, list[Pause]] = defaultdict(list)
    asked = select(col(PauseRow.enrollment_id), col(PauseRow.since), col(PauseRow.until))
    for some in chunks(runs, 2_000):
        for run, since, until in session.connection().execute(asked.where(col(PauseRow.enrollment_id).in_(some))):
            found[run].append(Pause(since, until))
    return found
