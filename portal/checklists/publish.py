"""Publishing checklists: what a changed file would do to customers under way, and then doing it.

`planning.plan` only looks. `apply` writes a new version, moves those under way to it with everything they have done
that still exists, leaves whoever has finished on the version they finished, enrolls whom the audience now takes in, and
archives what is gone. Both run on the same rules, `apply` in one transaction.

They are about files, all of them at once. What is written in the browser is published one at a time (`apply_one`),
ends when somebody says so (`end`), and is left alone by files, until it is given back to them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlalchemy import text as sql
from sqlmodel import Session, col, select

from portal.accounts.models import Account
from portal.checklists.catalog import Catalog, Published, catalog
from portal.checklists.definition import Definition, dump
from portal.checklists.enrollment import enroll_accounts, move_to
from portal.checklists.models import Checklist, ChecklistVersion, Enrollment
from portal.checklists.planning import TOUCHING, ChecklistChange, digest_of, is_kept, plan
from portal.checklists.runs import load_runs

SETTLED: Final = timedelta(minutes=1)
"""After so long every transaction has ended that began before a publication."""
EMPTY: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({})


def apply(
    session: Session,
    definitions: Sequence[Definition],
    *,
    by: str,
    now: datetime,
    zone: ZoneInfo,
    sources: Mapping[str, tuple[str, str]] = EMPTY,
) -> tuple[ChecklistChange, ...]:
    """Publish exactly these checklists, and archive the others that come from files. Returns what was done.

    `sources` gives the name and the text of each one's file, by key, to be given back by an export.
    """
    hold(session)
    changes = plan(session, definitions, now=now, zone=zone)
    standing = {row.key: row for row in session.exec(select(Checklist))}
    for position, definition in enumerate(definitions):
        if is_kept(standing, definition.key):
            continue
        row = standing.get(definition.key)
        if row is None:
            row = Checklist(key=definition.key, version=0, position=position, first_published_at=now)
        name, text = sources.get(definition.key, (None, None))
        row.position = position
        row.file = name
        _come_to_life(session, row, definition, by=by, now=now, text=text)
    for change in changes:
        if change.kind == "archived":
            standing[change.key].archived_at = now
            session.add(standing[change.key])
    session.flush()
    _reach_accounts(session, {change.key for change in changes if change.kind in TOUCHING}, now=now, zone=zone)
    return changes


def apply_one(
    session: Session, definition: Definition, change: ChecklistChange, *, by: str, now: datetime, zone: ZoneInfo
) -> None:
    """Publish this one, written in the browser; all others stay as they are.

    `change` is what `plan_one` has said in this very transaction, while nobody else could publish (`hold`).
    """
    row = session.get(Checklist, definition.key)
    if row is None:
        last = session.exec(select(func.max(Checklist.position))).one()
        position = 0 if last is None else last + 1
        row = Checklist(key=definition.key, version=0, position=position, first_published_at=now, origin="studio")
    _come_to_life(session, row, definition, by=by, now=now)
    if change.kind in TOUCHING:
        _reach_accounts(session, {definition.key}, now=now, zone=zone)


def end(session: Session, key: str, *, now: datetime) -> None:
    """Nobody runs through it any more; what was done stays on record, and publishing it again brings it back."""
    row = session.get_one(Checklist, key)
    row.archived_at = now
    session.add(row)
    session.flush()


def hold(session: Session) -> None:
    """Let nobody else publish until this transaction is over; reading goes on. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sql("LOCK TABLE checklist IN SHARE ROW EXCLUSIVE MODE"))


def _come_to_life(
    session: Session, row: Checklist, definition: Definition, *, by: str, now: datetime, text: str | None = None
) -> None:
    row.archived_at = None
    session.add(row)
    session.flush()
    _add_version(session, row, definition, by=by, now=now, text=text)


def _reach_accounts(session: Session, keys: Collection[str], *, now: datetime, zone: ZoneInfo) -> None:
    """Move those under way to what is live now, and enroll whom it takes in."""
    known = catalog(session)
    for key in sorted(keys):
        _move_under_way(session, known, key, zone=zone)
    if keys:
        ids = list(session.exec(select(col(Account.id)).order_by(col(Account.id))))
        enroll_accounts(session, known, [one for one in ids if one is not None], now=now, zone=zone, keys=keys)


def _add_version(
    session: Session, row: Checklist, definition: Definition, *, by: str, now: datetime, text: str | None
) -> None:
    digest = digest_of(definition)
    newest = session.exec(
        select(ChecklistVersion).where(
            col(ChecklistVersion.checklist_key) == row.key, col(ChecklistVersion.number) == row.version
        )
    ).first()
    if newest is not None and newest.digest == digest:
        newest.source = text
        session.add(newest)
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
            source=text,
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
