"""When a customer has to be ready, and what a pause does to that.

A deadline is a whole day in the vendor's zone, kept as its last second. A customer paused for ten days gets ten days
more: the deadline is derived from the pauses each time it is asked for, so ending or correcting a pause restates it
and nothing has to be repaired.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from portal.kit.clock import day_end, days_between, has_passed, local_day

Status = Literal["in_progress", "completed", "overdue", "paused", "excluded"]


@dataclass(frozen=True)
class Pause:
    """A stretch in which the clock of one customer stands still; open while `until` is None."""

    since: datetime
    until: datetime | None = None


def effective_due(due: datetime | None, pauses: Iterable[Pause], *, as_of: datetime, zone: ZoneInfo) -> datetime | None:
    """The deadline as known at `as_of`: later by every pause; None when there is none, or while one is suspending it.

    A pause that began before the deadline (as moved by earlier pauses) had passed moves it by its length in whole local
    days; one that began afterwards changes nothing. Pauses that overlap count once. What begins after `as_of` is not
    known yet, and what ends after it is still open.
    """
    if due is None:
        return None
    for pause in _stretches(pauses, as_of):
        if has_passed(due, pause.since):
            break
        if pause.until is None or pause.until > as_of:
            return None
        days = days_between(pause.since, pause.until, zone)
        if days:
            due = day_end(local_day(due, zone) + timedelta(days=days), zone)
    return due


def is_paused(pauses: Iterable[Pause], *, as_of: datetime) -> bool:
    """Whether a pause is open at `as_of`."""
    return any(pause.since <= as_of and (pause.until is None or pause.until > as_of) for pause in pauses)


def status(
    *, excluded: bool, completed_at: datetime | None, paused: bool, due: datetime | None, as_of: datetime
) -> Status:
    """The one word for where a customer stands at `as_of`; `due` is the effective deadline.

    Exclusion says more than completion, completion more than a pause, a pause more than a deadline.
    """
    if excluded:
        return "excluded"
    if completed_at is not None and completed_at <= as_of:
        return "completed"
    if paused:
        return "paused"
    if due is not None and has_passed(due, as_of):
        return "overdue"
    return "in_progress"


def days_left(due: datetime | None, now: datetime, zone: ZoneInfo) -> int | None:
    """Days until the deadline day: 0 on that day, negative once it is over, None without a deadline."""
    return None if due is None else days_between(now, due, zone)


def _stretches(pauses: Iterable[Pause], as_of: datetime) -> list[Pause]:
    """The pauses begun by `as_of`, in order, those that touch or overlap joined into one."""
    joined: list[Pause] = []
    for pause in sorted(pauses, key=lambda pause: pause.since):
        if pause.since > as_of or (pause.until is not None and pause.until <= pause.since):
            continue
        last = joined[-1] if joined else None
        if last is None or (last.until is not None and last.until < pause.since):
            joined.append(pause)
        elif last.until is not None and (pause.until is None or pause.until > last.until):
            joined[-1] = Pause(last.since, pause.until)
    return joined
