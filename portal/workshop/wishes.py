"""What one exception does to one run, said before it is done; how the run stood; and giving it that back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.checklists import deadlines
from portal.checklists.actors import Actor
from portal.checklists.deadlines import effective_due
from portal.checklists.enrollment import due_of
from portal.checklists.exceptions import (
    Change,
    apply_change,
    check_reason,
    forget_pause,
    go_on_pausing,
    pauses_of,
)
from portal.checklists.models import Pause
from portal.checklists.runs import Run
from portal.kit.clock import FIRST_DAY, LAST_DAY, day_end, day_start, local_day
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message

Act = Literal["start", "due", "extend", "pause", "resume", "exclude", "include"]
ACTS: Final[tuple[Act, ...]] = get_args(Act)
LONGEST: Final = 3650


@dataclass(frozen=True)
class Wish:
    """What is to be done: `day` for `start` and `due`, `days` for `extend`."""

    act: Act
    reason: str
    day: date | None = None
    days: int = 0


@dataclass(frozen=True)
class Outlook:
    """What a wish does to one account; `why` says why it does nothing. Days are those of deadline or start."""

    account_id: int
    external_id: str
    name: str
    before: datetime | None
    after: datetime | None
    why: str = ""

    @property
    def is_touched(self) -> bool:
        """Whether anything changes."""
        return not self.why


def check(wish: Wish) -> None:
    """`Invalid` with all that is wrong with what is asked."""
    problems = []
    if wish.act in ("start", "due") and wish.day is None:
        problems.append(FieldProblem("day", "day", Message("Choose a day that exists.")))
    if wish.day is not None and not FIRST_DAY <= wish.day <= LAST_DAY:
        problems.append(FieldProblem("day", "day", Message("Choose days between 2000 and 2099.")))
    if wish.act == "extend" and not 1 <= wish.days <= LONGEST:
        said = Message("this must be a whole number from 1 to %(limit)s", limit=LONGEST)
        problems.append(FieldProblem("days", "days", said))
    try:
        check_reason(wish.reason)
    except Invalid as wrong:
        problems.append(FieldProblem("reason", "reason", wrong.message))
    if problems:
        raise Invalid(problems[0].message, problems=problems)


def seen(run: Run, wish: Wish, pauses: Sequence[Pause], *, now: datetime, zone: ZoneInfo) -> Outlook:
    """What the wish does to the run; nothing is changed."""
    why, before, after = _foreseen(run, wish, pauses, now=now, zone=zone)
    return Outlook(run.account.id or 0, run.account.external_id, run.account.name, before, after, why)


def _foreseen(
    run: Run, wish: Wish, pauses: Sequence[Pause], *, now: datetime, zone: ZoneInfo
) -> tuple[str, datetime | None, datetime | None]:
    """Why nothing is done ("" where something is), and the day before and after."""
    row = run.enrollment
    due = _due(run, pauses, now=now, zone=zone)
    if row.completed_at is not None and wish.act not in ("exclude", "include"):
        return "completed", due, None
    match wish.act:
        case "start":
            assert wish.day is not None
            at = day_start(wish.day, zone)
            why = "same" if local_day(row.started_at, zone) == wish.day and row.start_moved else ""
            return why, row.started_at, at
        case "due":
            assert wish.day is not None
            after = day_end(wish.day, zone)
            return ("same" if due == after else ""), due, after
        case "extend":
            return ("no_deadline", None, None) if due is None else ("", due, _later(due, wish.days, zone))
        case "pause":
            return ("same" if row.paused_at is not None else ""), due, None
        case "resume":
            return ("same" if row.paused_at is None else ""), due, None
        case "exclude":
            return ("same" if row.excluded_at is not None else ""), due, None
    return ("same" if row.excluded_at is None else ""), due, None


def _later(due: datetime, days: int, zone: ZoneInfo) -> datetime:
    return day_end(local_day(due, zone) + timedelta(days=days), zone)


def _due(run: Run, pauses: Sequence[Pause], *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The deadline by the pauses that are over, as pages show it while another one lasts."""
    over = [deadlines.Pause(row.since, row.until) for row in pauses if row.until is not None and row.until <= now]
    return effective_due(run.enrollment.due_at, over, as_of=now, zone=zone)


def change_of(run: Run, wish: Wish, pauses: Sequence[Pause], *, now: datetime, zone: ZoneInfo) -> Change:
    """The exception that does it."""
    _, _, after = _foreseen(run, wish, pauses, now=now, zone=zone)
    match wish.act:
        case "start":
            return Change(wish.reason, started_at=after)
        case "due" | "extend":
            return Change(wish.reason, due_at=after)
        case "pause" | "resume":
            return Change(wish.reason, paused=wish.act == "pause")
    return Change(wish.reason, excluded=wish.act == "exclude")


def state_of(session: Session, run: Run) -> dict[str, Any]:
    """All of a run that an exception may change, as JSON holds it."""
    row = run.enrollment
    pauses = [
        [one.since.isoformat(), one.until.isoformat() if one.until else None] for one in pauses_of(session, row.id or 0)
    ]
    return {
        "started_at": row.started_at.isoformat(),
        "start_moved": row.start_moved,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "due_moved": row.due_moved,
        "paused_at": row.paused_at.isoformat() if row.paused_at else None,
        "excluded": row.excluded_at is not None,
        "pauses": pauses,
    }


def give_back(
    session: Session, run: Run, before: Mapping[str, Any], reason: str, *, actor: Actor, now: datetime, zone: ZoneInfo
) -> None:
    row = run.enrollment
    """The run as it stood `before`, on record with its reason."""
    started = datetime.fromisoformat(before["started_at"])
    if (row.started_at, row.start_moved) != (started, before["start_moved"]):
        change = Change(reason, started_at=started if before["start_moved"] else None)
        apply_change(session, run, change, actor=actor, now=now, zone=zone)
    due = datetime.fromisoformat(before["due_at"]) if before["due_at"] else None
    if (row.due_at, row.due_moved) != (due, before["due_moved"]):
        change = Change(reason, due_at=None)
        apply_change(session, run, change, actor=actor, now=now, zone=zone)
        if before["due_moved"]:
            # Exactly as it stood: the day as it was named, and not as pauses have moved it since.
            row.due_at, row.due_moved = due, True
        else:
            row.due_at = due_of(run.published.definition, row.started_at, zone)
        session.add(row)
    paused_at = datetime.fromisoformat(before["paused_at"]) if before["paused_at"] else None
    if row.paused_at is not None and paused_at is None:
        forget_pause(session, run, reason=reason, actor=actor, now=now)
    elif row.paused_at is None and paused_at is not None:
        go_on_pausing(session, run, since=paused_at, reason=reason, actor=actor, now=now)
    if (row.excluded_at is not None) != before["excluded"]:
        apply_change(session, run, Change(reason, excluded=before["excluded"]), actor=actor, now=now, zone=zone)
