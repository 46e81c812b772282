"""Where an account stands in a checklist: what pages and the machine interface show, computed once for both.

Steps that still wait say what counts towards them ("5 of 8 days"), from the same rules that will complete them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from portal.checklists import deadlines
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.deadlines import Pause, Status, effective_due, is_paused
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import Scope, Step, Tick
from portal.checklists.evaluation import ask_of_run
from portal.checklists.models import Completion, EnrollmentException
from portal.checklists.models import Pause as PauseRow
from portal.checklists.rules import Progress, next_step, progress, scope_progress
from portal.checklists.runs import Run, load_runs
from portal.checklists.steps import run_of
from portal.conditions.lookups import Book
from portal.conditions.model import queries
from portal.conditions.rules import Reason
from portal.kit.clock import deadline, has_passed, local_day
from portal.kit.prepared import Prepared


@dataclass(frozen=True)
class Done:
    """A completion, as it is shown. `members` are the names of those whose part it rests on."""

    at: datetime
    recorded_at: datetime
    by: str
    by_name: str
    how: str
    evidence: Mapping[str, object]
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One member's part in a step."""

    member_id: int
    name: str
    done: Done | None
    counts: bool
    """Whether the scope counts them now: active, with an identity, of the role asked for."""


@dataclass(frozen=True)
class StepState:
    """One step, as it stands. `mine` is the asking member's own part; `reasons` say what is still missing."""

    step: Step
    position: int
    done: Done | None
    due_at: datetime | None
    is_late: bool
    people: tuple[int, int] | None
    mine: Done | None
    mine_counts: bool
    reasons: tuple[Reason, ...]
    can_tick: bool
    can_undo: bool


@dataclass(frozen=True)
class RunState:
    """One run, as it stands at a moment."""

    account: str
    account_id: int
    key: str
    version: int
    title: Mapping[str, str]
    started_at: datetime
    due_at: datetime | None
    days_left: int | None
    completed_at: datetime | None
    status: Status
    progress: Progress
    steps: tuple[StepState, ...]
    next_key: str | None
    last_progress_at: datetime | None


def states_of(
    session: Session, *, account_id: int, now: datetime, zone: ZoneInfo, member_id: int | None = None
) -> list[RunState]:
    """All runs of an account, in the order of the checklists."""
    known = catalog(session)
    order = {published.key: number for number, published in enumerate(known.live)}
    runs = load_runs(session, known, accounts=[account_id])
    runs.sort(key=lambda run: order.get(run.published.key, len(order)))
    book = _book_of(session, account_id, runs, zone=zone, member_id=member_id)
    return [state_of_run(session, run, now=now, zone=zone, member_id=member_id, book=book) for run in runs]


def state_of(
    session: Session, *, account_id: int, key: str, now: datetime, zone: ZoneInfo, member_id: int | None = None
) -> RunState:
    """One run; `NotFound` where the account is not enrolled."""
    known: Catalog = catalog(session)
    run = run_of(session, known, account_id, key)
    return state_of_run(session, run, now=now, zone=zone, member_id=member_id)


def state_of_run(
    session: Session,
    run: Run,
    *,
    now: datetime,
    zone: ZoneInfo,
    member_id: int | None = None,
    book: Book | None = None,
) -> RunState:
    """`run` as it stands at `now`, for the eyes of `member_id` if one is given.

    Several runs of one account share a `book`, made for that member.
    """
    enrollment = run.enrollment
    known = book or _book_of(session, enrollment.account_id, [run], zone=zone, member_id=member_id)
    pauses = [Pause(since, until) for since, until in _PAUSES.all(session, {"enrollment": enrollment.id})]
    paused = is_paused(pauses, as_of=now)
    due = effective_due(enrollment.due_at, _closed(pauses, now), as_of=now, zone=zone)
    running_due = effective_due(enrollment.due_at, pauses, as_of=now, zone=zone)
    definition = run.published.definition
    done = run.done
    following = next_step(definition, done)
    return RunState(
        account=run.account.external_id,
        account_id=run.account.id or 0,
        key=run.published.key,
        version=run.published.version,
        title=definition.title,
        started_at=enrollment.started_at,
        due_at=due,
        days_left=deadlines.days_left(running_due, now, zone),
        completed_at=enrollment.completed_at,
        status=deadlines.status(
            excluded=enrollment.excluded_at is not None,
            completed_at=enrollment.completed_at,
            paused=paused,
            due=running_due,
            as_of=now,
        ),
        progress=progress(definition, done),
        steps=tuple(
            _step_state(run, step, number, pauses=pauses, now=now, zone=zone, member_id=member_id, book=known)
            for number, step in enumerate(definition.steps, start=1)
        ),
        next_key=following.key if following else None,
        last_progress_at=enrollment.last_progress_at,
    )


def parts_of(run: Run, step: Step, *, now: datetime) -> list[Part]:
    """Each member's part in a step of member scope."""
    return [
        Part(
            member_id=part.member,
            name=person.name or person.email or person.external_id or "",
            done=_shown(run, row) if (row := run.completions.get((step.key, part.member))) else None,
            counts=part.identified
            and part.joined_at <= now
            and (part.left_at is None or part.left_at > now)
            and _counts(step.scope, run, part.member),
        )
        for part, person in zip(run.member_runs(step.key), run.members, strict=True)
    ]


def exceptions_of(session: Session, enrollment_id: int) -> Sequence[EnrollmentException]:
    """The exceptions on record, newest first."""
    rows = (
        select(EnrollmentException)
        .where(col(EnrollmentException.enrollment_id) == enrollment_id)
        .order_by(col(EnrollmentException.at).desc(), col(EnrollmentException.id).desc())
    )
    return session.exec(rows).all()


def _book_of(session: Session, account_id: int, runs: Iterable[Run], *, zone: ZoneInfo, member_id: int | None) -> Book:
    """For all that the steps of `runs` may ask: what lies before the start of a run is of no use to its windows."""
    firsts: dict[str, date] = {}
    for run in runs:
        starts = local_day(run.enrollment.started_at, zone)
        for step in run.published.definition.steps:
            for query in () if isinstance(step.done_when, Tick) else queries(step.done_when):
                first = date.min if query.within is None else starts
                firsts[query.event] = min(first, firsts.get(query.event, first))
    return Book(session, account_id, firsts, only=member_id)


def _step_state(
    run: Run,
    step: Step,
    number: int,
    *,
    pauses: Sequence[Pause],
    now: datetime,
    zone: ZoneInfo,
    member_id: int | None,
    book: Book,
) -> StepState:
    row = run.completions.get((step.key, None))
    own = run.completions.get((step.key, member_id)) if member_id is not None else None
    rule = deadline(run.enrollment.started_at, step.due, zone) if step.due else None
    due = effective_due(rule, _closed(pauses, now), as_of=now, zone=zone)
    running_due = effective_due(rule, pauses, as_of=now, zone=zone)
    per_member = not isinstance(step.scope, AccountScope)
    tickable = isinstance(step.done_when, Tick) and step.by == "customer"
    mine = row if not per_member else own
    waits = row is None or (per_member and own is None and member_id is not None)
    return StepState(
        step=step,
        position=number,
        done=_shown(run, row) if row else None,
        due_at=due,
        is_late=row is None and running_due is not None and has_passed(running_due, now),
        people=scope_progress(step.scope, run.member_runs(step.key), now) if per_member else None,
        mine=_shown(run, own) if own else None,
        mine_counts=_counts(step.scope, run, member_id),
        reasons=_reasons(run, step, now=now, zone=zone, member_id=member_id, book=book) if waits else (),
        can_tick=tickable and mine is None and _counts(step.scope, run, member_id),
        can_undo=tickable and mine is not None and mine.how == "member",
    )


def _closed(pauses: Sequence[Pause], now: datetime) -> list[Pause]:
    """The pauses that are over: by them a deadline is shown even while another one is holding it up."""
    return [pause for pause in pauses if pause.until is not None and pause.until <= now]


def _counts(scope: Scope, run: Run, member_id: int | None) -> bool:
    if member_id is None:
        return False
    wanted = getattr(scope, "name", None)
    return wanted is None or any(person.id == member_id and person.role == wanted for person in run.members)


def _reasons(
    run: Run, step: Step, *, now: datetime, zone: ZoneInfo, member_id: int | None, book: Book
) -> tuple[Reason, ...]:
    """What counts towards a waiting step: for the account, or for the asking member's own part."""
    if isinstance(step.done_when, Tick):
        return ()
    person = None
    if not isinstance(step.scope, AccountScope):
        person = next((member for member in run.members if member.id == member_id), None)
        if person is None:
            return ()
    since = run.undone_at(step.key, None if person is None else person.id)
    verdict = ask_of_run(book.session, run, step.done_when, person, now=now, zone=zone, since=since, book=book)
    return verdict.reasons


def _shown(run: Run, row: Completion) -> Done:
    names = run.names
    members = row.evidence.get("members", [])
    return Done(
        at=row.at,
        recorded_at=row.recorded_at,
        by=row.by,
        by_name=row.by_name,
        how=row.how,
        evidence=row.evidence,
        members=tuple(names.get(member, member) or member for member in members) if isinstance(members, list) else (),
    )


_PAUSES = Prepared(
    select(col(PauseRow.since), col(PauseRow.until))
    .where(col(PauseRow.enrollment_id) == bindparam("enrollment"))
    .order_by(col(PauseRow.since), col(PauseRow.id))
)
