"""Files brought in by staff, step by step: stored, their columns chosen, looked at without any change, imported.

The engine is that of the command (`imports`, `import_rows`). What takes long is done by a job; between it and the page
stands the row of the import, and the page shows what that says, however often it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from portal.accounts.csvfile import CsvHead, read_head
from portal.accounts.headings import folded_heading, guessed
from portal.accounts.imports import COLUMNS, KINDS, ImportResult, Kind
from portal.accounts.own_fields import PREFIX, own_fields
from portal.accounts.records import CustomerImport, ImportHeading
from portal.kit import i18n
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.files import FileProblems, Problem
from portal.kit.i18n import Message
from portal.kit.jobs import enqueue

JOB: Final = "customers.import"
KEPT: Final = timedelta(days=1)
RECORD_KEPT: Final = timedelta(days=90)
PREVIEWED: Final = 5
MOST_PROBLEMS: Final = 500
BUSY: Final = ("checking", "running")
WITHOUT_FILE: Final = defer(CustomerImport.data)  # type: ignore[arg-type]  # SQLModel says bytes of a column


def store(session: Session, *, kind: Kind, file: str, data: bytes, by: str, now: datetime) -> CustomerImport:
    """Keep a file, its columns guessed; raises `FileProblems` where it is no table."""
    head = read_head(data, file=file, rows=0)
    columns = guessed(kind, head.headings, remembered=remembered(session, kind), fields=choosable(session, kind))
    row = CustomerImport(
        kind=kind, file=file[:200], data=data, columns=columns, by=by[:200], created_at=now, changed_at=now
    )
    session.add(row)
    session.flush()
    return row


def import_of(session: Session, import_id: int) -> CustomerImport:
    """One import; `NotFound` where there is none such. Its file is read when it is asked for."""
    found = session.get(CustomerImport, import_id, options=[WITHOUT_FILE])
    if found is None:
        raise NotFound
    return found


def recent(session: Session, limit: int = 10) -> Sequence[CustomerImport]:
    """The last imports, the newest first, without their files."""
    asked = select(CustomerImport).options(WITHOUT_FILE).order_by(col(CustomerImport.id).desc()).limit(limit)
    return session.execute(asked).scalars().all()


def choosable(session: Session, kind: Kind) -> dict[str, Sequence[str]]:
    """The fields a column may be, each with the vendor's words for it."""
    required, optional = COLUMNS[kind]
    found: dict[str, Sequence[str]] = dict.fromkeys((*required, *optional), ())
    if kind == "accounts":
        found |= {f"{PREFIX}{one.key}": (one.key, *one.label.values()) for one in own_fields(session)}
    return found


def head_of(row: CustomerImport) -> CsvHead:
    """The headings and first rows of a stored file."""
    return read_head(row.data, file=row.file, rows=PREVIEWED)


def headings_of(row: CustomerImport) -> dict[str, str]:
    """What the file calls each field that was chosen."""
    head = read_head(row.data, file=row.file, rows=0)
    return {name: heading for name, heading in zip(row.columns, head.headings, strict=False) if name and heading}


def remembered(session: Session, kind: str) -> dict[str, str]:
    """What headings meant the last time."""
    asked = select(col(ImportHeading.heading), col(ImportHeading.field)).where(col(ImportHeading.kind) == kind)
    return {row[0]: row[1] for row in session.connection().execute(asked)}


def choose_columns(session: Session, row: CustomerImport, columns: Sequence[str], *, now: datetime) -> None:
    """Say what each column is, and have the file looked at. `Invalid` where that cannot be."""
    if row.state in BUSY or not row.data:
        raise Conflict(Message("This import is under way, or over. Nothing was changed."))
    known = choosable(session, as_kind(row.kind))
    chosen = [name if name in known else "" for name in columns]
    twice = sorted({name for name in chosen if name and chosen.count(name) > 1})
    if twice:
        raise Invalid(Message("Two columns are the same field: %(fields)s.", fields=", ".join(twice)))
    needed = ("external_id",) if row.kind == "accounts" else ("account",)
    if missing := [name for name in needed if name not in chosen]:
        raise Invalid(Message("Choose the column that is %(fields)s.", fields=", ".join(missing)))
    if row.kind == "members" and not {"external_id", "email"} & set(chosen):
        raise Invalid(Message("Choose the column that is %(fields)s.", fields="email"))
    row.columns, row.state, row.done, row.total, row.result, row.changed_at = chosen, "checking", 0, 0, {}, now
    session.add(row)
    enqueue(session, JOB, {"id": row.id}, now=now)


def begin(session: Session, row: CustomerImport, *, now: datetime) -> None:
    """Import what was looked at and found in order."""
    if row.state != "checked":
        raise Conflict(Message("This import is under way, or over. Nothing was changed."))
    row.state, row.done, row.changed_at = "running", 0, now
    session.add(row)
    enqueue(session, JOB, {"id": row.id}, now=now)


def discard(session: Session, row: CustomerImport) -> None:
    """Forget a file that was not imported; what was is on record."""
    if row.state in BUSY or row.state == "done":
        raise Conflict(Message("This import is under way, or over. Nothing was changed."))
    session.delete(row)


def note_progress(session: Session, import_id: int, done: int, total: int) -> None:
    """So many rows of so many are read."""
    where = update(CustomerImport).where(col(CustomerImport.id) == import_id)
    session.connection().execute(where.values(done=done, total=total))


def note_problems(session: Session, row: CustomerImport, problems: Sequence[Problem], *, now: datetime) -> None:
    """Nothing was imported, and this is why."""
    row.result = {"problems": [packed(one) for one in problems[:MOST_PROBLEMS]], "count": len(problems)}
    row.state, row.changed_at = "refused", now
    session.add(row)


def note_result(
    session: Session, row: CustomerImport, result: ImportResult, *, more: Mapping[str, Any], now: datetime
) -> None:
    """What the look found, or what the import did; then the file is forgotten and its headings are remembered."""
    counts = {"created": result.created, "updated": result.updated, "unchanged": result.unchanged}
    if row.state == "running":
        for heading, name in _said(row):
            session.merge(ImportHeading(kind=row.kind, heading=heading, field=name))
        row.data, row.state = b"", "done"
    else:
        row.state = "checked"
    row.result, row.changed_at = {**row.result, **counts, **more}, now
    session.add(row)


def note_failure(session: Session, import_id: int, *, now: datetime) -> None:
    """It went wrong in a way nobody foresaw; nothing was imported."""
    row = session.get(CustomerImport, import_id)
    if row is not None and row.state in BUSY:
        row.state, row.changed_at = "failed", now
        session.add(row)


def forget(session: Session, *, now: datetime) -> None:
    """Files nobody imported go after a day, and the record of imports after three months."""
    unused = col(CustomerImport.created_at) < now - KEPT
    session.execute(delete(CustomerImport).where(unused, col(CustomerImport.state) != "done"))
    session.execute(delete(CustomerImport).where(col(CustomerImport.created_at) < now - RECORD_KEPT))


def packed(problem: Problem) -> dict[str, Any]:
    """A problem as JSON keeps it, to be said in any language."""
    return {"line": problem.line, "message": i18n.packed(problem.message)}


def unpacked(told: Mapping[str, Any]) -> tuple[int, Message]:
    """The line of a kept problem, and what is wrong there."""
    return told["line"], i18n.unpacked(told["message"])


def as_kind(word: str) -> Kind:
    """The kind that a form or a row names."""
    found = next((one for one in KINDS if one == word), None)
    if found is None:
        raise NotFound
    return found


def no_table(error: FileProblems) -> tuple[Message, ...]:
    """What is wrong with a file that is no table, each with its line."""
    said = Message("line %(line)s: %(problem)s").msgid
    return tuple(Message(said, line=one.line, problem=one.message) for one in error.problems)


def _said(row: CustomerImport) -> list[tuple[str, str]]:
    head = read_head(row.data, file=row.file, rows=0)
    pairs = zip(head.headings, row.columns, strict=False)
    return [(folded_heading(heading), name) for heading, name in pairs if heading]
