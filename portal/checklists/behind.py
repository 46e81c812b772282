"""Whom a figure counts: for each number of a report the runs that make it up, by the same rules that counted them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.checklists import funnel, people
from portal.checklists.catalog import catalog, step_of
from portal.checklists.counting import whole_second
from portal.checklists.rate import FIGURES, box_of
from portal.checklists.report import By, Counted, Unit, counted_runs
from portal.kit.errors import NotFound

Stage = Literal["reached", "completed", "open"]
STAGES: tuple[Stage, ...] = get_args(Stage)


def behind_figure(
    session: Session,
    key: str,
    figure: str,
    *,
    by: By,
    groups: frozenset[str | None] | None,
    unit: Unit,
    as_of: datetime,
    zone: ZoneInfo,
) -> list[Counted]:
    """The runs in `figure` (a key of `rate.FIGURES`), those of `groups` alone if any are given."""
    boxes = FIGURES.get(figure)
    if boxes is None:
        raise NotFound
    at = whole_second(as_of)
    return [
        one
        for one in counted_runs(
            session, key, by=by if groups is not None else "none", unit=unit, as_of=as_of, zone=zone
        )
        if (groups is None or one.run.group in groups) and box_of(one.run, as_of=at) in boxes
    ]


def behind_step(
    session: Session, key: str, step: str, stage: Stage, *, unit: Unit, as_of: datetime, zone: ZoneInfo
) -> list[Counted]:
    """The runs that have reached `step`, have completed it, or (`open`) have reached it and not completed it."""
    known = catalog(session)
    live = known.live_of(key)
    step_of(live.definition, step)
    at = whole_second(as_of)
    if unit == "member":
        return [
            Counted(one.account_id, one.member_id, one.run)
            for one in people.member_runs(session, live, as_of=at, zone=zone)
            if one.started_at <= at and step in one.wanted and _fits(stage, done=one.has_done(step, at))
        ]
    started = [
        one
        for one in counted_runs(session, key, by="none", unit=unit, as_of=as_of, zone=zone)
        if box_of(one.run, as_of=at) is not None
    ]
    done = funnel.who_completed(session, live, step, as_of=at)
    if stage != "completed" and step != live.definition.steps[0].key:
        reached = funnel.who_reached(session, known, live, step, as_of=at)
        started = [one for one in started if one.account_id in reached]
    return [one for one in started if _fits(stage, done=one.account_id in done)]


def _fits(stage: Stage, *, done: bool) -> bool:
    return stage == "reached" or done == (stage == "completed")
