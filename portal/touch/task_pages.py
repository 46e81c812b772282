"""Tasks in the browser: listed, changed, done, and taken away."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.paths import customer_path, local_path
from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.kit.clock import local_day
from portal.kit.errors import Invalid, NotFound, by_field
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, page_router, render
from portal.touch import forms, tasks
from portal.touch.compose import REMINDERS, colleague, colleagues, number_in, told
from portal.touch.listing import STATES, State, TaskPage, list_tasks
from portal.touch.models import Task, TaskAct
from portal.touch.rules import Due, due_of, end_of_week
from portal.workdays.service import calendar_of

router = page_router(prefix="/staff/tasks")
PER_PAGE = 50
STATE_WORDS: Mapping[State, Message] = {
    "open": Message("Not done yet"),
    "overdue": Message("Overdue"),
    "today": Message("Due today"),
    "week": Message("Due this week"),
    "done": Message("Done"),
    "removed": Message("Dropped"),
}
ACT_WORDS = {
    "made": Message("Task made: %(title)s"),
    "changed": Message("Task changed: %(title)s"),
    "handed": Message("Task handed to %(who)s: %(title)s"),
    "done": Message("Task done: %(title)s"),
    "reopened": Message("Task opened again: %(title)s"),
    "removed": Message("Task dropped: %(title)s"),
    "restored": Message("Task picked up again: %(title)s"),
}
Text = Annotated[str, Query(max_length=200)]
Typed = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class TasksPage:
    """For `touch/tasks.html`. `choices` are (word, address, is this one, how many); `whose` switches between mine and
    everyone's."""

    found: TaskPage
    choices: Sequence[tuple[Message, str, bool, int]]
    whose: Sequence[tuple[Message, str, bool]]
    state: State
    here: str
    previous: str
    following: str
    range: tuple[int, int]
    may_act: bool


@dataclass(frozen=True)
class OneTaskPage:
    """For `touch/task.html`: a task as a form, with what was done with it."""

    task: Task
    due: Due
    account: str
    account_href: str
    history: Sequence[tuple[TaskAct, Message]]
    colleagues: Sequence[tuple[str, str]]
    reminders: Sequence[tuple[str, Message]]
    may_act: bool
    back: str
    typed: Mapping[str, str]
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


@router.get("")
async def list_all(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    state: Text = "open",
    whose: Text = "mine",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Tasks, mine or everyone's."""
    chosen_state: State = next((one for one in STATES if one == state), "open")
    everyone = whose == "all"
    today = local_day(site.clock(), site.zone)

    def work(session: Session) -> TaskPage:
        return list_tasks(
            session,
            today=today,
            week_ends=end_of_week(today),
            state=chosen_state,
            staff_id=None if everyone else viewer.staff_id,
            page=page,
            limit=PER_PAGE,
        )

    found = await site.database.report(work)

    def address(**changed: object) -> str:
        asked = {"state": chosen_state, "whose": "all" if everyone else "", **changed}
        kept = {name: str(value) for name, value in asked.items() if value and (name, value) != ("state", "open")}
        return f"/staff/tasks?{urlencode(kept)}" if kept else "/staff/tasks"

    shown = TasksPage(
        found=found,
        choices=[(STATE_WORDS[one], address(state=one), one == chosen_state, found.counts[one]) for one in STATES],
        whose=[
            (Message("Mine"), address(whose=""), not everyone),
            (Message("Everyone's"), address(whose="all"), everyone),
        ],
        state=chosen_state,
        here=address(page=found.page if found.page > 1 else ""),
        previous=address(page=found.page - 1) if found.page > 1 else "",
        following=address(page=found.page + 1) if found.page < found.pages else "",
        range=(min(found.skip + 1, found.total), found.skip + len(found.rows)),
        may_act=viewer.may("act_for_customers"),
    )
    return render(request, "touch/tasks.html", shown, viewer=viewer, nav="tasks")


@router.get("/{task_id}")
async def show_task(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    task_id: int,
    back: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """One task in full."""
    page = await site.database.read(lambda session: _task_page(session, site, viewer, task_id, back))
    return render(request, "touch/task.html", page, viewer=viewer, nav="tasks")


@router.post("/{task_id}")
async def save_task(request: Request, site: SiteDep, viewer: ActsForCustomers, task_id: int) -> Response:
    """What, who and by when, said anew."""
    sent = await request.form()
    given = {name: text for name, text in sent.items() if isinstance(text, str)}
    now = site.clock()

    def work(session: Session) -> None:
        task = tasks.task_by_id(session, number_in(task_id))
        wanted = forms.task_in(given, now=now, zone=site.zone, calendar=calendar_of(session))
        tasks.change_task(session, task, wanted=wanted, by=colleague(viewer), now=now)

    back = given.get("back", "")
    try:
        await site.database.write(work)
    except Invalid as error:
        wrong = error
        page = await site.database.read(lambda session: _task_page(session, site, viewer, task_id, back, given, wrong))
        return render(request, "touch/task.html", page, viewer=viewer, nav="tasks", status=422)
    return told(request, local_path(back, "/staff/tasks"), Message("Saved."))


@router.post("/{task_id}/{act}")
async def act_on_task(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    task_id: int,
    act: str,
    outcome: Annotated[str, Form(max_length=10_000)] = "",
    back: Typed = "",
) -> Response:
    """Done, open again, taken away, brought back."""
    now, by = site.clock(), colleague(viewer)

    def finish(session: Session, task: Task) -> None:
        tasks.finish_task(session, task, outcome=outcome, by=by, now=now)

    doing: Mapping[str, tuple[Callable[[Session, Task], None], Message]] = {
        "done": (finish, Message("The task is done.")),
        "reopen": (
            lambda session, task: tasks.reopen_task(session, task, by=by, now=now),
            Message("The task is open again."),
        ),
        "remove": (
            lambda session, task: tasks.remove_task(session, task, by=by, now=now),
            Message("The task was dropped; it can be brought back."),
        ),
        "restore": (
            lambda session, task: tasks.restore_task(session, task, by=by, now=now),
            Message("The task is back."),
        ),
    }
    if act not in doing:
        raise NotFound
    do, said = doing[act]
    try:
        await site.database.write(lambda session: do(session, tasks.task_by_id(session, number_in(task_id))))
    except Invalid as wrong:
        return told(request, f"/staff/tasks/{task_id}", wrong.message, kind="bad")
    return told(request, local_path(back, f"/staff/tasks/{task_id}"), said)


def _task_page(
    session: Session,
    site: Site,
    viewer: StaffViewer,
    task_id: int,
    back: str,
    typed: Mapping[str, str] | None = None,
    wrong: Invalid | None = None,
) -> OneTaskPage:
    task = tasks.task_by_id(session, number_in(task_id))
    account = session.get_one(Account, task.account_id)
    errors = by_field(wrong.problems if wrong else ())
    return OneTaskPage(
        task=task,
        due=due_of(task.due_on, local_day(site.clock(), site.zone)),
        account=account.name,
        account_href=customer_path(account.external_id),
        history=[(one, act_words(one, task.title)) for one in tasks.history_of(session, task)],
        colleagues=colleagues(session, besides=task.staff_id),
        reminders=REMINDERS,
        may_act=viewer.may("act_for_customers"),
        back=local_path(back, "/staff/tasks"),
        typed=typed if typed is not None else forms.task_texts(task, calendar=calendar_of(session)),
        errors=errors,
    )


def act_words(act: TaskAct, title: str) -> Message:
    """What was done with a task, in words."""
    params = {"title": title, "who": act.text} if act.kind == "handed" else {"title": title}
    return Message(ACT_WORDS[act.kind].msgid, **params)
