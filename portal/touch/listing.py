"""Tasks as lists show them: with the customer they are for and whoever does them, most urgent first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Staff
from portal.kit.paging import Paged, page_at
from portal.touch.models import Task
from portal.touch.rules import Due, due_of

State = Literal["open", "overdue", "today", "week", "done", "removed"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Listed:
    """One task. `is_of_staff_gone`: whoever was to do it is no longer with the vendor."""

    task: Task
    external_id: str
    account: str
    owner: str
    is_of_staff_gone: bool
    due: Due


@dataclass(frozen=True)
class TaskPage(Paged):
    """A page of tasks, and how many there are in each state that was to be counted."""

    rows: Sequence[Listed]
    counts: Mapping[State, int]


def list_tasks(
    session: Session,
    *,
    today: date,
    week_ends: date,
    state: State = "open",
    staff_id: int | None = None,
    account_id: int | None = None,
    page: int = 1,
    limit: int = 50,
    counted: Collection[State] = STATES,
) -> TaskPage:
    """Tasks in `state`, of one colleague or of one customer where given; a page beyond the last gives the last. Beside
    `state` those of `counted` are counted."""
    scope: list[ColumnElement[bool]] = []
    if staff_id is not None:
        scope.append(col(Task.staff_id) == staff_id)
    if account_id is not None:
        scope.append(col(Task.account_id) == account_id)
    states = _states(today, week_ends)
    counts = {
        one: session.execute(select(func.count()).select_from(Task).where(*scope, *states[one])).scalar_one()
        for one in STATES
        if one == state or one in counted
    }
    place = page_at(page, total=counts[state], limit=max(limit, 1))
    due = col(Task.due_on)
    order: tuple[Any, ...] = (due.is_(None), due, col(Task.id))
    if state in ("done", "removed"):
        order = (func.coalesce(col(Task.done_at), col(Task.removed_at)).desc(), col(Task.id).desc())
    asked = (
        select(Task, col(Account.external_id), col(Account.name), Staff)
        .join(Account, col(Account.id) == col(Task.account_id))
        .join(Staff, col(Staff.id) == col(Task.staff_id))
        .where(*scope, *states[state])
        .order_by(*order)
        .offset(place.skip)
        .limit(place.limit)
    )
    rows = [
        Listed(task, external_id, name, staff.name or staff.email, staff.removed_at is not None, _due(task, today))
        for task, external_id, name, staff in session.execute(asked)
    ]
    return TaskPage(place.total, place.page, place.limit, rows, counts)


def _due(task: Task, today: date) -> Due:
    return "later" if task.done_at else due_of(task.due_on, today)


def _states(today: date, week_ends: date) -> Mapping[State, tuple[ColumnElement[bool], ...]]:
    # Written out as the index of open tasks says it: a partial index serves only a query that says so.
    is_open = (col(Task.done_at).is_(None), col(Task.removed_at).is_(None))
    due = col(Task.due_on)
    return {
        "open": is_open,
        "overdue": (*is_open, due < today),
        "today": (*is_open, due == today),
        "week": (*is_open, due > today, due <= week_ends),
        "done": (col(Task.done_at).is_not(None), col(Task.removed_at).is_(None)),
        "removed": (col(Task.removed_at).is_not(None),),
    }
