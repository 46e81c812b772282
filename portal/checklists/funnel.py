"""From step to step: how many accounts reached each, how many have done it, and after how many days.

A step is reached by whoever has done it, a later one, or the one before it; the first by everybody who started. How far
an account got is judged in its own version and then placed in the live one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import Session, col

from portal.checklists import rate
from portal.checklists.catalog import Catalog, Published
from portal.checklists.counting import is_counted
from portal.checklists.models import Completion, Enrollment
from portal.checklists.rate import StepRow


def steps_reached(session: Session, known: Catalog, live: Published, *, started: int, as_of: datetime) -> list[StepRow]:
    """The funnel over the `started` accounts at `as_of`."""
    positions = _positions(live)
    days = _step_days(session, live, as_of=as_of)
    places: Counter[int] = Counter()
    rows = session.connection().execute(
        select(col(Enrollment.version), col(Enrollment.furthest), func.count())
        .where(*_started(live, as_of), _is_settled(as_of))
        .group_by(col(Enrollment.version), col(Enrollment.furthest))
    )
    for version, furthest, count in rows:
        places[_placed(known, live, version, furthest)] += count
    if places.total() < started:
        places.update(_places_then(session, known, live, as_of=as_of).values())
    return rate.steps_funnel(
        (
            key,
            started if number == 1 else sum(count for place, count in places.items() if place >= number - 1),
            days.get(key, {}),
        )
        for key, number in positions.items()
    )


def who_reached(session: Session, known: Catalog, live: Published, step: str, *, as_of: datetime) -> set[int]:
    """The accounts counted as having reached `step`."""
    number = _positions(live)[step]
    rows = session.connection().execute(
        select(col(Enrollment.account_id), col(Enrollment.version), col(Enrollment.furthest)).where(
            *_started(live, as_of), _is_settled(as_of)
        )
    )
    places = {account: _placed(known, live, version, furthest) for account, version, furthest in rows}
    places |= _places_then(session, known, live, as_of=as_of)
    return {account_id for account_id, place in places.items() if place >= number - 1}


def who_completed(session: Session, live: Published, step: str, *, as_of: datetime) -> set[int]:
    """The accounts counted as having done `step`."""
    rows = session.connection().execute(
        select(col(Enrollment.account_id))
        .join_from(Completion, Enrollment, col(Enrollment.id) == col(Completion.enrollment_id))
        .where(*_done(live, as_of), col(Completion.step_key) == step, *_started(live, as_of))
    )
    return set(rows.scalars())


def _positions(live: Published) -> dict[str, int]:
    return {step.key: number for number, step in enumerate(live.definition.steps, start=1)}


def _done(live: Published, as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Completion.checklist_key) == live.key,
        col(Completion.member_id).is_(None),
        col(Completion.undone_at).is_(None),
        col(Completion.at) <= as_of,
    )


def _started(live: Published, as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    return *is_counted(live.key), col(Enrollment.started_at) <= as_of


def _is_settled(as_of: datetime) -> ColumnElement[bool]:
    """Whether nothing was done since, so that what the run keeps of itself holds at `as_of` as well."""
    return or_(col(Enrollment.last_progress_at).is_(None), col(Enrollment.last_progress_at) <= as_of)


def _step_days(session: Session, live: Published, *, as_of: datetime) -> Mapping[str, Mapping[int, int]]:
    """How many did each step on which day: all completions, less those of runs that do not count.

    To count everything is one pass over an index; those that do not count are few, and looked up one by one.
    """
    grouped = select(col(Completion.step_key), col(Completion.days), func.count()).group_by(
        col(Completion.step_key), col(Completion.days)
    )
    in_key = col(Enrollment.checklist_key) == live.key
    set_aside = select(col(Enrollment.id)).where(
        in_key, or_(col(Enrollment.excluded_at).is_not(None), col(Enrollment.withdrawn_at).is_not(None))
    )
    not_yet = select(col(Enrollment.id)).where(*is_counted(live.key), col(Enrollment.started_at) > as_of)
    of_checklist, *standing = _done(live, as_of)
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for step, day, count in session.connection().execute(grouped.where(of_checklist, *standing)):
        found[step][day] += count
    for uncounted in (set_aside, not_yet):
        # The checklist is not named again: the run says it, and SQLite would take it for the better way in.
        rows = grouped.where(col(Completion.enrollment_id).in_(uncounted), *standing)
        for step, day, count in session.connection().execute(rows):
            found[step][day] -= count
    return {step: +days for step, days in found.items()}


def _places_then(session: Session, known: Catalog, live: Published, *, as_of: datetime) -> dict[int, int]:
    """How far each account that has gone on since had got by then."""
    rows = session.connection().execute(
        select(col(Enrollment.account_id), col(Enrollment.version), col(Completion.step_key))
        .join_from(
            Enrollment,
            Completion,
            (col(Completion.enrollment_id) == col(Enrollment.id))
            & col(Completion.member_id).is_(None)
            & col(Completion.undone_at).is_(None)
            & (col(Completion.at) <= as_of),
            isouter=True,
        )
        .where(*_started(live, as_of), col(Enrollment.last_progress_at) > as_of)
    )
    places: dict[int, int] = {}
    orders: dict[int, dict[str, int]] = {}
    versions: dict[int, int] = {}
    for account_id, version, step in rows:
        order = orders.get(version)
        if order is None:
            order = orders[version] = _positions(known.of(live.key, version))
        versions[account_id] = version
        places[account_id] = max(places.get(account_id, 0), order.get(step or "", 0))
    return {one: _placed(known, live, versions[one], place) for one, place in places.items()}


def _placed(known: Catalog, live: Published, version: int, furthest: int) -> int:
    """The place in the live version of somebody who got to place `furthest` of their own."""
    if version == live.version:
        return furthest
    positions = _positions(live)
    steps = known.of(live.key, version).definition.steps[:furthest]
    return max((positions.get(step.key, 0) for step in steps), default=0)
