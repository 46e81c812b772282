"""What publishing checklists would do to customers under way, found out before anything is done.

The rules are those of `publish`, which plans by this before it does anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import orjson
from sqlmodel import Session, col, select

from portal.accounts.models import Account
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.definition import Definition, dump
from portal.checklists.enrollment import first_day, in_audience, needs_no_event, with_any_of
from portal.checklists.models import Checklist, Enrollment
from portal.checklists.rehearsal import as_published, condition_at, proved, rehearsed
from portal.checklists.rules import Affected, UnderWay, affected
from portal.checklists.runs import Run, load_runs
from portal.kit.clock import local_day

ChangeKind = Literal["new", "changed", "unchanged", "archived", "returned", "kept"]
"""`kept`: it is written in the browser, so its file was left aside."""
TOUCHING: frozenset[ChangeKind] = frozenset({"new", "changed", "returned"})
"""After these, runs may have to be made or looked at again."""


@dataclass(frozen=True)
class ChecklistChange:
    """What publishing does to one checklist. Lists hold the names of accounts, for a person to read.

    `completing` are those of `enrolled` who have done all of it already.
    """

    key: str
    kind: ChangeKind
    definition: Definition | None
    moved: int = 0
    finished: int = 0
    affected: tuple[tuple[str, Affected], ...] = ()
    enrolled: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    completing: tuple[str, ...] = ()

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
    changes = [
        ChecklistChange(one.key, "kept", None)
        if is_kept(standing, one.key)
        else _planned(session, known, standing, one, now=now, zone=zone)
        for one in definitions
    ]
    wanted = {definition.key for definition in definitions}
    changes += [
        _ending(session, known, published.key)
        for published in known.live
        if published.key not in wanted and not is_kept(standing, published.key)
    ]
    return tuple(changes)


def plan_one(session: Session, definition: Definition, *, now: datetime, zone: ZoneInfo) -> ChecklistChange:
    """What publishing this one would do, all others staying as they are; nothing is changed."""
    standing = {row.key: row for row in session.exec(select(Checklist).where(col(Checklist.key) == definition.key))}
    return _planned(session, catalog(session), standing, definition, now=now, zone=zone, closely=True)


def plan_end(session: Session, key: str) -> ChecklistChange:
    """What ending the checklist would do."""
    return _ending(session, catalog(session), key)


def is_kept(standing: Mapping[str, Checklist], key: str) -> bool:
    """Whether `key` is written in the browser, so that files leave it alone."""
    return key in standing and standing[key].origin != "file"


def _ending(session: Session, known: Catalog, key: str) -> ChecklistChange:
    under_way = [run for run in _runs(session, known, key) if run.enrollment.completed_at is None]
    return ChecklistChange(key, "archived", None, withdrawn=tuple(run.account.name for run in under_way))


def _planned(
    session: Session,
    known: Catalog,
    standing: dict[str, Checklist],
    definition: Definition,
    *,
    now: datetime,
    zone: ZoneInfo,
    closely: bool = False,
) -> ChecklistChange:
    """What publishing does to this one; `closely` looks for those who would be completed at once, too."""
    row = standing.get(definition.key)
    live = next((published for published in known.live if published.key == definition.key), None)
    if row is None or live is None:
        kind: ChangeKind = "new" if row is None else "returned"
        first = row.first_published_at if row else now
        joining = _joining(session, definition, first_day(definition, first, zone), now, zone)
        at_once = _completing(session, known, definition, joining, now=now, zone=zone) if closely else ()
        return ChecklistChange(definition.key, kind, definition, enrolled=_names(joining), completing=at_once)
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
                condition_at=condition_at(session, definition, run, now=now, zone=zone),
                proved=proved(session, definition, run, now=now, zone=zone),
            )
            for run in staying
        ],
    )
    joining = _joining(session, definition, first_day(definition, row.first_published_at, zone), now, zone)
    return ChecklistChange(
        definition.key,
        "changed",
        definition,
        moved=len(staying),
        finished=len(runs) - len(under_way),
        affected=tuple((names[one.run], one) for one in found if one.is_affected),
        enrolled=_names(joining),
        withdrawn=tuple(run.account.name for run in leaving),
        completing=_completing(session, known, definition, joining, now=now, zone=zone) if closely else (),
    )


def _joining(session: Session, definition: Definition, day: date, now: datetime, zone: ZoneInfo) -> list[Account]:
    """The accounts that would be enrolled, now or again, of those that started on `day` or later."""
    runs = select(Enrollment).where(col(Enrollment.checklist_key) == definition.key).subquery()
    others = (
        select(Account, runs.c.withdrawn_at)
        .outerjoin(runs, runs.c.account_id == col(Account.id))
        .where(runs.c.id.is_(None) | runs.c.withdrawn_at.is_not(None))
        .order_by(col(Account.id))
    )
    return [
        account
        for account, withdrawn_at in session.exec(others)
        if (withdrawn_at is not None or local_day(account.started_at, zone) >= day)
        and in_audience(session, definition, account, now=now, zone=zone)
    ]


def _names(accounts: Sequence[Account]) -> tuple[str, ...]:
    return tuple(account.name for account in accounts)


def _completing(
    session: Session,
    known: Catalog,
    definition: Definition,
    joining: Sequence[Account],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[str, ...]:
    """The names of those who would be enrolled and completed at once."""
    published = as_published(definition, version=0)
    ids = [account.id or 0 for account in joining]
    moved = set(ids) if needs_no_event(definition) else with_any_of(session, ids, published.watches)
    return tuple(
        account.name
        for account in joining
        if account.id in moved
        and rehearsed(session, known, published, account, now=now, zone=zone).enrollment.completed_at is not None
    )


def _runs(session: Session, known: Catalog, key: str) -> list[Run]:
    ids = session.exec(select(col(Enrollment.account_id)).where(col(Enrollment.checklist_key) == key)).all()
    return load_runs(session, known, accounts=ids, keys=[key])
