"""The job behind an import in the browser: the file read with its progress, then looked at or imported, and what that
means for checklists."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts import bringing_in
from portal.accounts.import_rows import import_rows
from portal.accounts.imports import ImportFile, ImportResult, read_import
from portal.accounts.looked_after import strangers
from portal.accounts.models import Account
from portal.accounts.own_fields import own_fields, readers
from portal.accounts.records import CustomerImport
from portal.checklists.catalog import catalog
from portal.checklists.enrollment import due_of, first_day
from portal.checklists.models import Checklist
from portal.conditions.rules import is_met
from portal.conditions.service import account_values
from portal.kit.clock import local_day
from portal.kit.db import zone_of
from portal.kit.files import FileProblems
from portal.kit.jobs import Claim
from portal.kit.web import Site

MOST_STRANGERS = 20


async def run(site: Site, job: Claim) -> None:
    """Look at a file, or import it, whichever its row waits for. Run again it does the same again, or nothing."""
    import_id = job.payload["id"]
    try:
        await _run(site, import_id)
    except Exception:
        await site.database.write(partial(bringing_in.note_failure, import_id=import_id, now=site.clock()))
        raise


async def _run(site: Site, import_id: int) -> None:
    def begun(session: Session) -> tuple[CustomerImport, dict[str, Any]] | None:
        row = session.get(CustomerImport, import_id)
        if row is None or row.state not in bringing_in.BUSY:
            return None
        own = readers(own_fields(session)) if row.kind == "accounts" else {}
        session.expunge(row)
        return row, own

    found = await site.database.read(begun)
    if found is None:
        return
    row, own = found
    try:
        read = await _read(site, row, own)
    except FileProblems as wrong:
        problems = wrong.problems
        await site.database.write(
            lambda session: bringing_in.note_problems(
                session, bringing_in.import_of(session, import_id), problems, now=site.clock()
            )
        )
        return
    now = site.clock()
    if row.state == "checking":  # long, and changes nothing: the one writer is not held for it
        looked = await site.database.report(lambda session: _look(session, read, now))
        await site.database.write(lambda session: _note(session, import_id, row.state, looked, now))
    else:
        await site.database.write(lambda session: _apply(session, import_id, read, now))


async def _read(site: Site, row: CustomerImport, own: Mapping[str, Any]) -> ImportFile:
    loop = asyncio.get_running_loop()
    noted: list[Any] = []

    def progress(done: int, total: int) -> None:
        work = partial(bringing_in.note_progress, import_id=row.id or 0, done=done, total=total)
        noted.append(asyncio.run_coroutine_threadsafe(site.database.write(work), loop))

    read = await asyncio.to_thread(
        read_import,
        bringing_in.as_kind(row.kind),
        row.data,
        file=row.file,
        zone=site.zone,
        progress=progress,
        own=own,
        columns=row.columns,
        headings=bringing_in.headings_of(row),
    )
    for one in noted:
        await asyncio.wrap_future(one)
    return read


Looked = tuple[ImportResult, Mapping[str, Any]]


def _look(session: Session, read: ImportFile, now: datetime) -> Looked:
    result = import_rows(session, read, now=now, dry_run=True)
    if not result.ok or read.kind != "accounts":
        return result, {}
    owners = Counter(owner for row in read.rows if isinstance(owner := row.changes.get("owner"), str))
    return result, {
        "checklists": forecast(session, result.added, now=now),
        "strangers": [(owner, owners[owner]) for owner in strangers(session, owners)[:MOST_STRANGERS]],
    }


def _apply(session: Session, import_id: int, read: ImportFile, now: datetime) -> None:
    if _held(session, import_id, "running") is not None:
        result = import_rows(session, read, now=now, dry_run=False)
        _note(session, import_id, "running", (result, {}), now)


def _note(session: Session, import_id: int, state: str, looked: Looked, now: datetime) -> None:
    row, (result, more) = _held(session, import_id, state), looked
    if row is not None and result.ok:
        bringing_in.note_result(session, row, result, more=more, now=now)
    elif row is not None:
        bringing_in.note_problems(session, row, result.problems, now=now)


def _held(session: Session, import_id: int, state: str) -> CustomerImport | None:
    """The import, kept from others, where it still waits for this: it may have been done by another worker, or have
    gone with a person who was erased."""
    asked = select(CustomerImport).where(col(CustomerImport.id) == import_id, col(CustomerImport.state) == state)
    held = asked.options(bringing_in.WITHOUT_FILE).with_for_update().execution_options(populate_existing=True)
    return session.execute(held).scalar_one_or_none()


def forecast(session: Session, added: Sequence[Mapping[str, object]], *, now: datetime) -> list[dict[str, Any]]:
    """For each live checklist how many of these new customers it takes in, how many of them would be overdue at once,
    and how many started before it looks (`from`), and so are not."""
    zone = zone_of(session)
    published_at = {row.key: row.first_published_at for row in session.execute(select(Checklist)).scalars()}
    accounts = [Account(**row) for row in added]  # type: ignore[arg-type]  # whole rows of rules.new_account
    told = []
    for one in catalog(session).live:
        definition = one.definition
        first = first_day(definition, published_at[one.key], zone)
        audience = definition.audience
        meant = [
            account
            for account in accounts
            if audience is None or is_met(audience, account_values(account), lambda _: 0, completed={})
        ]
        taken = [account for account in meant if local_day(account.started_at, zone) >= first]
        late = [due for account in taken if (due := due_of(definition, account.started_at, zone)) and due < now]
        told.append(
            {
                "title": dict(definition.title),
                "from": first.isoformat(),
                "enrolled": len(taken),
                "overdue": len(late),
                "before": len(meant) - len(taken),
            }
        )
    return told
