"""Publishing checklists: what a changed file would do to customers under way, and then doing it.

`plan` only looks. `apply` writes a new version, moves those under way to it with everything they have done that still
exists, leaves whoever has finished on the version they finished, enrolls whom the audience now takes in, and archives
what is gone. Both run on the same rules, `apply` in one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import func, text
from sqlmodel import Session, col, select

from portal.accounts.models import Account, Member
from portal.checklists.catalog import Catalog, Published, catalog
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import AtLeast, Definition, Required, Step, Tick, dump
from portal.checklists.enrollment import enroll_accounts, first_day, in_audience, move_to
from portal.checklists.evaluation import ask_of_run
from portal.checklists.models import Checklist, ChecklistVersion, Enrollment
from portal.checklists.rules import Affected, UnderWay, affected, scope_reached
from portal.checklists.runs import Run, load_runs
from portal.kit.clock import local_day

ChangeKind = Literal["new", "changed", "unchanged", "archived", "returned"]
TOUCHING: frozenset[ChangeKind] = frozenset({"new", "changed", "returned"})
"""After these, runs may have to be made or looked at again."""


@dataclass(frozen=True)
class ChecklistChange:
    """What publishing does to one checklist. Lists hold the names of accounts, for a person to read."""

    key: str
    kind: ChangeKind
    definition: Definition | None
    moved: int = 0
    finished: int = 0
    affected: tuple[tuple[str, Affected], ...] = ()
    enrolled: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether somebody is affected who was not told before: a live checklist changes under them."""
        return self.kind in ("changed", "archived") and bool(self.affected or self.enrolled or self.withdrawn)


def digest_of(definition: Definition) -> str:
    """The name of a definition's content."""
    return hashlib.sha256(orjson.dumps(dump(definition), option=orjson.OPT_SORT_KEYS)).hexdigest()


def plan(
    session: Session, definitions: Sequence[Definition], *, now: datetime, zone: ZoneInfo
) -> tuple[ChecklistChange, ...]:
    """What publishing exactly these checklists would do; nothing is changed."""
    known = catalog(session)
    standing = {row.key: row for row in session.exec(select(Checklist))}
    changes = [_planned(session, known, standing, one, now=now, zone=zone) for one in definitions]
    wanted = {definition.key for definition in definitions}
    for published in known.live:
        if published.key not in wanted:
            under_way = [run for run in _runs(session, known, published.key) if run.enrollment.completed_at is None]
            names = tuple(run.account.name for run in under_way)
            changes.append(ChecklistChange(published.key, "archived", None, withdrawn=names))
    return tuple(changes)


def apply(
    session: Session, definitions: Sequence[Definition], *, by: str, now: datetime, zone: ZoneInfo
) -> tuple[ChecklistChange, ...]:
    """Publish exactly these checklists, and archive the others. Returns what was done."""
    hold(session)
    changes = plan(session, definitions, now=now, zone=zone)
    standing = {row.key: row for row in session.exec(select(Checklist))}
    for position, definition in enumerate(definitions):
        row = standing.get(definition.key)
        if row is None:
            row = Checklist(key=definition.key, version=0, position=position, first_published_at=now)
        row.position = position
        row.archived_at = None
        session.add(row)
        session.flush()
        _add_version(session, row, definition, by=by, now=now)
    for change in changes:
        if change.kind == "archived":
            standing[change.key].archived_at = now
            session.add(standing[change.key])
    session.flush()
    known = catalog(session)
    touched = {change.key for change in changes if change.kind in TOUCHING}
    for key in sorted(touched):
        _move_under_way(session, known, key, zone=zone)
    if touched:
        ids = list(session.exec(select(col(Account.id)).order_by(col(Account.id))))
        enroll_accounts(session, known, [one for one in ids if one is not None], now=now, zone=zone, keys=touched)
    return changes


def hold(session: Session) -> None:
    """Let nobody else publish until this transaction is over; reading goes on. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE checklist IN SHARE ROW EXCLUSIVE MODE"))


def _planned(
    session: Session,
    known: Catalog,
    standing: dict[str, Checklist],
    definition: Definition,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> ChecklistChange:
    row = standing.get(definition.key)
    live = next((published for published in known.live if published.key == definition.key), None)
    if row is None or live is None:
        kind: ChangeKind = "new" if row is None else "returned"
        first = row.first_published_at if row else now
        return ChecklistChange(
            definition.key, kind, definition, enrolled=_joining(session, definition, first, now, zone)
        )
    if digest_of(live.definition) == digest_of(definition):
        return ChecklistChange(definition.key, "unchanged", definition)
    runs = _runs(session, known, definition.key)
    under_way = [run for run in runs if run.enrollment.completed_at is None]
    leaving: list[Run] = []
    staying: list[Run] = []
    for run in under_way:
        belongs = in_audience(session, definition, run.account, now=now, zone=zone)
        (staying if belongs else leaving).append(run)
    names = {run.enrollment.id or 0: run.account.name for run in staying}
    found = affected(
        live.definition,
        definition,
        [
            UnderWay(
                run=run.enrollment.id or 0,
                done=run.done,
                condition_at=_condition_at(session, definition, run, now=now, zone=zone),
                proved=_proved(session, definition, run, now=now, zone=zone),
            )
            for run in staying
        ],
    )
    return ChecklistChange(
        definition.key,
        "changed",
        definition,
        moved=len(staying),
        finished=len(runs) - len(under_way),
        affected=tuple((names[one.run], one) for one in found if one.is_affected),
        enrolled=_joining(session, definition, row.first_published_at, now, zone),
        withdrawn=tuple(run.account.name for run in leaving),
    )


def _joining(
    session: Session, definition: Definition, first_published_at: datetime, now: datetime, zone: ZoneInfo
) -> tuple[str, ...]:
    """The names of accounts that would be enrolled, now or again."""
    day = first_day(definition, first_published_at, zone)
    runs = select(Enrollment).where(col(Enrollment.checklist_key) == definition.key).subquery()
    others = (
        select(Account, runs.c.withdrawn_at)
        .outerjoin(runs, runs.c.account_id == col(Account.id))
        .where(runs.c.id.is_(None) | runs.c.withdrawn_at.is_not(None))
        .order_by(col(Account.id))
    )
    return tuple(
        account.name
        for account, withdrawn_at in session.exec(others)
        if (withdrawn_at is not None or local_day(account.started_at, zone) >= day)
        and in_audience(session, definition, account, now=now, zone=zone)
    )


def _condition_at(
    session: Session, definition: Definition, run: Run, *, now: datetime, zone: ZoneInfo
) -> datetime | None:
    rule = definition.completed_when
    if isinstance(rule, Required | AtLeast):
        return None
    verdict = ask_of_run(session, run, rule, now=now, zone=zone)
    return (verdict.at or now) if verdict.met else None


def _proved(
    session: Session, definition: Definition, run: Run, *, now: datetime, zone: ZoneInfo
) -> dict[str, datetime]:
    """When the steps of `definition` that are not on the run's list of done ones will be taken as done."""
    done = run.done
    before = {step.key: step for step in run.published.definition.steps}
    found: dict[str, datetime] = {}
    for step in definition.steps:
        if step.key in done:
            found[step.key] = done[step.key]
        elif before.get(step.key) != step and (at := _done_at(session, step, run, now=now, zone=zone)) is not None:
            found[step.key] = at
    return found


def _done_at(session: Session, step: Step, run: Run, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    condition = step.done_when

    def proof(member: Member | None, since: datetime | None) -> datetime | None:
        if isinstance(condition, Tick):
            return None
        verdict = ask_of_run(session, run, condition, member, now=now, zone=zone, since=since)
        return (verdict.at or now) if verdict.met else None

    if isinstance(step.scope, AccountScope):
        return proof(None, run.undone_at(step.key, None))
    parts = [
        part if part.done_at is not None else replace(part, done_at=proof(member, run.undone_at(step.key, member.id)))
        for part, member in zip(run.member_runs(step.key), run.members, strict=True)
    ]
    reached = scope_reached(step.scope, parts, since=run.enrollment.started_at)
    return reached.at if reached else None


def _runs(session: Session, known: Catalog, key: str) -> list[Run]:
    ids = session.exec(select(col(Enrollment.account_id)).where(col(Enrollment.checklist_key) == key)).all()
    return load_runs(session, known, accounts=ids, keys=[key])


def _add_version(session: Session, row: Checklist, definition: Definition, *, by: str, now: datetime) -> None:
    digest = digest_of(definition)
    newest = session.exec(
        select(ChecklistVersion).where(
            col(ChecklistVersion.checklist_key) == row.key, col(ChecklistVersion.number) == row.version
        )
    ).first()
    if newest is not None and newest.digest == digest:
        return
    highest = session.exec(
        select(func.max(ChecklistVersion.number)).where(col(ChecklistVersion.checklist_key) == row.key)
    ).one()
    row.version = (highest or 0) + 1
    session.add(row)
    session.add(
        ChecklistVersion(
            checklist_key=row.key,
            number=row.version,
            definition=dump(definition),
            digest=digest,
            published_at=now,
            published_by=by,
        )
    )
    session.flush()


def _move_under_way(session: Session, known: Catalog, key: str, *, zone: ZoneInfo) -> None:
    live: Published = known.live_of(key)
    ids = session.exec(
        select(col(Enrollment.account_id)).where(
            col(Enrollment.checklist_key) == key,
            col(Enrollment.completed_at).is_(None),
            col(Enrollment.version) != live.version,
        )
    ).all()
    for run in load_runs(session, known, accounts=ids, keys=[key], withdrawn=True):
        if run.enrollment.completed_at is None:
            move_to(session, run, live, zone=zone)
    session.flush()
