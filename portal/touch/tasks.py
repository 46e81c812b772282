"""Tasks: made, handed on, done with what came of it, opened again, taken away and brought back; each act on record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from portal.accounts.models import Staff
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.touch.models import Task, TaskAct
from portal.touch.rules import LONGEST_OUTCOME, Colleague, Wanted, wrong_with_task


def make_task(session: Session, *, account_id: int, wanted: Wanted, by: Colleague, now: datetime) -> Task:
    """Somebody is to do something for a customer; `Invalid` with everything that is wrong with it."""
    (task,) = make_tasks(session, account_ids=[account_id], wanted=wanted, by=by, now=now)
    return task


def make_tasks(
    session: Session, *, account_ids: Collection[int], wanted: Wanted, by: Colleague, now: datetime
) -> Sequence[Task]:
    """The same task for each of these customers."""
    _check(session, wanted)
    tasks = [
        Task(
            account_id=account_id,
            title=wanted.title.strip(),
            note=wanted.note.strip(),
            staff_id=wanted.staff_id,
            due_on=wanted.due_on,
            remind_on=wanted.remind_on,
            created_at=now,
        )
        for account_id in account_ids
    ]
    session.add_all(tasks)
    session.flush()
    for task in tasks:
        _note(session, task, "made", by, now)
    session.flush()
    return tasks


def change_task(session: Session, task: Task, *, wanted: Wanted, by: Colleague, now: datetime) -> None:
    """Say anew what is to be done, by whom and by when."""
    owner = _check(session, wanted)
    handed = wanted.staff_id != task.staff_id
    before = (task.title, task.note, task.due_on, task.remind_on)
    if wanted.remind_on != task.remind_on or handed:
        task.reminded_at = None
    task.title, task.note, task.due_on, task.remind_on = (
        wanted.title.strip(),
        wanted.note.strip(),
        wanted.due_on,
        wanted.remind_on,
    )
    task.staff_id = wanted.staff_id
    session.add(task)
    if handed:
        _note(session, task, "handed", by, now, owner.name or owner.email)
    if before != (task.title, task.note, task.due_on, task.remind_on):
        _note(session, task, "changed", by, now)
    session.flush()


def finish_task(session: Session, task: Task, *, outcome: str, by: Colleague, now: datetime) -> None:
    """It is done, with what came of it; done twice is done once."""
    if len(outcome) > LONGEST_OUTCOME:
        said = Message("At most %(limit)s characters.", limit=LONGEST_OUTCOME)
        raise Invalid(said, problems=[FieldProblem("outcome", "length", said)])
    if task.done_at is None:
        task.done_at, task.outcome = now, outcome.strip()
        session.add(task)
        _note(session, task, "done", by, now, task.outcome)


def reopen_task(session: Session, task: Task, *, by: Colleague, now: datetime) -> None:
    """It is not done after all; what was said to have come of it stays on record."""
    if task.done_at is not None:
        task.done_at, task.outcome = None, ""
        session.add(task)
        _note(session, task, "reopened", by, now)


def remove_task(session: Session, task: Task, *, by: Colleague, now: datetime) -> None:
    """Nobody need do it any more."""
    if task.removed_at is None:
        task.removed_at = now
        session.add(task)
        _note(session, task, "removed", by, now)


def restore_task(session: Session, task: Task, *, by: Colleague, now: datetime) -> None:
    """It is to be done after all."""
    if task.removed_at is not None:
        task.removed_at = None
        session.add(task)
        _note(session, task, "restored", by, now)


def task_by_id(session: Session, task_id: int) -> Task:
    """The task, taken away or not; `NotFound` otherwise."""
    found = session.get(Task, task_id)
    if found is None:
        raise NotFound
    return found


def history_of(session: Session, task: Task) -> Sequence[TaskAct]:
    """What was done with a task, oldest first."""
    return session.exec(select(TaskAct).where(col(TaskAct.task_id) == task.id).order_by(col(TaskAct.id))).all()


def _check(session: Session, wanted: Wanted) -> Staff:
    problems = wrong_with_task(wanted)
    owner = session.get(Staff, wanted.staff_id)
    if owner is None or owner.removed_at is not None:
        problems.append(FieldProblem("staff_id", "unknown", Message("Choose one of your colleagues.")))
    if problems or owner is None:
        raise Invalid(Message("The task was not saved."), problems=problems)
    return owner


def _note(session: Session, task: Task, kind: str, by: Colleague, now: datetime, text: str = "") -> None:
    session.add(
        TaskAct(
            task_id=task.id or 0,
            account_id=task.account_id,
            kind=kind,
            at=now,
            by=by.key,
            by_name=by.name[:200],
            text=text[:2000],
        )
    )
